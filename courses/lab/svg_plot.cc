#include "courses/lab/svg_plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"

namespace strata::courses {
namespace {

struct Point {
  double x;
  double y;
  std::string label;
};

std::vector<Point> VisiblePoints(const Series& series, const PlotOptions& options) {
  std::vector<Point> points;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (!IsShowable(series.x[i], options.x) || !IsShowable(series.y[i], options.y)) continue;
    points.push_back({series.x[i], series.y[i], i < series.labels.size() ? series.labels[i] : ""});
  }
  return points;
}

std::vector<std::vector<Point>> VisiblePoints(const std::vector<Series>& series,
                                              const PlotOptions& options) {
  std::vector<std::vector<Point>> points;
  for (const Series& one : series) points.push_back(VisiblePoints(one, options));
  return points;
}

// The ranges of all points; `empty` when there are none.
std::pair<Range, Range> RangesOf(const std::vector<std::vector<Point>>& points,
                                 const PlotOptions& options) {
  Range x{};
  Range y{};
  for (const auto& series : points) {
    for (const Point& point : series) {
      x.Add(point.x, options.x);
      y.Add(point.y, options.y);
    }
  }
  return {x, y};
}

std::string Tooltip(const Point& point, const std::string& series, const PlotOptions& options) {
  const std::string place =
      absl::StrCat(SiNumber(point.x, options.x.unit), ", ", SiNumber(point.y, options.y.unit));
  const std::string& name = point.label.empty() ? series : point.label;
  return name.empty() ? place : absl::StrCat(name, "\n", place);
}

// More points than pixels: keep the first, last, lowest and highest of each pixel column, in their order.
std::vector<Point> Thinned(const std::vector<Point>& points, const Frame& frame) {
  if (points.size() <= 4 * static_cast<size_t>(frame.right - frame.left)) return points;
  std::vector<Point> kept;
  size_t begin = 0;
  while (begin < points.size()) {
    const double column = std::floor(frame.x(points[begin].x));
    size_t end = begin;
    size_t low = begin;
    size_t high = begin;
    for (; end < points.size() && std::floor(frame.x(points[end].x)) == column; ++end) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
    }
    size_t last = points.size();
    for (size_t i : {begin, std::min(low, high), std::max(low, high), end - 1}) {
      if (i != last) kept.push_back(points[i]);
      last = i;
    }
    begin = end;
  }
  return kept;
}

std::string LineCss(size_t index, const Series& series) {
  return absl::StrCat("line ", ColourClass(index),
                      series.dashed || index >= kColours ? " dashed" : "");
}

void DrawLine(const std::vector<Point>& points, size_t index, const Series& series,
              const PlotOptions& options, Frame* frame) {
  std::string data;
  for (const Point& point : Thinned(points, *frame)) {
    absl::StrAppend(&data, data.empty() ? "M" : "L", Coordinate(frame->x(point.x)), " ",
                    Coordinate(frame->y(point.y)));
  }
  // Many points are mostly noise: a thin line keeps its shape.
  const bool thin = points.size() > 300 && !series.dashed;
  if (points.size() > 1)
    frame->svg.Path(data, absl::StrCat(LineCss(index, series), thin ? " thin" : ""));
  const bool marked = series.markers || points.size() == 1;
  if (!marked && points.size() > 200) return;
  const std::string css = absl::StrCat(marked ? "dot " : "ghost ", ColourClass(index));
  for (const Point& point : points) {
    frame->svg.Marker(frame->x(point.x), frame->y(point.y), marked ? index : 0, css,
                      Tooltip(point, series.name, options));
  }
}

// The line y = x and the band from half to twice.
void DrawDiagonal(Range range, const PlotOptions& options, Frame* frame) {
  if (options.x.log && options.y.log && range.high > 2 * range.low) {
    const auto corner = [&](double x, double y) {
      return absl::StrCat(Coordinate(frame->x(x)), " ", Coordinate(frame->y(y)));
    };
    const double low = range.low;
    const double high = range.high;
    frame->svg.Path(absl::StrCat("M", corner(low, low), "L", corner(low, 2 * low), "L",
                                 corner(high / 2, high), "L", corner(high, high), "L",
                                 corner(high, high / 2), "L", corner(2 * low, low), "Z"),
                    "band", "within a factor of two");
  }
  frame->svg.Line(frame->x(range.low), frame->y(range.low), frame->x(range.high),
                  frame->y(range.high), "guide");
}

}  // namespace

std::string LinePlot(const PlotOptions& options, const std::vector<Series>& series) {
  const auto points = VisiblePoints(series, options);
  const auto [x, y] = RangesOf(points, options);
  if (x.empty) return EmptyPlot(options);
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < series.size(); ++i) {
    if (!series[i].name.empty()) legend.push_back({series[i].name, LineCss(i, series[i]), true});
  }
  // Lines run from edge to edge: only the values get room.
  const Range padded = Padded(x, options.x);
  const bool spread = x.high - x.low > 1e-6 * (padded.high - padded.low);
  const Range across = spread ? x : padded;
  Frame frame = MakeFrame(options, across, Padded(y, options.y), legend);
  for (size_t i = 0; i < series.size(); ++i) DrawLine(points[i], i, series[i], options, &frame);
  return frame.svg.Finish();
}

std::string ScatterPlot(const PlotOptions& options, const std::vector<Series>& series,
                        bool diagonal) {
  const auto points = VisiblePoints(series, options);
  auto [x, y] = RangesOf(points, options);
  if (x.empty) return EmptyPlot(options);
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < series.size(); ++i) {
    if (!series[i].name.empty()) {
      legend.push_back(
          {series[i].name, absl::StrCat("dot ", ColourClass(i)), false, static_cast<int>(i)});
    }
  }
  if (diagonal) x = y = {std::min(x.low, y.low), std::max(x.high, y.high), false};
  x = Padded(x, options.x);
  y = Padded(y, options.y);
  Frame frame = MakeFrame(options, x, y, legend);
  if (diagonal)
    DrawDiagonal({std::max(x.low, y.low), std::min(x.high, y.high), false}, options, &frame);
  for (size_t i = 0; i < series.size(); ++i) {
    for (const Point& point : points[i]) {
      frame.svg.Marker(frame.x(point.x), frame.y(point.y), i, absl::StrCat("dot ", ColourClass(i)),
                       Tooltip(point, series[i].name, options));
    }
  }
  return frame.svg.Finish();
}

}  // namespace strata::courses
