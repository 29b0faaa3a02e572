// max_pool2d and its gradient, f32 and i8: rows of places shared out over threads, channels inside.
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

using graph::OpCall;

struct Pool {
  int64_t N, H, W, C, OH, OW, KH, KW, stride_h, stride_w, top, left;
};

Pool PoolOf(const OpCall& call) {
  const bool gradient = call.node->op() == "max_pool2d_gradient";
  const std::vector<int64_t> x = call.inputs[0].dims();
  const std::vector<int64_t> y = (gradient ? call.inputs[1] : call.outputs[0]).dims();
  const std::vector<int64_t> window = call.attrs().Ints("window"),
                             strides = call.attrs().Ints("strides"),
                             padding = call.attrs().Ints("padding");
  return {x[0],      x[1],      x[2],       x[3],       y[1],       y[2],
          window[0], window[1], strides[0], strides[1], padding[0], padding[2]};
}

// Calls f(pixel) with the offset of every pixel of the image under a place.
template <typename F>
void ForEachPixel(const Pool& p, int64_t n, int64_t oh, int64_t ow, const F& f) {
  const int64_t h0 = oh * p.stride_h - p.top, w0 = ow * p.stride_w - p.left;
  for (int64_t h = std::max<int64_t>(h0, 0); h < std::min(h0 + p.KH, p.H); ++h) {
    for (int64_t w = std::max<int64_t>(w0, 0); w < std::min(w0 + p.KW, p.W); ++w)
      f(((n * p.H + h) * p.W + w) * p.C);
  }
}

// A NaN is kept. Integers have none.
float Larger(float most, float x) { return x > most || x != x ? x : most; }
int8_t Larger(int8_t most, int8_t x) { return std::max(most, x); }

template <typename T>
void RunRow(const Pool& p, const T* x, T* y, int64_t n, int64_t oh) {
  constexpr T kLeast = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                            : std::numeric_limits<T>::lowest();
  for (int64_t ow = 0; ow < p.OW; ++ow) {
    T* place = y + ((n * p.OH + oh) * p.OW + ow) * p.C;
    std::fill_n(place, p.C, kLeast);
    ForEachPixel(p, n, oh, ow, [&](int64_t pixel) {
      for (int64_t c = 0; c < p.C; ++c) place[c] = Larger(place[c], x[pixel + c]);
    });
  }
}

template <typename T>
RoutineFunction Forward(const Pool& p, int threads) {
  return [p, threads](void* const* buffers) {
    ParallelFor(p.N * p.OH, std::max<int64_t>(1, 16384 / (p.OW * p.C * p.KH * p.KW + 1)), threads,
                [&](int64_t begin, int64_t end) {
                  for (int64_t row = begin; row < end; ++row)
                    RunRow(p, Buffer<const T>(buffers, 0), Buffer<T>(buffers, 1), row / p.OH,
                           row % p.OH);
                });
    return absl::OkStatus();
  };
}

// The gradient of one image: each dy goes to the first of the largest.
void GradientOfImage(const Pool& p, const float* x, const float* dy, float* dx, int64_t n) {
  std::fill_n(dx + n * p.H * p.W * p.C, p.H * p.W * p.C, 0.0f);
  for (int64_t place = n * p.OH * p.OW; place < (n + 1) * p.OH * p.OW; ++place) {
    for (int64_t c = 0; c < p.C; ++c) {
      int64_t best = -1;
      ForEachPixel(p, n, place / p.OW % p.OH, place % p.OW, [&](int64_t pixel) {
        const int64_t i = pixel + c;
        if (best < 0 || x[i] > x[best] || (std::isnan(x[i]) && !std::isnan(x[best]))) best = i;
      });
      dx[best] += dy[place * p.C + c];
    }
  }
}

absl::StatusOr<RoutineFunction> Prepare(const OpCall& call, int threads) {
  const Pool p = PoolOf(call);
  return call.inputs[0].dtype == chips::I8 ? Forward<int8_t>(p, threads)
                                           : Forward<float>(p, threads);
}

absl::StatusOr<RoutineFunction> PrepareGradient(const OpCall& call, int threads) {
  return RoutineFunction([p = PoolOf(call), threads](void* const* buffers) {
    ParallelTasks(p.N, threads, [&](int64_t n) {
      GradientOfImage(p, Buffer<const float>(buffers, 0), Buffer<const float>(buffers, 1),
                      Buffer<float>(buffers, 2), n);
    });
    return absl::OkStatus();
  });
}

std::string Reason(const OpCall& call) {
  const Pool p = PoolOf(call);
  return absl::StrCat("windows of ", p.KH, " x ", p.KW, " over ", p.N * p.OH * p.OW,
                      " places; bound by memory");
}

absl::Status Supports(const OpCall& call) {
  if (call.inputs[0].dtype == chips::I8) return absl::OkStatus();
  return RequireF32(call, call.inputs.size());
}

}  // namespace

std::vector<Routine> MaxPool2dRoutines() {
  return {{"max_pool2d", Supports, Prepare, Reason, {}},
          {"max_pool2d_gradient", Supports, PrepareGradient, Reason, {}}};
}

}  // namespace strata::compiler
