// Window: a rectangle that slides over the H and W of an image [N, H, W, C]: what convolutions and pools share.
//
//   STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(call, /*height=*/3, /*width=*/3));
//   STRATA_ASSIGN_OR_RETURN(const Size rows, window.height.Positions(x.shape[1], "H"));
//
// Attributes: strides (ints[2]: down, right), padding (ints[4]: top, bottom, left, right).
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_WINDOW_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_WINDOW_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "framework/graph/op_def.h"

namespace strata::graph {

// One axis of a window: its extent, the step between positions, and what is added at either end of the image.
struct WindowAxis {
  int64_t extent = 1, stride = 1, before = 0, after = 0;

  // How many positions it has on `size` elements. A symbolic size is INVALID_ARGUMENT, unless the window leaves the axis
  // as it is; so is one that the window does not fit into.
  absl::StatusOr<Size> Positions(const Size& size, absl::string_view axis) const;

  // The element of the image under element k of the window at a position; outside [0, size): padding.
  int64_t At(int64_t position, int64_t k) const { return position * stride - before + k; }
};

struct Window {
  WindowAxis height, width;
};

// INVALID_ARGUMENT for attributes of another length, strides below 1 and padding below 0.
absl::StatusOr<Window> WindowOf(const OpCall& call, int64_t height, int64_t width);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_WINDOW_H_
