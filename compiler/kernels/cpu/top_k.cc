// top_k: the best choices of each row, kept sorted while the row is read once. Experts are few, so no more is worth it.
#include <algorithm>
#include <cmath>

#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

// NaN is the least; among equals the earlier stays in front.
bool Better(float a, float b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

void TopOfRow(const float* x, int64_t E, int64_t k, float* values, int32_t* ids) {
  int64_t kept = 0;
  for (int64_t e = 0; e < E; ++e) {
    if (kept == k && !Better(x[e], values[k - 1])) continue;
    int64_t at = kept < k ? kept++ : k - 1;
    for (; at > 0 && Better(x[e], values[at - 1]); --at) {
      values[at] = values[at - 1];
      ids[at] = ids[at - 1];
    }
    values[at] = x[e];
    ids[at] = static_cast<int32_t>(e);
  }
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  const int64_t E = call.inputs[0].dims().back(), k = call.attrs().Int("k");
  const int64_t rows = call.outputs[0].elements() / k;
  return RoutineFunction([=](void* const* buffers) {
    const float* x = Buffer<float>(buffers, 0);
    float* values = Buffer<float>(buffers, 1);
    int32_t* ids = Buffer<int32_t>(buffers, 2);
    ParallelFor(rows, 1 + 16384 / E, threads, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) TopOfRow(x + r * E, E, k, values + r * k, ids + r * k);
    });
    return absl::OkStatus();
  });
}

}  // namespace

std::vector<Routine> TopKRoutines() {
  return {{"top_k",
           [](const graph::OpCall& call) { return RequireF32(call, 1); },
           Prepare,
           [](const graph::OpCall&) { return "each row read once, its best kept sorted"; },
           {}}};
}

}  // namespace strata::compiler
