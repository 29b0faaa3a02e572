// A Gantt chart: who works on what and when, in cells that carry a label; what is idle stays grey.
//
//   GanttPlot({.title = "1F1B", .lanes = {"rank 0", "rank 1"}, .end = 9, .length = 12},
//             {{.lane = 0, .start = 0, .duration = 1, .label = "0", .colour = 0}, ...});
//
// Charts of one `length` have one scale: side by side they can be compared. As the plots of
// svg_plot.h in all else: one <svg> element, PlotStyle() in the page, tooltips.
#ifndef STRATA_COURSES_LAB_SVG_GANTT_H_
#define STRATA_COURSES_LAB_SVG_GANTT_H_

#include <string>
#include <vector>

namespace strata::courses {

enum class GanttPart { kWhole, kUpper, kLower };  // halves: two things at once

struct GanttCell {
  int lane = 0;
  double start = 0;
  double duration = 0;
  std::string label = {};  // left out where it does not fit
  std::string tooltip = {};
  int colour = 0;     // of the style's eight
  bool pale = false;  // a second kind of the same colour
  GanttPart part = GanttPart::kWhole;
};

struct GanttKey {
  std::string name = {};
  int colour = 0;
  bool pale = false;
};

struct GanttOptions {
  std::string title = {};
  int width = 860;
  std::vector<std::string> lanes = {};
  double end = 0;     // to where idle time is shown
  double length = 0;  // of the axis; at least `end`
  std::vector<GanttKey> legend = {};
};

std::string GanttPlot(const GanttOptions& options, const std::vector<GanttCell>& cells);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_SVG_GANTT_H_
