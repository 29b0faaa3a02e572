// cache_update: new keys or values into their slots. In place it moves the new elements only.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

struct Sizes {
  explicit Sizes(const graph::OpCall& call) {
    const std::vector<int64_t> cache = call.inputs[0].dims();
    rows = cache[0];
    slots = cache[1];
    tokens = call.inputs[1].dims()[1];
    token_bytes = cache[2] * cache[3] * static_cast<int64_t>(chips::SizeOf(call.inputs[0].dtype));
  }
  int64_t rows, slots, tokens, token_bytes;
};

absl::Status Run(const Sizes& s, int threads, const char* cache, const char* fresh,
                 const int32_t* start, char* out) {
  for (int64_t b = 0; b < s.rows; ++b) {
    if (start[b] >= 0 && start[b] + s.tokens <= s.slots) continue;
    return absl::OutOfRangeError(absl::StrCat("start: row ", b, " writes [", start[b], ", ",
                                              start[b] + s.tokens, ") of a cache of ", s.slots,
                                              " slots; make the cache longer"));
  }
  if (out != cache) {
    ParallelFor(s.rows * s.slots * s.token_bytes, 1 << 18, threads,
                [&](int64_t begin, int64_t end) {
                  std::memcpy(out + begin, cache + begin, static_cast<size_t>(end - begin));
                });
  }
  const int64_t bytes = s.tokens * s.token_bytes;
  if (bytes == 0) return absl::OkStatus();
  for (int64_t b = 0; b < s.rows; ++b) {
    std::memcpy(out + (b * s.slots + start[b]) * s.token_bytes, fresh + b * bytes,
                static_cast<size_t>(bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  return RoutineFunction([s = Sizes(call), threads](void* const* buffers) {
    return Run(s, threads, Buffer<char>(buffers, 0), Buffer<char>(buffers, 1),
               Buffer<int32_t>(buffers, 2), Buffer<char>(buffers, 3));
  });
}

}  // namespace

std::vector<Routine> CacheUpdateRoutines() {
  return {{"cache_update",
           [](const graph::OpCall&) { return absl::OkStatus(); },
           Prepare,
           [](const graph::OpCall&) {
             return "in place where the old cache is dead: moves the new elements only";
           },
           {{0, 0}}}};
}

}  // namespace strata::compiler
