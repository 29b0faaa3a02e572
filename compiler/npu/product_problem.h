// ProductProblem: a matrix product or a convolution, as the array sees it.
//
//   STRATA_ASSIGN_OR_RETURN(const ProductProblem problem, ProductProblemOf(call));
//
// C [batch x rows, columns] = A W, with W [depth, columns]. A convolution is a product too: a row of C
// is an output pixel, and the row of A that belongs to it is, for each row kh of the filter, the
// kernel_w x channels bytes of the input that lie side by side in NHWC; so W is the filter as it is, in
// HWIO. Sums along depth are cut into segments (one a kh) that no chunk of the array crosses.
#ifndef STRATA_COMPILER_NPU_PRODUCT_PROBLEM_H_
#define STRATA_COMPILER_NPU_PRODUCT_PROBLEM_H_

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

// Input [batch, height, width, channels], padded; output [batch, out_h, out_w, columns].
struct ConvWindow {
  int64_t height = 0, width = 0, channels = 0;
  int64_t kernel_h = 0, kernel_w = 0;
  int64_t stride_h = 1, stride_w = 1;
  int64_t top = 0, left = 0;  // zeros before the first row and column
  int64_t out_h = 0, out_w = 0;

  // Rows and columns of the padded input that the output needs.
  int64_t padded_h() const { return (out_h - 1) * stride_h + kernel_h; }
  int64_t padded_w() const { return (out_w - 1) * stride_w + kernel_w; }
};

// What is done with the numbers of a window: products summed over all channels, on the array; or channel by channel on
// the vector unit, products with a weight (a depthwise convolution), the largest, or the sum (of a whole image).
enum class WindowWork { kProduct, kDepthwise, kLargest, kSum };

struct ProductProblem {
  WindowWork work =
      WindowWork::kProduct;  // others: `columns` are channels, depth is kernel_h x kernel_w
  chips::DType type = chips::DTYPE_UNSPECIFIED;  // of A and W
  int64_t bytes = 1;                             // of an element of A and W
  int64_t batch = 1;                             // products; of a convolution: images
  bool one_weight = true;                        // W is the same for all of the batch
  bool transposed = false;                       // W lies in memory as [columns, depth]
  int64_t rows = 0, depth = 0, columns = 0;      // of one product
  int64_t segment = 0;                           // a divisor of depth
  std::optional<ConvWindow> window;              // of a convolution

  int64_t macs() const { return batch * rows * depth * columns; }
};

// A `reduce_sum` of int32 [N, H, W, C] over H and W: a window as large as the image.
bool IsImageSum(const graph::OpCall& call);

// Of a `matmul`, `conv2d`, `max_pool2d` or an image's sum with concrete types. UNIMPLEMENTED, with a
// phrase fit for a Step's reason, for those that there is no way to do: other types, transpose_a,
// groups, empty operands.
absl::StatusOr<ProductProblem> ProductProblemOf(const graph::OpCall& call);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_PROBLEM_H_
