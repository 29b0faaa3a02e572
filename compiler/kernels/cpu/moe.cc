// Ops of mixtures of experts: places of the choices, rows there and back. A thread owns rows of the result and adds what
// belongs there in the order of tokens and choices: the same bits on any number of threads.
#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kGrainElements = 16384;  // of a row's features: what is worth a thread

// ---- places

absl::Status CheckIds(const int32_t* ids, int64_t count, int64_t experts) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < experts) continue;
    return absl::OutOfRangeError(absl::StrCat("ids: element ", i, " is ", ids[i],
                                              "; there are experts [0, ", experts,
                                              "), and a negative one is nowhere"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RoutineFunction> PrepareSlots(const graph::OpCall& call, int) {
  const std::vector<int64_t> dims = call.inputs[0].dims();
  const int64_t G = dims[0], N = dims[1], k = dims[2];
  const int64_t E = call.attrs().Int("experts"), capacity = call.attrs().Int("capacity");
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    STRATA_RETURN_IF_ERROR(CheckIds(Buffer<int32_t>(buffers, 0), G * N * k, E));
    for (int64_t g = 0; g < G; ++g) {
      const int32_t* ids = Buffer<int32_t>(buffers, 0) + g * N * k;
      int32_t* slot = Buffer<int32_t>(buffers, 1) + g * N * k;
      int32_t* load = Buffer<int32_t>(buffers, 2) + g * E;
      std::fill_n(load, E, 0);
      for (int64_t j = 0; j < k; ++j) {
        for (int64_t i = j; i < N * k; i += k) {
          const int32_t e = ids[i];
          const int64_t place = e < 0 ? capacity : load[e]++;
          slot[i] = place < capacity ? static_cast<int32_t>(e * capacity + place) : -1;
        }
      }
    }
    return absl::OkStatus();
  });
}

// A counting sort.
absl::StatusOr<RoutineFunction> PrepareSort(const graph::OpCall& call, int) {
  const int64_t G = call.inputs[0].dims()[0];
  const int64_t R = call.inputs[0].dims()[1] * call.inputs[0].dims()[2];
  const int64_t E = call.attrs().Int("experts");
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    STRATA_RETURN_IF_ERROR(CheckIds(Buffer<int32_t>(buffers, 0), G * R, E));
    std::vector<int32_t> next(static_cast<size_t>(E));
    for (int64_t g = 0; g < G; ++g) {
      const int32_t* ids = Buffer<int32_t>(buffers, 0) + g * R;
      int32_t* slot = Buffer<int32_t>(buffers, 1) + g * R;
      int32_t* offsets = Buffer<int32_t>(buffers, 2) + g * (E + 1);
      std::fill_n(offsets, E + 1, 0);
      for (int64_t i = 0; i < R; ++i) {
        if (ids[i] >= 0) ++offsets[ids[i] + 1];
      }
      for (int64_t e = 0; e < E; ++e) offsets[e + 1] += offsets[e];
      std::copy_n(offsets, E, next.begin());
      for (int64_t i = 0; i < R; ++i) {
        slot[i] = ids[i] < 0 ? -1 : next[static_cast<size_t>(ids[i])]++;
      }
    }
    return absl::OkStatus();
  });
}

// ---- rows

struct Sizes {
  int64_t G, N, k, S, C;  // groups, tokens, choices, slots of a group, features
  bool weighted;
};

Sizes SizesOf(const graph::OpCall& call, const graph::TensorType& rows) {
  const std::vector<int64_t> slot = call.inputs[1].dims(), y = rows.dims();
  return {slot[0], slot[1], slot[2], y[1] * y[2], y[3], call.inputs.size() > 2};
}

absl::Status CheckSlots(const int32_t* slot, const Sizes& s) {
  for (int64_t i = 0; i < s.G * s.N * s.k; ++i) {
    if (slot[i] < s.S) continue;
    return absl::OutOfRangeError(absl::StrCat("slot: element ", i, " is ", slot[i],
                                              "; there are slots [0, ", s.S,
                                              "), and a negative one is dropped"));
  }
  return absl::OkStatus();
}

STRATA_KERNEL(AddScaled, (float scale, const float* x, float* y, int64_t n), (scale, x, y, n)) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(y + i, Load(y + i) + scale * Load(x + i));
  for (; i < n; ++i) y[i] += scale * x[i];
}

STRATA_KERNEL(RowProduct, (const float* x, const float* y, int64_t n, float* product),
              (x, y, n, product)) {
  *product = Dot(x, y, n);
}

// Rows [begin, end) of all groups' slots: the tokens of their groups are looked through for them.
void DispatchRows(const Sizes& s, const float* x, const int32_t* slot, const float* weights,
                  float* y, int64_t begin, int64_t end) {
  std::fill(y + begin * s.C, y + end * s.C, 0.0f);
  for (int64_t g = begin / s.S; g * s.S < end; ++g) {
    const int64_t first = begin - g * s.S, last = end - g * s.S;
    for (int64_t i = g * s.N * s.k; i < (g + 1) * s.N * s.k; ++i) {
      if (slot[i] < std::max<int64_t>(first, 0) || slot[i] >= last) continue;
      AddScaled(weights == nullptr ? 1.0f : weights[i], x + i / s.k * s.C,
                y + (g * s.S + slot[i]) * s.C, s.C);
    }
  }
}

absl::StatusOr<RoutineFunction> PrepareDispatch(const graph::OpCall& call, int threads) {
  const Sizes s = SizesOf(call, call.outputs[0]);
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const float* x = Buffer<float>(buffers, 0);
    const int32_t* slot = Buffer<int32_t>(buffers, 1);
    const float* weights = s.weighted ? Buffer<float>(buffers, 2) : nullptr;
    float* y = Buffer<float>(buffers, s.weighted ? 3 : 2);
    STRATA_RETURN_IF_ERROR(CheckSlots(slot, s));
    ParallelFor(
        s.G * s.S, 1 + kGrainElements / (s.C + 1), threads,
        [&](int64_t begin, int64_t end) { DispatchRows(s, x, slot, weights, y, begin, end); });
    return absl::OkStatus();
  });
}

absl::StatusOr<RoutineFunction> PrepareCombine(const graph::OpCall& call, int threads) {
  const Sizes s = SizesOf(call, call.inputs[0]);
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const float* y = Buffer<float>(buffers, 0);
    const int32_t* slot = Buffer<int32_t>(buffers, 1);
    const float* weights = s.weighted ? Buffer<float>(buffers, 2) : nullptr;
    float* out = Buffer<float>(buffers, s.weighted ? 3 : 2);
    STRATA_RETURN_IF_ERROR(CheckSlots(slot, s));
    ParallelFor(s.G * s.N, 1 + kGrainElements / (s.C * s.k + 1), threads,
                [&](int64_t begin, int64_t end) {
                  std::fill(out + begin * s.C, out + end * s.C, 0.0f);
                  for (int64_t i = begin * s.k; i < end * s.k; ++i) {
                    if (slot[i] < 0) continue;
                    const int64_t token = i / s.k, row = token / s.N * s.S + slot[i];
                    AddScaled(weights == nullptr ? 1.0f : weights[i], y + row * s.C,
                              out + token * s.C, s.C);
                  }
                });
    return absl::OkStatus();
  });
}

absl::StatusOr<RoutineFunction> PrepareWeightGradient(const graph::OpCall& call, int threads) {
  const Sizes s = SizesOf(call, call.inputs[0]);
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const float *y = Buffer<float>(buffers, 0), *d = Buffer<float>(buffers, 2);
    const int32_t* slot = Buffer<int32_t>(buffers, 1);
    float* weights = Buffer<float>(buffers, 3);
    STRATA_RETURN_IF_ERROR(CheckSlots(slot, s));
    ParallelFor(s.G * s.N * s.k, 1 + kGrainElements / (s.C + 1), threads,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    weights[i] = 0;
                    if (slot[i] < 0) continue;
                    const int64_t token = i / s.k, row = token / s.N * s.S + slot[i];
                    RowProduct(y + row * s.C, d + token * s.C, s.C, weights + i);
                  }
                });
    return absl::OkStatus();
  });
}

absl::Status RequireF32Rows(const graph::OpCall& call) { return RequireF32(call, 1); }

}  // namespace

std::vector<Routine> MoeRoutines() {
  const auto any = [](const graph::OpCall&) { return absl::OkStatus(); };
  const auto count = [](const graph::OpCall&) { return "one pass over the choices"; };
  const auto rows = [](const graph::OpCall&) {
    return "threads own rows: no atomics, one order of addition";
  };
  return {{"moe_slots", any, PrepareSlots, count, {}},
          {"moe_sort", any, PrepareSort, count, {}},
          {"moe_dispatch", RequireF32Rows, PrepareDispatch, rows, {}},
          {"moe_combine", RequireF32Rows, PrepareCombine, rows, {}},
          {"moe_weight_gradient", RequireF32Rows, PrepareWeightGradient, rows, {}}};
}

}  // namespace strata::compiler
