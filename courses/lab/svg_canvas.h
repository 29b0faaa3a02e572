// What all plots are drawn with: an SVG under construction, a scale, a frame with axes and legend.
//
// Colours are classes c0 .. c7 and CSS variables (PlotStyle() in svg_plot.h), never literal, so that one drawing serves
// light and dark pages. All text passes through EscapeXml().
#ifndef STRATA_COURSES_LAB_SVG_CANVAS_H_
#define STRATA_COURSES_LAB_SVG_CANVAS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {

constexpr int kColours = 8;
constexpr double kFont = 11;  // size of ordinary text, in px

std::string ColourClass(size_t index);  // "c3"

class Svg {
 public:
  Svg(double width, double height, absl::string_view title);

  void Line(double x1, double y1, double x2, double y2, absl::string_view css);
  // `anchor` is start, middle or end; `extra` further attributes, verbatim.
  void Text(double x, double y, absl::string_view text, absl::string_view css,
            absl::string_view anchor = "start", absl::string_view extra = "");
  void Rect(double x, double y, double width, double height, absl::string_view css,
            absl::string_view tooltip = "", absl::string_view extra = "");
  void Path(absl::string_view data, absl::string_view css, absl::string_view tooltip = "");
  // A mark around (x, y): circle, square, diamond or triangle, by `shape` modulo 4.
  void Marker(double x, double y, size_t shape, absl::string_view css,
              absl::string_view tooltip = "");

  std::string Finish();

 private:
  void Shape(absl::string_view element, absl::string_view tooltip);

  std::string out_;
};

// Maps values to pixels, linearly or by logarithm.
struct Scale {
  double low = 0;
  double high = 1;
  double from = 0;
  double to = 1;
  bool log = false;

  double operator()(double value) const;
};

// Whether an axis can show the value: finite, of a size that arithmetic with it survives, positive on a logarithmic one.
bool IsShowable(double value, const Axis& axis);

// The least range that holds the values an axis can show.
struct Range {
  double low;
  double high;
  bool empty = true;

  void Add(double value, const Axis& axis);
};

// Widened for the eye: some room at the ends, never of size zero. `with_zero` starts a linear axis at 0.
Range Padded(Range range, const Axis& axis, bool with_zero = false);

struct LegendEntry {
  std::string name;
  std::string css;    // colour class and more
  bool line = false;  // a line, else a box or, with `shape` >= 0, a marker
  int shape = -1;
};

// Title, legend, grid, ticks and labels around a plotting area.
struct Frame {
  Svg svg;
  double left, top, right, bottom;  // of the plotting area
  Scale x, y;
};

// Without `x_ticks` the x axis has its label only.
Frame MakeFrame(const PlotOptions& options, Range x, Range y,
                const std::vector<LegendEntry>& legend, bool x_ticks = true);

// Title and legend alone; returns the height that they take.
double DrawHeader(const PlotOptions& options, const std::vector<LegendEntry>& legend, Svg* svg);

// Ticks and labels of one axis.
void DrawXAxis(Frame* frame, const Axis& axis, bool ticks = true);
void DrawYAxis(Frame* frame, const Axis& axis);

// A plot that says that there is nothing to show.
std::string EmptyPlot(const PlotOptions& options);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_SVG_CANVAS_H_
