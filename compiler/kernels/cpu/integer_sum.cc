// reduce_sum of i32 over neighbouring axes, as [before, terms, after]: what the means of integer models are made of.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

using graph::OpCall;

struct Sizes {
  int64_t before = 1, terms = 1, after = 1;
};

// False when the axes are not neighbours.
bool SizesOf(const OpCall& call, Sizes* s) {
  const std::vector<int64_t> dims = call.inputs[0].dims();
  std::vector<bool> summed(dims.size(), false);
  for (int64_t axis : call.attrs().Ints("axes")) {
    const auto rank = static_cast<int64_t>(dims.size());
    summed[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  size_t d = 0;
  for (; d < dims.size() && !summed[d]; ++d) s->before *= dims[d];
  for (; d < dims.size() && summed[d]; ++d) s->terms *= dims[d];
  for (; d < dims.size() && !summed[d]; ++d) s->after *= dims[d];
  return d == dims.size();
}

// Sums in 64 bits, which 2^32 terms fit, and saturates as the op does.
void Sum(const Sizes& s, const int32_t* x, int32_t* y, int64_t row) {
  std::vector<int64_t> sums(static_cast<size_t>(s.after), 0);
  x += row * s.terms * s.after;
  for (int64_t term = 0; term < s.terms; ++term, x += s.after) {
    for (int64_t c = 0; c < s.after; ++c) sums[static_cast<size_t>(c)] += x[c];
  }
  for (int64_t c = 0; c < s.after; ++c) {
    y[row * s.after + c] = static_cast<int32_t>(
        std::clamp<int64_t>(sums[static_cast<size_t>(c)], std::numeric_limits<int32_t>::lowest(),
                            std::numeric_limits<int32_t>::max()));
  }
}

absl::StatusOr<RoutineFunction> Prepare(const OpCall& call, int threads) {
  Sizes s;
  SizesOf(call, &s);
  return RoutineFunction([s, threads](void* const* buffers) {
    const int64_t grain = std::max<int64_t>(1, 16384 / (s.terms * s.after + 1));
    ParallelFor(s.before, grain, threads, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        Sum(s, Buffer<const int32_t>(buffers, 0), Buffer<int32_t>(buffers, 1), row);
    });
    return absl::OkStatus();
  });
}

absl::Status Supports(const OpCall& call) {
  Sizes s;
  if (call.inputs[0].dtype == chips::I32 && SizesOf(call, &s)) return absl::OkStatus();
  return absl::UnimplementedError("the CPU library's reduce_sum is for i32 over neighbouring axes");
}

std::string Reason(const OpCall& call) {
  Sizes s;
  SizesOf(call, &s);
  return absl::StrCat("integer sums of ", s.terms, " terms; bound by memory");
}

}  // namespace

std::vector<Routine> IntegerSumRoutines() {
  return {{"reduce_sum", Supports, Prepare, Reason, {}}};
}

}  // namespace strata::compiler
