#include "compiler/kernels/cpu/conv_onednn.h"

#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {
namespace {

using dnnl::memory;

dnnl::engine& Engine() {
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

// The types of the three arrays as the caller has them. oneDNN names dims N, C, H, W and G, O, I, H, W; strides say where
// they lie.
struct Types {
  explicit Types(const ConvShape& s)
      : kind(s.int8 ? memory::data_type::s8 : memory::data_type::f32),
        x({s.N, s.C, s.H, s.W}, kind, memory::format_tag::nhwc),
        y({s.N, s.O, s.OH, s.OW}, s.int8 ? memory::data_type::s32 : kind,
          memory::format_tag::nhwc) {
    const int64_t inner = s.C / s.groups, outer = s.O / s.groups;
    const int64_t row = s.KW * inner * s.O, column = inner * s.O;
    const bool grouped = s.groups > 1;
    const memory::dims dims = grouped ? memory::dims{s.groups, outer, inner, s.KH, s.KW}
                                      : memory::dims{s.O, s.C, s.KH, s.KW};
    w = memory::desc(
        dims, kind,
        grouped ? memory::dims{outer, 1, s.O, row, column} : memory::dims{1, s.O, row, column});
    any_w = memory::desc(dims, kind, memory::format_tag::any);
  }
  memory::data_type kind;
  memory::desc x, y, w, any_w;
};

class Conv : public OneDnnConv {
 public:
  Conv(ConvPart part, const ConvShape& s, int threads)
      : part_(part), threads_(threads), int8_(s.int8), stream_(Engine()) {
    const ThreadScope scope(threads);  // oneDNN plans for as many as there are now
    const Types t(s);
    const memory::dims strides{s.stride_h, s.stride_w}, before{s.top, s.left},
        after{s.bottom, s.right};
    const auto direct = dnnl::algorithm::convolution_direct;
    const auto aim = part == ConvPart::kForward ? dnnl::prop_kind::forward_inference
                                                : dnnl::prop_kind::forward_training;
    const dnnl::convolution_forward::primitive_desc forward(
        {aim, direct, t.x, t.any_w, t.y, strides, before, after}, Engine());
    memory::desc wanted = forward.weights_desc();
    if (part == ConvPart::kForward) primitive_ = dnnl::convolution_forward(forward);
    if (part == ConvPart::kGradientInput) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {direct, t.x, t.any_w, t.y, strides, before, after}, Engine(), forward);
      wanted = backward.weights_desc();
      primitive_ = dnnl::convolution_backward_data(backward);
    }
    if (part == ConvPart::kGradientWeight) {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {direct, t.x, t.any_w, t.y, strides, before, after}, Engine(), forward);
      wanted = backward.diff_weights_desc();
      primitive_ = dnnl::convolution_backward_weights(backward);
    }
    x_ = memory(t.x, Engine(), nullptr);
    y_ = memory(t.y, Engine(), nullptr);
    w_ = memory(t.w, Engine(), nullptr);
    if (wanted != t.w) {
      blocked_ = memory(wanted, Engine());
      order_ = part == ConvPart::kGradientWeight ? dnnl::reorder(blocked_, w_)
                                                 : dnnl::reorder(w_, blocked_);
    }
  }

  absl::Status Run(const void* a, const void* b, void* c) override {
    const ThreadScope scope(threads_);
    try {
      switch (part_) {
        case ConvPart::kForward:
          Set(a, b, c);
          primitive_.execute(
              stream_, {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, Weights()}, {DNNL_ARG_DST, y_}});
          break;
        case ConvPart::kGradientInput:
          Set(c, b, a);
          primitive_.execute(
              stream_,
              {{DNNL_ARG_DIFF_DST, y_}, {DNNL_ARG_WEIGHTS, Weights()}, {DNNL_ARG_DIFF_SRC, x_}});
          break;
        case ConvPart::kGradientWeight:
          Set(a, c, b);
          primitive_.execute(stream_, {{DNNL_ARG_SRC, x_},
                                       {DNNL_ARG_DIFF_DST, y_},
                                       {DNNL_ARG_DIFF_WEIGHTS, order_ ? blocked_ : w_}});
          if (order_) order_.execute(stream_, blocked_, w_);
          break;
      }
      stream_.wait();
    } catch (const dnnl::error& error) {
      return absl::InternalError(absl::StrCat("oneDNN: ", error.what()));
    }
    return absl::OkStatus();
  }

 private:
  void Set(const void* x, const void* w, const void* y) {
    x_.set_data_handle(const_cast<void*>(x));
    w_.set_data_handle(const_cast<void*>(w));
    y_.set_data_handle(const_cast<void*>(y));
  }
  const memory& Weights() {
    if (!order_) return w_;
    if (int8_ && !Changed()) return blocked_;
    order_.execute(stream_, w_, blocked_);
    return blocked_;
  }

  // Bringing bytes in order, with the sums that oneDNN's shift of the image asks for, takes longer than a convolution of a
  // small image; weights in 8 bits are not trained, so that it pays to look whether they are those of the last run.
  bool Changed() {
    const char* bytes = static_cast<const char*>(w_.get_data_handle());
    const size_t size = w_.get_desc().get_size();
    if (last_.size() == size && std::memcmp(last_.data(), bytes, size) == 0) return false;
    last_.assign(bytes, bytes + size);
    return true;
  }

  const ConvPart part_;
  const int threads_;
  const bool int8_;
  std::vector<char> last_;  // the i8 weights that blocked_ holds
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  dnnl::reorder order_;  // empty: the primitive reads and writes weights as they are
  memory x_, y_, w_, blocked_;
};

}  // namespace

bool HasInt8DotProducts() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vnni") != 0;
#else
  return false;
#endif
}

absl::StatusOr<std::unique_ptr<OneDnnConv>> OneDnnConv::Create(ConvPart part,
                                                               const ConvShape& shape,
                                                               int threads) {
  if (shape.empty()) return absl::UnimplementedError("oneDNN: a convolution of nothing");
  if (shape.int8 && (part != ConvPart::kForward || !HasInt8DotProducts()))
    return absl::UnimplementedError("oneDNN: no exact convolution of i8 on this CPU");
  try {
    return std::make_unique<Conv>(part, shape, threads);
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(absl::StrCat("oneDNN: ", error.what()));
  }
}

}  // namespace strata::compiler
