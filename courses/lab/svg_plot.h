// Plots as self-contained SVG text: lines, scatter, bars, timelines, heat maps, memory plans, rooflines.
//
//   const std::string svg = LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "loss", .log = true}},
//                                    {{.name = "train", .x = steps, .y = losses}});
//   report.AddFigure(svg, "Cross entropy of the training batches.");
//
// Each function returns one <svg> element. Inside a page it needs PlotStyle() once; StandaloneSvg() makes a file of its
// own out of it. The same data gives the same bytes. Values that an axis cannot show (NaN, infinities, what is not
// positive on a logarithmic axis) are left out; without any data the plot says so. Points, bars and boxes carry their
// exact values as tooltips.
#ifndef STRATA_COURSES_LAB_SVG_PLOT_H_
#define STRATA_COURSES_LAB_SVG_PLOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::courses {

struct Axis {
  std::string label = {};
  std::string unit = {};  // "s", "B", "FLOP/s": values are in it, ticks carry SI prefixes
  bool log = false;
};

struct PlotOptions {
  std::string title = {};
  int width = 860;
  int height = 360;  // plots with lanes or horizontal bars grow as needed
  Axis x = {};
  Axis y = {};
};

struct Series {
  std::string name = {};
  std::vector<double> x = {};
  std::vector<double> y = {};            // as long as x; what is longer is cut
  std::vector<std::string> labels = {};  // tooltips of the points; may be shorter
  bool markers = false;                  // LinePlot: also mark the points
  bool dashed = false;                   // LinePlot
};

std::string LinePlot(const PlotOptions& options, const std::vector<Series>& series);

// Points. With `diagonal` both axes have one range and the line y = x is drawn, the band within a factor of two shaded:
// for predicted against measured.
std::string ScatterPlot(const PlotOptions& options, const std::vector<Series>& series,
                        bool diagonal = false);

struct BarGroup {
  std::string label = {};
  std::vector<double> values = {};  // one a series; NaN: no bar
};

// Bars side by side in groups, with their values at the ends. Vertical: values go by options.y; horizontal: by options.x.
std::string BarPlot(const PlotOptions& options, const std::vector<std::string>& series,
                    const std::vector<BarGroup>& groups, bool horizontal = false);

struct TimelineSpan {
  std::string lane = {};
  std::string name = {};
  std::string category = {};  // gives the colour
  double start = 0;           // seconds
  double duration = 0;        // seconds, >= 0
  std::string detail = {};    // further lines of the tooltip
};

// One row a lane, in order of appearance. What is too small to be seen is drawn together with its neighbours.
std::string TimelinePlot(const PlotOptions& options, const std::vector<TimelineSpan>& spans);

struct HeatMap {
  std::vector<std::string> row_names = {};
  std::vector<std::string> column_names = {};
  std::vector<std::vector<double>> values =
      {};  // by row; in options.y.unit; NaN and what is missing: an empty cell
  double darkest =
      0;  // the value of the darkest cell, so that maps compare; 0: the largest of this one
};

// A square a value, the darker the larger, with the number in it. From 0 (or the least, if that is below) on.
std::string HeatMapPlot(const PlotOptions& options, const HeatMap& map);

struct MemoryBlock {
  std::string name = {};
  double first_step = 0;  // alive in [first_step, last_step], both included
  double last_step = 0;
  double offset = 0;  // bytes [offset, offset + size)
  double size = 0;
};

// The arena over the steps of a plan: what lies where, and when.
std::string MemoryPlot(const PlotOptions& options, const std::vector<MemoryBlock>& blocks,
                       double arena_bytes);

struct Roof {
  std::string name = {};
  double peak_flops = 0;  // FLOP/s
  double bandwidth = 0;   // bytes/s
};

struct RooflinePoint {
  std::string name = {};
  double intensity = 0;    // FLOP/byte
  double flops = 0;        // FLOP/s attained
  std::string group = {};  // gives colour and shape
};

std::string RooflinePlot(const PlotOptions& options, const std::vector<Roof>& roofs,
                         const std::vector<RooflinePoint>& points);

// The style sheet of all plots: colours for light and dark, safe for colour-blind eyes.
absl::string_view PlotStyle();

// `svg` as a file of its own.
std::string StandaloneSvg(absl::string_view svg);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_SVG_PLOT_H_
