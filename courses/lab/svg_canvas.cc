#include "courses/lab/svg_canvas.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"

namespace strata::courses {
namespace {

constexpr double kLegendRow = 18;

// Where each entry of the legend goes: wrapped to the width.
std::vector<std::pair<double, double>> LegendPlaces(const std::vector<LegendEntry>& legend,
                                                    double width) {
  std::vector<std::pair<double, double>> places;
  double x = 0;
  double y = 0;
  for (const LegendEntry& entry : legend) {
    const double needed = 24 + TextWidth(entry.name, kFont) + 14;
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLegendRow;
    }
    places.emplace_back(x, y);
    x += needed;
  }
  return places;
}

std::vector<double> TicksOf(const Scale& scale, const Axis& axis, int count) {
  if (scale.log && axis.unit == "B") return BinaryLogTicks(scale.low, scale.high, count);
  if (scale.log) return LogTicks(scale.low, scale.high, count);
  return LinearTicks(scale.low, scale.high, count, axis.unit == "B");
}

}  // namespace

std::string ColourClass(size_t index) { return absl::StrCat("c", index % kColours); }

Svg::Svg(double width, double height, absl::string_view title) {
  out_ = absl::StrCat("<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ",
                      Coordinate(width), " ", Coordinate(height), "\" width=\"", Coordinate(width),
                      "\" height=\"", Coordinate(height), "\" role=\"img\" aria-label=\"",
                      EscapeXml(title.empty() ? "plot" : title), "\">\n");
}

void Svg::Shape(absl::string_view element, absl::string_view tooltip) {
  const absl::string_view name = element.substr(1, element.find(' ') - 1);
  if (tooltip.empty()) {
    absl::StrAppend(&out_, element, "/>\n");
  } else {
    absl::StrAppend(&out_, element, "><title>", EscapeXml(tooltip), "</title></", name, ">\n");
  }
}

void Svg::Line(double x1, double y1, double x2, double y2, absl::string_view css) {
  absl::StrAppend(&out_, "<line class=\"", css, "\" x1=\"", Coordinate(x1), "\" y1=\"",
                  Coordinate(y1));
  absl::StrAppend(&out_, "\" x2=\"", Coordinate(x2), "\" y2=\"", Coordinate(y2), "\"/>\n");
}

void Svg::Text(double x, double y, absl::string_view text, absl::string_view css,
               absl::string_view anchor, absl::string_view extra) {
  absl::StrAppend(&out_, "<text class=\"", css, "\" x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                  "\"");
  if (anchor != "start") absl::StrAppend(&out_, " text-anchor=\"", anchor, "\"");
  absl::StrAppend(&out_, extra.empty() ? "" : " ", extra, ">", EscapeXml(text), "</text>\n");
}

void Svg::Rect(double x, double y, double width, double height, absl::string_view css,
               absl::string_view tooltip, absl::string_view extra) {
  Shape(absl::StrCat("<rect class=\"", css, "\" x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                     "\" width=\"", Coordinate(std::max(width, 0.0)), "\" height=\"",
                     Coordinate(std::max(height, 0.0)), "\"", extra.empty() ? "" : " ", extra),
        tooltip);
}

void Svg::Path(absl::string_view data, absl::string_view css, absl::string_view tooltip) {
  Shape(absl::StrCat("<path class=\"", css, "\" d=\"", data, "\""), tooltip);
}

void Svg::Marker(double x, double y, size_t shape, absl::string_view css,
                 absl::string_view tooltip) {
  if (shape % 4 == 0) {
    return Shape(absl::StrCat("<circle class=\"", css, "\" cx=\"", Coordinate(x), "\" cy=\"",
                              Coordinate(y), "\" r=\"3.5\""),
                 tooltip);
  }
  if (shape % 4 == 1) return Rect(x - 3.2, y - 3.2, 6.4, 6.4, css, tooltip);
  const std::string start =
      absl::StrCat("M", Coordinate(x), " ", Coordinate(y - (shape % 4 == 2 ? 4.6 : 4.2)));
  Path(absl::StrCat(start, shape % 4 == 2 ? "l4.6 4.6l-4.6 4.6l-4.6 -4.6z" : "l4.4 7.6h-8.8z"), css,
       tooltip);
}

std::string Svg::Finish() { return absl::StrCat(out_, "</svg>\n"); }

double Scale::operator()(double value) const {
  const double position = log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
                              : (value - low) / (high - low);
  return from + position * (to - from);
}

bool IsShowable(double value, const Axis& axis) {
  constexpr double kMost = 1e150;
  return std::abs(value) <= kMost && (!axis.log || value >= 1 / kMost);
}

void Range::Add(double value, const Axis& axis) {
  if (!IsShowable(value, axis)) return;
  low = empty ? value : std::min(low, value);
  high = empty ? value : std::max(high, value);
  empty = false;
}

Range Padded(Range range, const Axis& axis, bool with_zero) {
  if (range.empty) return {axis.log ? 1.0 : 0.0, axis.log ? 10.0 : 1.0, false};
  if (axis.log) {
    const double room = range.low == range.high ? 3 : std::pow(range.high / range.low, 0.04);
    return {range.low / room, range.high * room, false};
  }
  if (with_zero) range = {std::min(range.low, 0.0), std::max(range.high, 0.0), false};
  const double largest = std::max(std::abs(range.low), std::abs(range.high));
  const double size = range.high - range.low;
  // Differences in the last digits are no differences to the eye, nor to the ticks.
  if (size <= 1e-9 * largest || size < 1e-150) {
    const double half = largest < 1e-150 ? 0.5 : largest / 10;
    return {range.low - half, range.high + half, false};
  }
  const double room = 0.05 * size;
  const bool from_zero = with_zero && range.low == 0;
  const bool to_zero = with_zero && range.high == 0;
  return {from_zero ? 0 : range.low - room, to_zero ? 0 : range.high + room, false};
}

double DrawHeader(const PlotOptions& options, const std::vector<LegendEntry>& legend, Svg* svg) {
  double height = 8;
  if (!options.title.empty()) {
    svg->Text(12, 22, options.title, "title");
    height = 32;
  }
  if (legend.empty()) return height;
  const auto places = LegendPlaces(legend, options.width - 24);
  for (size_t i = 0; i < legend.size(); ++i) {
    const double x = 12 + places[i].first;
    const double y = height + 8 + places[i].second;
    if (legend[i].line) {
      svg->Line(x, y, x + 18, y, legend[i].css);
    } else if (legend[i].shape >= 0) {
      svg->Marker(x + 9, y, static_cast<size_t>(legend[i].shape), legend[i].css);
    } else {
      svg->Rect(x + 3, y - 6, 12, 12, legend[i].css, "", "rx=\"2\"");
    }
    svg->Text(x + 24, y + 4, legend[i].name, "label");
  }
  return height + places.back().second + kLegendRow + 4;
}

void DrawXAxis(Frame* frame, const Axis& axis, bool ticks) {
  Svg& svg = frame->svg;
  const int count = std::max(2, static_cast<int>((frame->right - frame->left) / 90));
  double free_from = -1e9;  // labels must not touch
  for (double tick : ticks ? TicksOf(frame->x, axis, count) : std::vector<double>()) {
    const double x = frame->x(tick);
    svg.Line(x, frame->top, x, frame->bottom, "grid");
    const std::string text = SiNumber(tick, axis.unit);
    const double half = TextWidth(text, kFont) / 2;
    if (x - half < free_from) continue;
    svg.Text(x, frame->bottom + 16, text, "tick", "middle");
    free_from = x + half + 6;
  }
  svg.Line(frame->left, frame->bottom, frame->right, frame->bottom, "axis");
  if (!axis.label.empty()) {
    svg.Text((frame->left + frame->right) / 2, frame->bottom + 35, axis.label, "label", "middle");
  }
}

void DrawYAxis(Frame* frame, const Axis& axis) {
  Svg& svg = frame->svg;
  const int count = std::max(2, static_cast<int>((frame->bottom - frame->top) / 48));
  for (double tick : TicksOf(frame->y, axis, count)) {
    const double y = frame->y(tick);
    svg.Line(frame->left, y, frame->right, y, "grid");
    svg.Text(frame->left - 8, y + 4, SiNumber(tick, axis.unit), "tick", "end");
  }
  if (!axis.label.empty()) {
    const double y = (frame->top + frame->bottom) / 2;
    svg.Text(16, y, axis.label, "label", "middle",
             absl::StrCat("transform=\"rotate(-90 16 ", Coordinate(y), ")\""));
  }
}

Frame MakeFrame(const PlotOptions& options, Range x, Range y,
                const std::vector<LegendEntry>& legend, bool x_ticks) {
  Frame frame{Svg(options.width, options.height, options.title), 0, 0, 0, 0, {}, {}};
  frame.top = DrawHeader(options, legend, &frame.svg) + 4;
  frame.right = options.width - 18;
  frame.bottom = std::max(options.height - (options.x.label.empty() ? 28.0 : 46.0), frame.top + 40);
  frame.y = {y.low, y.high, frame.bottom, frame.top, options.y.log};
  double widest = 0;
  for (double tick : TicksOf(frame.y, options.y, 6)) {
    widest = std::max(widest, TextWidth(SiNumber(tick, options.y.unit), kFont));
  }
  frame.left = 14 + widest + (options.y.label.empty() ? 0 : 20);
  frame.x = {x.low, x.high, frame.left, frame.right, options.x.log};
  DrawYAxis(&frame, options.y);
  DrawXAxis(&frame, options.x, x_ticks);
  return frame;
}

std::string EmptyPlot(const PlotOptions& options) {
  Svg svg(options.width, 120, options.title);
  DrawHeader(options, {}, &svg);
  svg.Text(options.width / 2.0, 74, "no data", "label", "middle");
  return svg.Finish();
}

}  // namespace strata::courses
