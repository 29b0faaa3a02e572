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

ConvWindow WindowOf(const OpCall& call, int64_t kernel_h, int64_t kernel_w) {
  const std::vector<int64_t> x = call.inputs[0].dims(), y = call.outputs[0].dims();
  const std::vector<int64_t> strides = call.attrs().Ints("strides");
  const std::vector<int64_t> padding = call.attrs().Ints("padding");
  ConvWindow window;
  window.height = x[1], window.width = x[2], window.channels = x[3];
  window.kernel_h = kernel_h, window.kernel_w = kernel_w;
  if (!strides.empty()) window.stride_h = strides[0], window.stride_w = strides[1];
  if (!padding.empty()) window.top = padding[0], window.left = padding[2];
  window.out_h = y[1], window.out_w = y[2];
  return window;
}

// Channel by channel.
ProductProblem OfChannels(const OpCall& call, WindowWork work, const ConvWindow& window) {
  ProductProblem problem;
  problem.work = work;
  problem.window = window;
  problem.batch = call.inputs[0].dims()[0];
  problem.rows = window.out_h * window.out_w;
  problem.columns = window.channels;
  problem.depth = problem.segment = window.kernel_h * window.kernel_w;
  return problem;
}

absl::StatusOr<ProductProblem> Conv2d(const OpCall& call) {
  const std::vector<int64_t> w = call.inputs[1].dims();
  const ConvWindow window = WindowOf(call, w[0], w[1]);
  const int64_t groups = call.attrs().Int("groups", 1);
  if (groups != 1) {
    if (groups == window.channels && w[3] == groups && call.inputs[0].dtype == chips::I8) {
      return OfChannels(call, WindowWork::kDepthwise, window);
    }
    return absl::UnimplementedError(
        absl::StrCat("a convolution of ", groups, " groups of ", DTypeName(call.inputs[0].dtype),
                     " fills neither the array's rows nor the vector unit's lanes"));
  }
  ProductProblem problem;
  problem.columns = w[3];
  problem.segment = window.kernel_w * window.channels;
  problem.depth = window.kernel_h * problem.segment;
  problem.rows = window.out_h * window.out_w;
  problem.batch = call.inputs[0].dims()[0];
  if (IsPlain(window)) {
    problem.rows *= problem.batch;
    problem.batch = 1;
  } else {
    problem.window = window;
  }
  return problem;
}

ProductProblem ImageSum(const OpCall& call) {
  const std::vector<int64_t> x = call.inputs[0].dims();
  ConvWindow window;
  window.height = window.kernel_h = x[1];
  window.width = window.kernel_w = x[2];
  window.channels = x[3];
  window.out_h = window.out_w = 1;
  return OfChannels(call, WindowWork::kSum, window);
}

absl::StatusOr<ProductProblem> MaxPool2d(const OpCall& call) {
  const std::vector<int64_t> extents = call.attrs().Ints("window");
  return OfChannels(call, WindowWork::kLargest, WindowOf(call, extents[0], extents[1]));
}

}  // namespace

bool IsImageSum(const OpCall& call) {
  if (call.node->op() != "reduce_sum" || call.inputs[0].rank() != 4) return false;
  if (call.inputs[0].dtype != chips::I32) return false;
  std::vector<int64_t> axes = call.attrs().Ints("axes");
  for (int64_t& axis : axes) axis = axis < 0 ? axis + 4 : axis;
  return axes == std::vector<int64_t>{1, 2} || axes == std::vector<int64_t>{2, 1};
}

absl::StatusOr<ProductProblem> ProductProblemOf(const OpCall& call) {
  const chips::DType type = call.inputs[0].dtype;
  const std::string& op = call.node->op();
  const bool multiplies = op == "matmul" || op == "conv2d";
  const bool multiplied = type == chips::I8 || type == chips::BF16 || chips::IsFloat8(type);
  const bool compared =
      type == chips::I8 || type == chips::BF16 || type == chips::I32 || type == chips::F32;
  if (!(multiplies ? multiplied : compared)) {
    return absl::UnimplementedError(absl::StrCat(
        multiplies ? "the array does not multiply " : "the vector unit does not compare ",
        chips::DTypeName(type)));
  }
  STRATA_ASSIGN_OR_RETURN(ProductProblem problem, op == "max_pool2d"   ? MaxPool2d(call)
                                                  : op == "reduce_sum" ? ImageSum(call)
                                                  : op == "conv2d"     ? Conv2d(call)
                                                                       : Matmul(call));
  problem.type = type;
  problem.bytes = static_cast<int64_t>(chips::SizeOf(type));
  if (problem.macs() == 0) return absl::UnimplementedError("the product is empty");
  return problem;
}

}  // namespace strata::compiler
