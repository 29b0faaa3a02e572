// rope: the angles of a token once for all its heads, reduced in double precision (positions reach 10^5), then one turn a
// pair.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd_math.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

// Pairs (x[i], x[i + half]) of one head.
STRATA_KERNEL(TurnHalves,
              (const float* x, float* y, const float* cos, const float* sin, int64_t half),
              (x, y, cos, sin, half)) {
  int64_t i = 0;
  for (; i + 16 <= half; i += 16) {
    const v16 a = Load(x + i), b = Load(x + i + half), c = Load(cos + i), s = Load(sin + i);
    Store(y + i, a * c - b * s);
    Store(y + i + half, b * c + a * s);
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[i + half];
    y[i] = a * cos[i] - b * sin[i];
    y[i + half] = b * cos[i] + a * sin[i];
  }
}

// Pairs (x[2i], x[2i + 1]) of one head.
STRATA_KERNEL(TurnNeighbours,
              (const float* x, float* y, const float* cos, const float* sin, int64_t half),
              (x, y, cos, sin, half)) {
  int64_t i = 0;
  for (; i + 16 <= half; i += 16) {
    const v16 low = Load(x + 2 * i), high = Load(x + 2 * i + 16);
    const v16 a = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,
                                          26, 28, 30);
    const v16 b = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25,
                                          27, 29, 31);
    const v16 c = Load(cos + i), s = Load(sin + i);
    const v16 p = a * c - b * s, q = b * c + a * s;
    Store(y + 2 * i,
          __builtin_shufflevector(p, q, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    Store(y + 2 * i + 16, __builtin_shufflevector(p, q, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                  29, 14, 30, 15, 31));
  }
  for (; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cos[i] - b * sin[i];
    y[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

// cos and sin of position * frequency, times the magnitude; n is a multiple of 16.
STRATA_KERNEL(Angles,
              (const double* frequency, double position, float magnitude, int64_t n, float* cos,
               float* sin),
              (frequency, position, magnitude, n, cos, sin)) {
  for (int64_t i = 0; i < n; i += 16) {
    d8 low, high;
    std::memcpy(&low, frequency + i, sizeof low);
    std::memcpy(&high, frequency + i + 8, sizeof high);
    v16 s, c;
    SineCosine(low * position, high * position, &s, &c);
    Store(cos + i, c * magnitude);
    Store(sin + i, s * magnitude);
  }
}

class Rope {
 public:
  Rope(const graph::OpCall& call, int threads)
      : tokens_(call.inputs[1].elements()),
        H_(call.inputs[0].dims()[2]),
        D_(call.inputs[0].dims()[3]),
        half_(call.attrs().Int("width", D_) / 2),
        interleaved_(call.attrs().Bool("interleaved")),
        given_(call.inputs.size() > 2),
        sign_(call.attrs().Bool("inverse") ? -1 : 1),
        magnitude_(static_cast<float>(call.attrs().Float("magnitude", 1))),
        threads_(threads) {
    frequency_.resize(static_cast<size_t>((half_ + 15) / 16 * 16));
    for (int64_t i = 0; i < half_ && !given_; ++i) {
      const double exponent = -static_cast<double>(i) / static_cast<double>(half_);
      frequency_[static_cast<size_t>(i)] = sign_ * std::pow(call.attrs().Float("theta"), exponent);
    }
  }

  void Run(void* const* buffers) {
    const float* x = Buffer<float>(buffers, 0);
    const int32_t* positions = Buffer<int32_t>(buffers, 1);
    float* y = Buffer<float>(buffers, given_ ? 3 : 2);
    for (int64_t i = 0; i < half_ && given_; ++i)
      frequency_[static_cast<size_t>(i)] = sign_ * Buffer<float>(buffers, 2)[i];
    const int64_t pairs = H_ * D_ / 2;
    ParallelFor(tokens_, 1 + kGrainPairs / (pairs + 1), threads_, [&](int64_t begin, int64_t end) {
      thread_local std::vector<float> angles;
      angles.resize(2 * frequency_.size());
      for (int64_t token = begin; token < end; ++token)
        Turn(x + token * H_ * D_, positions[token], y + token * H_ * D_, angles.data());
    });
  }

 private:
  static constexpr int64_t kGrainPairs = 8192;  // about what starting threads costs

  // One token.
  void Turn(const float* x, int32_t position, float* y, float* cos) const {
    const int64_t padded = static_cast<int64_t>(frequency_.size());
    float* sin = cos + padded;
    Angles(frequency_.data(), position, magnitude_, padded, cos, sin);
    for (int64_t h = 0; h < H_; ++h, x += D_, y += D_) {
      (interleaved_ ? TurnNeighbours : TurnHalves)(x, y, cos, sin, half_);
      if (x != y) std::copy(x + 2 * half_, x + D_, y + 2 * half_);
    }
  }

  int64_t tokens_, H_, D_, half_;
  bool interleaved_, given_;
  double sign_;
  float magnitude_;
  int threads_;
  std::vector<double> frequency_;
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto rope = std::make_shared<Rope>(call, threads);
  return RoutineFunction([rope](void* const* buffers) {
    rope->Run(buffers);
    return absl::OkStatus();
  });
}

}  // namespace

std::vector<Routine> RopeRoutines() {
  return {
      {"rope",
       [](const graph::OpCall& call) { return RequireF32(call, 1); },
       Prepare,
       [](const graph::OpCall&) { return "angles once a token for all heads; bound by memory"; },
       {{0, 0}}}};
}

}  // namespace strata::compiler
