#include "courses/lab/svg_gantt.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"

namespace strata::courses {
namespace {

constexpr double kLane = 20;
constexpr double kFontInside = 9;
constexpr double kLeastFont = 6.5;

std::string PaleAttribute(bool pale) { return pale ? "fill-opacity=\"0.62\"" : ""; }

bool IsShown(const GanttCell& cell, const GanttOptions& options) {
  return cell.lane >= 0 && cell.lane < static_cast<int>(options.lanes.size()) &&
         std::isfinite(cell.start) && std::isfinite(cell.duration) && cell.duration > 0;
}

void DrawCell(const GanttCell& cell, double top, const Scale& x, Svg* svg) {
  const double left = x(cell.start);
  const double width = x(cell.start + cell.duration) - left;
  const bool half = cell.part != GanttPart::kWhole;
  const double height = (kLane - 2) / (half ? 2 : 1);
  const double y = top + 1 + (cell.part == GanttPart::kLower ? height : 0);
  const std::string css = absl::StrCat("box ", ColourClass(static_cast<size_t>(cell.colour)),
                                       width > 3 ? " edged" : "");
  svg->Rect(left, y, width, height, css, cell.tooltip, PaleAttribute(cell.pale));
  double font = half ? kFontInside - 1 : kFontInside;
  if (TextWidth(cell.label, font) > width - 1) font = kLeastFont;
  if (cell.label.empty() || TextWidth(cell.label, font) > width) return;
  svg->Text(left + width / 2, y + height / 2 + font * 0.36, cell.label, "inside", "middle",
            absl::StrCat("style=\"font-size:", Coordinate(font), "px\""));
}

void DrawLegend(const GanttOptions& options, double y, Svg* svg) {
  double x = 12;
  for (const GanttKey& key : options.legend) {
    svg->Rect(x, y - 6, 12, 12, absl::StrCat("box ", ColourClass(static_cast<size_t>(key.colour))),
              "", absl::StrCat("rx=\"2\"", key.pale ? " " : "", PaleAttribute(key.pale)));
    svg->Text(x + 17, y + 4, key.name, "label");
    x += 17 + TextWidth(key.name, kFont) + 16;
  }
}

}  // namespace

std::string GanttPlot(const GanttOptions& options, const std::vector<GanttCell>& cells) {
  const double header = (options.title.empty() ? 6 : 30) + (options.legend.empty() ? 0 : 20);
  const double lanes = static_cast<double>(options.lanes.size());
  const double width = options.width;
  Svg svg(width, header + kLane * lanes + 6, options.title);
  if (!options.title.empty()) svg.Text(12, 20, options.title, "title");
  if (!options.legend.empty()) DrawLegend(options, header - 12, &svg);
  double widest = 0;
  for (const std::string& lane : options.lanes) widest = std::max(widest, TextWidth(lane, kFont));
  const double length = std::max(options.length, options.end);
  const Scale x = {0, length > 0 ? length : 1, 22 + widest, width - 12, false};
  for (size_t lane = 0; lane < options.lanes.size(); ++lane) {
    const double top = header + kLane * static_cast<double>(lane);
    svg.Text(x.from - 6, top + kLane / 2 + 4, options.lanes[lane], "tick", "end");
    svg.Rect(x(0), top + 1, x(options.end) - x(0), kLane - 2, "band");
  }
  for (const GanttCell& cell : cells) {
    if (IsShown(cell, options)) DrawCell(cell, header + kLane * cell.lane, x, &svg);
  }
  return svg.Finish();
}

}  // namespace strata::courses
