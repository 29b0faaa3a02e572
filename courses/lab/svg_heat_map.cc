#include <algorithm>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

constexpr double kCellHeight = 36;
constexpr double kWidestCell = 92;
constexpr double kDark = 0.72;  // from here on text in the cell is light

Range RangeOf(const HeatMap& map, const Axis& axis) {
  Range range{};
  for (size_t r = 0; r < std::min(map.values.size(), map.row_names.size()); ++r) {
    for (size_t c = 0; c < std::min(map.values[r].size(), map.column_names.size()); ++c)
      range.Add(map.values[r][c], axis);
  }
  return range;
}

double Widest(const std::vector<std::string>& names) {
  double widest = 20;
  for (const std::string& name : names) widest = std::max(widest, TextWidth(name, kFont));
  return widest;
}

// Of [0.06, 1]: the least cell is still seen.
double Opacity(double value, const Range& range) {
  const double low = std::min(range.low, 0.0);
  if (range.high <= low) return 0.06;
  return 0.06 + 0.94 * (value - low) / (range.high - low);
}

}  // namespace

std::string HeatMapPlot(const PlotOptions& options, const HeatMap& map) {
  Range range = RangeOf(map, options.y);
  if (range.empty) return EmptyPlot(options);
  range.high = std::max(range.high, map.darkest);
  Svg measure(options.width, 0, "");
  const double top = DrawHeader(options, {}, &measure) + 22;
  const double left = 12 + std::min(Widest(map.row_names), options.width * 0.4);
  const size_t columns = map.column_names.size(), rows = map.row_names.size();
  const double cell =
      std::min(kWidestCell, (options.width - left - 12) / static_cast<double>(columns));
  Svg svg(options.width, top + kCellHeight * static_cast<double>(rows) + 10, options.title);
  DrawHeader(options, {}, &svg);
  for (size_t c = 0; c < columns; ++c) {
    svg.Text(left + (static_cast<double>(c) + 0.5) * cell, top - 8,
             FitText(map.column_names[c], kFont, cell - 2), "tick", "middle");
  }
  for (size_t r = 0; r < rows; ++r) {
    const double y = top + kCellHeight * static_cast<double>(r);
    svg.Text(left - 8, y + kCellHeight / 2 + 4, FitText(map.row_names[r], kFont, left - 10), "tick",
             "end");
    if (r >= map.values.size()) continue;
    for (size_t c = 0; c < std::min(columns, map.values[r].size()); ++c) {
      const double value = map.values[r][c];
      if (!IsShowable(value, options.y)) continue;
      const double x = left + static_cast<double>(c) * cell, opacity = Opacity(value, range);
      const std::string text = SiNumber(value, options.y.unit);
      svg.Rect(x + 1, y + 1, cell - 2, kCellHeight - 2, "bar c0",
               absl::StrCat(map.row_names[r], ", ", map.column_names[c], ": ", text),
               absl::StrCat("rx=\"2\" fill-opacity=\"", Coordinate(opacity), "\""));
      svg.Text(x + cell / 2, y + kCellHeight / 2 + 4, FitText(text, kFont, cell - 4),
               opacity < kDark ? "label" : "inside", "middle");
    }
  }
  return svg.Finish();
}

}  // namespace strata::courses
