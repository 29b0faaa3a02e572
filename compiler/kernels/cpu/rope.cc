// rope: the angles of a token once for all its heads, in double precision (positions reach 10^5), then one turn a pair.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

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
void TurnNeighbours(const float* x, float* y, const float* cos, const float* sin, int64_t half) {
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cos[i] - b * sin[i];
    y[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

struct Rope {
  Rope(const graph::OpCall& call, int threads)
      : tokens(call.inputs[1].elements()),
        H(call.inputs[0].dims()[2]),
        D(call.inputs[0].dims()[3]),
        half(call.attrs().Int("width", D) / 2),
        interleaved(call.attrs().Bool("interleaved")),
        given(call.inputs.size() > 2),
        sign(call.attrs().Bool("inverse") ? -1 : 1),
        magnitude(call.attrs().Float("magnitude", 1)),
        threads(threads) {
    for (int64_t i = 0; i < half; ++i) {
      const double exponent = -static_cast<double>(i) / static_cast<double>(half);
      frequency.push_back(given ? 0 : sign * std::pow(call.attrs().Float("theta"), exponent));
    }
  }

  // `frequencies` is null unless they are an input.
  void SetFrequencies(const float* frequencies) {
    for (size_t i = 0; given && i < frequency.size(); ++i)
      frequency[i] = sign * static_cast<double>(frequencies[i]);
  }

  void Run(const float* x, const int32_t* positions, float* y) const {
    ParallelFor(tokens, std::max<int64_t>(1, 2048 / (H * half + 1)), threads,
                [&](int64_t begin, int64_t end) {
                  std::vector<float> cos(frequency.size()), sin(frequency.size());
                  for (int64_t token = begin; token < end; ++token) {
                    for (size_t i = 0; i < frequency.size(); ++i) {
                      const double angle = positions[token] * frequency[i];
                      cos[i] = static_cast<float>(magnitude * std::cos(angle));
                      sin[i] = static_cast<float>(magnitude * std::sin(angle));
                    }
                    for (int64_t h = 0; h < H; ++h) {
                      const int64_t head = (token * H + h) * D;
                      (interleaved ? TurnNeighbours : TurnHalves)(x + head, y + head, cos.data(),
                                                                  sin.data(), half);
                      if (x != y) std::copy(x + head + 2 * half, x + head + D, y + head + 2 * half);
                    }
                  }
                });
  }

  int64_t tokens, H, D, half;
  bool interleaved, given;
  double sign, magnitude;
  int threads;
  std::vector<double> frequency;
};

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  auto rope = std::make_shared<Rope>(call, threads);
  return RoutineFunction([rope](void* const* buffers) {
    if (rope->given) rope->SetFrequencies(Buffer<float>(buffers, 2));
    rope->Run(Buffer<float>(buffers, 0), Buffer<int32_t>(buffers, 1),
              Buffer<float>(buffers, rope->given ? 3 : 2));
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
