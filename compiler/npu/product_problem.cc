#include "compiler/npu/product_problem.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using graph::OpCall;
using graph::TensorType;

int64_t Product(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= dims[i];
  return product;
}

absl::StatusOr<ProductProblem> Matmul(const OpCall& call) {
  if (call.attrs().Bool("transpose_a")) {
    return absl::UnimplementedError(
        "a transposed left operand has no rows that the array can read");
  }
  const std::vector<int64_t> a = call.inputs[0].dims(), b = call.inputs[1].dims();
  ProductProblem problem;
  problem.transposed = call.attrs().Bool("transpose_b");
  problem.one_weight = b.size() == 2;
  problem.depth = problem.segment = a.back();
  problem.columns = problem.transposed ? b[b.size() - 2] : b.back();
  problem.rows = a[a.size() - 2];
  problem.batch = Product(a, 0, a.size() - 2);
  if (problem.one_weight) {  // the batch is more rows
    problem.rows *= problem.batch;
    problem.batch = 1;
  }
  return problem;
}

// A filter of one pixel without stride reads each pixel once: a plain product.
bool IsPlain(const ConvWindow& w) {
  return w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.top == 0 &&
         w.left == 0 && w.out_h == w.height && w.out_w == w.width;
}

absl::StatusOr<ProductProblem> Conv2d(const OpCall& call) {
  const std::vector<int64_t> x = call.inputs[0].dims(), w = call.inputs[1].dims(),
                             y = call.outputs[0].dims();
  const std::vector<int64_t> strides = call.attrs().Ints("strides");
  const std::vector<int64_t> padding = call.attrs().Ints("padding");
  const int64_t groups = call.attrs().Int("groups", 1);
  if (groups != 1) {
    return absl::UnimplementedError(
        absl::StrCat("a convolution of ", groups, " groups does not fill the array's rows"));
  }
  ConvWindow window;
  window.height = x[1], window.width = x[2], window.channels = x[3];
  window.kernel_h = w[0], window.kernel_w = w[1];
  if (!strides.empty()) window.stride_h = strides[0], window.stride_w = strides[1];
  if (!padding.empty()) window.top = padding[0], window.left = padding[2];
  window.out_h = y[1], window.out_w = y[2];
  ProductProblem problem;
  problem.columns = w[3];
  problem.segment = window.kernel_w * window.channels;
  problem.depth = window.kernel_h * problem.segment;
  problem.rows = window.out_h * window.out_w;
  problem.batch = x[0];
  if (IsPlain(window)) {
    problem.rows *= problem.batch;
    problem.batch = 1;
  } else {
    problem.window = window;
  }
  return problem;
}

}  // namespace

absl::StatusOr<ProductProblem> ProductProblemOf(const OpCall& call) {
  const chips::DType type = call.inputs[0].dtype;
  if (type != chips::I8 && type != chips::BF16 && !chips::IsFloat8(type)) {
    return absl::UnimplementedError(
        absl::StrCat("the array does not multiply ", chips::DTypeName(type)));
  }
  STRATA_ASSIGN_OR_RETURN(ProductProblem problem,
                          call.node->op() == "conv2d" ? Conv2d(call) : Matmul(call));
  problem.type = type;
  problem.bytes = type == chips::BF16 ? 2 : 1;
  if (problem.macs() == 0) return absl::UnimplementedError("the product is empty");
  return problem;
}

}  // namespace strata::compiler
