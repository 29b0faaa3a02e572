#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

constexpr double kBarThickness = 16;  // of horizontal bars
constexpr double kGroupGap = 12;

std::string Tooltip(const std::string& group, const std::string& series, double value,
                    const Axis& axis) {
  return absl::StrCat(group, series.empty() || group.empty() ? "" : "\n", series, ": ",
                      SiNumber(value, axis.unit));
}

std::vector<LegendEntry> LegendOf(const std::vector<std::string>& series) {
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < series.size(); ++i) {
    if (!series[i].empty()) legend.push_back({series[i], "bar " + ColourClass(i)});
  }
  return legend.size() > 1 ? legend : std::vector<LegendEntry>();
}

Range RangeOf(const std::vector<BarGroup>& groups, size_t series, const Axis& axis) {
  Range range{};
  for (const BarGroup& group : groups) {
    for (size_t i = 0; i < std::min(series, group.values.size()); ++i)
      range.Add(group.values[i], axis);
  }
  return range;
}

// Logarithmic bars have no natural foot: they stand a bit below the least value.
double FootOf(const Range& range, const Axis& axis) { return axis.log ? range.low : 0; }

Range BarRange(const Range& range, const Axis& axis) {
  if (axis.log) return {range.low / 3, range.high * 2, false};
  Range padded = Padded(range, axis, /*with_zero=*/true);
  const double room = 0.07 * (padded.high - padded.low);  // for the numbers at the ends
  if (padded.high > 0) padded.high += room;
  if (padded.low < 0) padded.low -= room;
  return padded;
}

// All numbers fit above their bars; else none is written, and tooltips tell them.
bool NumbersFit(const std::vector<BarGroup>& groups, const Axis& axis, double width) {
  for (const BarGroup& group : groups) {
    for (double value : group.values)
      if (IsShowable(value, axis) && TextWidth(SiNumber(value, axis.unit), 10) > width)
        return false;
  }
  return true;
}

std::string Vertical(const PlotOptions& options, const std::vector<std::string>& series,
                     const std::vector<BarGroup>& groups, const Range& range) {
  const double count = static_cast<double>(groups.size());
  const Range values = BarRange(range, options.y);
  Frame frame = MakeFrame(options, {0, count, false}, values, LegendOf(series), /*x_ticks=*/false);
  const double pitch = (frame.right - frame.left) / count;
  const double bar = std::min(48.0, 0.78 * pitch / static_cast<double>(series.size()));
  const double foot = frame.y(FootOf(values, options.y));
  const bool numbers = NumbersFit(groups, options.y, series.size() == 1 ? pitch - 4 : bar + 4);
  for (size_t g = 0; g < groups.size(); ++g) {
    const double middle = frame.left + (static_cast<double>(g) + 0.5) * pitch;
    frame.svg.Text(middle, frame.bottom + 16, FitText(groups[g].label, kFont, pitch - 2), "tick",
                   "middle");
    const double start = middle - bar * static_cast<double>(series.size()) / 2;
    for (size_t i = 0; i < std::min(series.size(), groups[g].values.size()); ++i) {
      const double value = groups[g].values[i];
      if (!IsShowable(value, options.y)) continue;
      const double end = frame.y(value);
      const double x = start + bar * static_cast<double>(i);
      frame.svg.Rect(x + 1, std::min(end, foot), bar - 2, std::abs(end - foot),
                     "bar " + ColourClass(i), Tooltip(groups[g].label, series[i], value, options.y),
                     "rx=\"2\"");
      if (!numbers) continue;
      frame.svg.Text(x + bar / 2, value < 0 ? end + 12 : end - 4, SiNumber(value, options.y.unit),
                     "value", "middle");
    }
  }
  frame.svg.Line(frame.left, foot, frame.right, foot, "axis");
  return frame.svg.Finish();
}

std::string Horizontal(const PlotOptions& options, const std::vector<std::string>& series,
                       const std::vector<BarGroup>& groups, const Range& range) {
  const std::vector<LegendEntry> legend = LegendOf(series);
  const double thickness = kBarThickness * static_cast<double>(series.size());
  const double pitch = thickness + kGroupGap;
  Svg measure(options.width, 0, "");
  const double header = DrawHeader(options, legend, &measure);
  const double height =
      header + pitch * static_cast<double>(groups.size()) + (options.x.label.empty() ? 36 : 54);
  double widest = 20;
  for (const BarGroup& group : groups) widest = std::max(widest, TextWidth(group.label, kFont));
  const Range values = BarRange(range, options.x);
  Frame frame{Svg(options.width, height, options.title), 0, 0, 0, 0, {}, {}};
  frame.top = DrawHeader(options, legend, &frame.svg) + 4;
  frame.left = 20 + std::min(widest, options.width * 0.4);
  frame.right = options.width - 24;
  frame.bottom = frame.top + pitch * static_cast<double>(groups.size());
  frame.x = {values.low, values.high, frame.left, frame.right, options.x.log};
  DrawXAxis(&frame, options.x);
  const double foot = frame.x(FootOf(values, options.x));
  for (size_t g = 0; g < groups.size(); ++g) {
    const double top = frame.top + pitch * static_cast<double>(g) + kGroupGap / 2;
    frame.svg.Text(frame.left - 8, top + thickness / 2 + 4,
                   FitText(groups[g].label, kFont, frame.left - 20), "tick", "end");
    for (size_t i = 0; i < std::min(series.size(), groups[g].values.size()); ++i) {
      const double value = groups[g].values[i];
      if (!IsShowable(value, options.x)) continue;
      const double end = frame.x(value);
      const double y = top + kBarThickness * static_cast<double>(i);
      frame.svg.Rect(std::min(end, foot), y + 1, std::abs(end - foot), kBarThickness - 2,
                     "bar " + ColourClass(i), Tooltip(groups[g].label, series[i], value, options.x),
                     "rx=\"2\"");
      frame.svg.Text(value < 0 ? end - 4 : end + 4, y + kBarThickness / 2 + 4,
                     SiNumber(value, options.x.unit), "value", value < 0 ? "end" : "start");
    }
  }
  frame.svg.Line(foot, frame.top, foot, frame.bottom, "axis");
  return frame.svg.Finish();
}

}  // namespace

std::string BarPlot(const PlotOptions& options, const std::vector<std::string>& series,
                    const std::vector<BarGroup>& groups, bool horizontal) {
  const Range range = RangeOf(groups, series.size(), horizontal ? options.x : options.y);
  if (range.empty) return EmptyPlot(options);
  return horizontal ? Horizontal(options, series, groups, range)
                    : Vertical(options, series, groups, range);
}

}  // namespace strata::courses
