// A small systolic array at work, as one SVG that moves: operands march, partial sums fall.
//
//   STRATA_ASSIGN_OR_RETURN(const GridTrace trace, TraceGrid(a, b, {3, 3}, Dataflow::kWeightStationary));
//   report.AddFigure(Animated({AnimationSvg(trace, "ws")}), "...");
//
// Nothing is drawn by hand: every number in every picture is read from the registers that the grid of processing
// elements (chips/npu/systolic/pe_grid.h) had after that cycle; what waits outside is what a later frame shows inside.
// The motion is CSS, so a page needs neither script nor network. It stands still while the reader points at the
// picture or has focused it, or ticks "Pause"; who asked for reduced motion, or prints, sees one still picture.
// DescribeFrames() says the same in words.
//
// In the SVG a group of class "<id>-f" with `data-cycle` is one cycle; a text with `data-pe="row,column"` and
// `data-is` (weight, left, above, sum) is a register of that cell.
#ifndef STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_ANIMATION_H_
#define STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_ANIMATION_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/pe_grid.h"

namespace strata::courses {

struct GridTrace {
  chips::systolic::ArrayShape array;
  chips::systolic::Dataflow dataflow;
  chips::systolic::IntMatrix a, b, product;
  std::vector<chips::systolic::GridFrame> frames;  // one a cycle
};

// One fold only: INVALID_ARGUMENT when the product does not fit, for more than 6 rows or columns, and for input
// stationary, whose grid is that of weight stationary for the transposes.
absl::StatusOr<GridTrace> TraceGrid(const chips::systolic::IntMatrix& a,
                                    const chips::systolic::IntMatrix& b,
                                    const chips::systolic::ArrayShape& array,
                                    chips::systolic::Dataflow dataflow);

// `id` is a prefix of class names, unique in the page; `seconds` a cycle takes.
std::string AnimationSvg(const GridTrace& trace, const std::string& id, double seconds = 1.4);

// One cycle as a still picture.
std::string FrameSvg(const GridTrace& trace, const std::string& id, size_t frame);

// SVGs of AnimationSvg() side by side, under a "Pause" that a keyboard reaches.
std::string Animated(const std::vector<std::string>& svgs);

// Still pictures side by side, half as large.
std::string FilmStrip(const GridTrace& trace, const std::string& id);

// "cycle 4: 7 of 9 cells multiply; C[0][1] = 12 leaves at the foot of column 1", a sentence a frame.
std::vector<std::string> DescribeFrames(const GridTrace& trace);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_ANIMATION_H_
