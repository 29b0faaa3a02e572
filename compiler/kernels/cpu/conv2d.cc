// conv2d and its gradients: oneDNN for f32, and for i8 where the CPU's byte products are exact; plain loops for i8
// elsewhere and for what oneDNN does not take.
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/conv_onednn.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

using graph::OpCall;

ConvPart PartOf(const OpCall& call) {
  if (call.node->op() == "conv2d_gradient_input") return ConvPart::kGradientInput;
  if (call.node->op() == "conv2d_gradient_weight") return ConvPart::kGradientWeight;
  return ConvPart::kForward;
}

ConvShape ShapeOf(const OpCall& call) {
  const ConvPart part = PartOf(call);
  const auto& in = call.inputs;
  const auto& out = call.outputs;
  const std::vector<int64_t> x = (part == ConvPart::kGradientInput ? out[0] : in[0]).dims();
  const std::vector<int64_t> w = (part == ConvPart::kGradientWeight ? out[0] : in[1]).dims();
  const std::vector<int64_t> y = (part == ConvPart::kForward         ? out[0]
                                  : part == ConvPart::kGradientInput ? in[0]
                                                                     : in[1])
                                     .dims();
  const std::vector<int64_t> strides = call.attrs().Ints("strides");
  const std::vector<int64_t> padding = call.attrs().Ints("padding");
  ConvShape s;
  s.N = x[0], s.H = x[1], s.W = x[2], s.C = x[3];
  s.KH = w[0], s.KW = w[1], s.O = w[3];
  s.OH = y[1], s.OW = y[2];
  s.groups = call.attrs().Int("groups", 1);
  s.stride_h = strides[0], s.stride_w = strides[1];
  s.top = padding[0], s.bottom = padding[1], s.left = padding[2], s.right = padding[3];
  s.int8 = in[0].dtype == chips::I8;
  return s;
}

// One row of places of the result: y[ow, o] += x[h, w, c] w[kh, kw, c, o].
template <typename X, typename Y>
void PlainRow(const ConvShape& s, const X* x, const X* w, Y* y, int64_t n, int64_t oh) {
  const int64_t inner = s.C / s.groups, outer = s.O / s.groups;
  y += (n * s.OH + oh) * s.OW * s.O;
  std::fill_n(y, s.OW * s.O, Y{0});
  for (int64_t ow = 0; ow < s.OW; ++ow, y += s.O) {
    for (int64_t kh = 0; kh < s.KH; ++kh) {
      const int64_t h = oh * s.stride_h - s.top + kh;
      if (h < 0 || h >= s.H) continue;
      for (int64_t kw = 0; kw < s.KW; ++kw) {
        const int64_t column = ow * s.stride_w - s.left + kw;
        if (column < 0 || column >= s.W) continue;
        const X* pixel = x + ((n * s.H + h) * s.W + column) * s.C;
        const X* weights = w + (kh * s.KW + kw) * inner * s.O;
        for (int64_t c = 0; c < s.C; ++c) {
          const int64_t first = c / inner * outer;
          const X* row = weights + c % inner * s.O + first;
          for (int64_t o = 0; o < outer; ++o) y[first + o] += static_cast<Y>(pixel[c]) * row[o];
        }
      }
    }
  }
}

template <typename X, typename Y>
RoutineFunction PlainLoops(const ConvShape& s, int threads) {
  return [s, threads](void* const* buffers) {
    ParallelFor(s.N * s.OH, 1, threads, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        PlainRow(s, Buffer<const X>(buffers, 0), Buffer<const X>(buffers, 1), Buffer<Y>(buffers, 2),
                 row / s.OH, row % s.OH);
    });
    return absl::OkStatus();
  };
}

RoutineFunction Zeros(const OpCall& call) {
  return [bytes = call.outputs[0].size_bytes()](void* const* buffers) {
    std::fill_n(Buffer<char>(buffers, 2), bytes, char{0});
    return absl::OkStatus();
  };
}

absl::StatusOr<RoutineFunction> Prepare(const OpCall& call, int threads) {
  const ConvShape s = ShapeOf(call);
  if (s.empty()) return Zeros(call);
  auto conv = OneDnnConv::Create(PartOf(call), s, threads);
  if (conv.ok()) {
    return RoutineFunction(
        [conv = std::shared_ptr<OneDnnConv>(*std::move(conv))](void* const* buffers) {
          return conv->Run(buffers[0], buffers[1], buffers[2]);
        });
  }
  if (PartOf(call) != ConvPart::kForward) return conv.status();
  return s.int8 ? PlainLoops<int8_t, int32_t>(s, threads) : PlainLoops<float, float>(s, threads);
}

std::string Reason(const OpCall& call) {
  const ConvShape s = ShapeOf(call);
  const std::string work = absl::StrCat("2 x ", s.N * s.OH * s.OW, " places x ", s.KH, " x ", s.KW,
                                        " x ", s.C / s.groups, " x ", s.O, " flops");
  if (!s.int8) return absl::StrCat("oneDNN f32 convolution: ", work);
  return absl::StrCat(HasInt8DotProducts() ? "oneDNN i8 convolution, exact i32 sums: "
                                           : "plain loops, exact i32 sums (no VNNI): ",
                      work);
}

absl::Status Supports(const OpCall& call) {
  const chips::DType in = call.inputs[0].dtype, out = call.outputs[0].dtype;
  const bool f32 = in == chips::F32 && out == chips::F32;
  const bool i8 = in == chips::I8 && out == chips::I32;
  if (f32 || (i8 && PartOf(call) == ConvPart::kForward)) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("the CPU library's ", call.node->op(),
                                               " is for f32, and i8 to i32; inputs[0] is ",
                                               call.inputs[0].ToString()));
}

}  // namespace

std::vector<Routine> Conv2dRoutines() {
  std::vector<Routine> routines;
  for (const char* op : {"conv2d", "conv2d_gradient_input", "conv2d_gradient_weight"})
    routines.push_back({op, Supports, Prepare, Reason, {}});
  return routines;
}

}  // namespace strata::compiler
