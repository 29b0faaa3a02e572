// cross_entropy and its gradient: a row of logits at a time, in two passes (maximum, then exponentials) over what is in
// cache by then. The gradient may overwrite the logits.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

// highest = max(x), total = sum of exp(x - highest). n > 0.
STRATA_KERNEL(SumOfExponentials, (const float* x, int64_t n, float* highest, float* total),
              (x, n, highest, total)) {
  v16 top = Splat(x[0]);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) top = Max(Load(x + i), top);
  for (; i < n; ++i) top = Max(Splat(x[i]), top);
  const float high = MaxLane(top);
  v16 sum = {};
  for (i = 0; i + 16 <= n; i += 16) sum += Exp(Load(x + i) - high);
  if (i < n) sum += Exp(LoadPart(x + i, n - i, -std::numeric_limits<float>::infinity()) - high);
  *highest = high;
  *total = Sum(sum);
}

// dx = (exp(x - lse) - onehot(target)) * dloss
STRATA_KERNEL(GradientRow,
              (const float* x, float* dx, int64_t n, int64_t target, float lse, float dloss),
              (x, dx, n, target, lse, dloss)) {
  const float at_target = x[target];
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Store(dx + i, Exp(Load(x + i) - lse) * dloss);
  if (i < n) StorePart(dx + i, Exp(LoadPart(x + i, n - i, 0.0f) - lse) * dloss, n - i);
  dx[target] = (Exp(Splat(at_target - lse))[0] - 1.0f) * dloss;
}

struct Sizes {
  explicit Sizes(const graph::OpCall& call)
      : rows(call.inputs[1].elements()), V(call.inputs[0].dims().back()) {}
  int64_t grain() const { return std::max<int64_t>(1, 16384 / (V + 1)); }
  int64_t rows, V;
};

absl::Status CheckTargets(const int32_t* targets, const Sizes& s) {
  for (int64_t row = 0; row < s.rows; ++row) {
    if (targets[row] < s.V) continue;
    return absl::OutOfRangeError(absl::StrCat("targets: element ", row, " is ", targets[row],
                                              "; there are classes [0, ", s.V,
                                              "), and a negative one is ignored"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RoutineFunction> PrepareLoss(const graph::OpCall& call, int threads) {
  return RoutineFunction([s = Sizes(call), threads](void* const* buffers) -> absl::Status {
    const float* logits = Buffer<float>(buffers, 0);
    const int32_t* targets = Buffer<int32_t>(buffers, 1);
    float* loss = Buffer<float>(buffers, 2);
    float* lse = Buffer<float>(buffers, 3);
    STRATA_RETURN_IF_ERROR(CheckTargets(targets, s));
    ParallelFor(s.rows, s.grain(), threads, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float* x = logits + row * s.V;
        float highest = 0, total = 0;
        if (s.V > 0) SumOfExponentials(x, s.V, &highest, &total);
        lse[row] = highest + std::log(total);
        loss[row] = targets[row] < 0 ? 0.0f : lse[row] - x[targets[row]];
      }
    });
    return absl::OkStatus();
  });
}

absl::StatusOr<RoutineFunction> PrepareGradient(const graph::OpCall& call, int threads) {
  return RoutineFunction([s = Sizes(call), threads](void* const* buffers) -> absl::Status {
    const float* logits = Buffer<float>(buffers, 0);
    const int32_t* targets = Buffer<int32_t>(buffers, 1);
    const float* lse = Buffer<float>(buffers, 2);
    const float* dloss = Buffer<float>(buffers, 3);
    float* dlogits = Buffer<float>(buffers, 4);
    STRATA_RETURN_IF_ERROR(CheckTargets(targets, s));
    ParallelFor(s.rows, s.grain(), threads, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* dx = dlogits + row * s.V;
        if (targets[row] < 0) {
          std::fill_n(dx, s.V, 0.0f);
        } else {
          GradientRow(logits + row * s.V, dx, s.V, targets[row], lse[row], dloss[row]);
        }
      }
    });
    return absl::OkStatus();
  });
}

absl::Status Supports(const graph::OpCall& call) { return RequireF32(call, 1); }

}  // namespace

std::vector<Routine> CrossEntropyRoutines() {
  return {{"cross_entropy",
           Supports,
           PrepareLoss,
           [](const graph::OpCall&) {
             return "a row at a time stays in cache: logits are read from memory once";
           },
           {}},
          {"cross_entropy_gradient",
           Supports,
           PrepareGradient,
           [](const graph::OpCall&) {
             return "from the kept lse, over the logits' own storage where they are dead";
           },
           {{0, 0}}}};
}

}  // namespace strata::compiler
