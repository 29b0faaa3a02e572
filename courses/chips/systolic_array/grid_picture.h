// One cycle of a grid of processing elements as SVG: what rests, what came from the left, what fell. Internal to the
// animation.
#ifndef STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_GRID_PICTURE_H_
#define STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_GRID_PICTURE_H_

#include <cstdint>
#include <string>

#include "courses/chips/systolic_array/animation.h"

namespace strata::courses {

inline constexpr double kPitch = 66;  // from cell to cell, px

// Groups by motion: the last two came one cell from the left, one from above, since the cycle before.
struct Picture {
  std::string rests, goes_right, falls;
};

int64_t WorkingCells(const chips::systolic::GridFrame& frame);

// <svg ...> with its title and description.
std::string OpenPicture(const GridTrace& trace, double scale);
std::string Cells(const GridTrace& trace);
Picture FramePicture(const GridTrace& trace, size_t frame);
Picture ResultPicture(const GridTrace& trace);

std::string Sentence(const GridTrace& trace, size_t frame);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_GRID_PICTURE_H_
