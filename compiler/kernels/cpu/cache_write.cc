// cache_write, cache_write_q8: the rows of a ragged batch into their slots, rounded to the cache's dtype. In place they
// move the new elements only.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/numerics/convert.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kGrainElements = 1 << 15;  // about what starting threads costs

struct Sizes {
  // `fresh`: which input is `new`.
  Sizes(const graph::OpCall& call, size_t fresh) : dtype(call.inputs[0].dtype) {
    const std::vector<int64_t> cache = call.inputs[0].dims();
    slots = cache[0];
    heads = cache[1];
    width = cache[2];
    rows = call.inputs[fresh].dims()[0];
  }
  int64_t row() const { return heads * width; }
  int64_t grain() const { return std::max<int64_t>(1, kGrainElements / (row() + 1)); }

  chips::DType dtype;
  int64_t slots, heads, width, rows;
};

// Rows go to slots of the pool, each but slot 0 at most once. `scratch` is for as many as there are rows.
absl::Status CheckSlots(const int32_t* slot, const Sizes& s, std::vector<int32_t>* scratch) {
  for (int64_t r = 0; r < s.rows; ++r) {
    if (slot[r] >= 0 && slot[r] < s.slots) continue;
    return absl::OutOfRangeError(absl::StrCat("slot: row ", r, " writes slot ", slot[r],
                                              " of a cache of ", s.slots,
                                              " slots; make the pool larger"));
  }
  if (s.rows < 2) return absl::OkStatus();
  scratch->assign(slot, slot + s.rows);
  std::sort(scratch->begin(), scratch->end());
  for (size_t i = 1; i < scratch->size(); ++i) {
    const int32_t x = (*scratch)[i];
    if (x == 0 || x != (*scratch)[i - 1]) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("slot: two rows write slot ", x, "; give each its own"));
  }
  return absl::OkStatus();
}

// What is not written over comes along where the new cache has memory of its own.
void CopyBehind(const void* from, void* to, int64_t bytes, int threads) {
  if (from == to) return;
  ParallelFor(bytes, 1 << 18, threads, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                static_cast<size_t>(end - begin));
  });
}

absl::Status WriteRow(const Sizes& s, const float* x, int64_t slot, char* cache) {
  const size_t n = static_cast<size_t>(s.row());
  if (s.dtype == chips::F32) {
    std::memcpy(cache + slot * s.row() * 4, x, n * 4);
    return absl::OkStatus();
  }
  return chips::FromF32(s.dtype == chips::F16 ? chips::Format::kF16 : chips::Format::kBf16,
                        absl::MakeSpan(x, n),
                        absl::MakeSpan(reinterpret_cast<uint16_t*>(cache) + slot * s.row(), n));
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  const Sizes s(call, 1);
  auto scratch = std::make_shared<std::vector<int32_t>>();
  return RoutineFunction([s, scratch, threads](void* const* buffers) -> absl::Status {
    const float* x = Buffer<float>(buffers, 1);
    const int32_t* slot = Buffer<int32_t>(buffers, 2);
    char* cache = Buffer<char>(buffers, 3);
    STRATA_RETURN_IF_ERROR(CheckSlots(slot, s, scratch.get()));
    CopyBehind(buffers[0], cache, s.slots * s.row() * static_cast<int64_t>(chips::SizeOf(s.dtype)),
               threads);
    ParallelFor(s.rows, s.grain(), threads, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        // Sizes and formats are those that the conversion knows: it does not fail.
        if (slot[r] != 0) WriteRow(s, x + r * s.row(), slot[r], cache).IgnoreError();
      }
    });
    return absl::OkStatus();
  });
}

// One head of a token in 8 bits: scale = max|x| / 127, elements x / scale to nearest even.
STRATA_KERNEL(QuantiseHead, (const float* x, int64_t n, int8_t* q, float* scale),
              (x, n, q, scale)) {
  v16 top = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) top = Max(Max(Load(x + i), -Load(x + i)), top);
  if (i < n) {
    const v16 part = LoadPart(x + i, n - i, 0.0f);
    top = Max(Max(part, -part), top);
  }
  const float step = MaxLane(top) / 127.0f;
  *scale = step;
  const v16 steps = Splat(step > 0 ? step : 1.0f);
  const v16 magic = Splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  for (i = 0; i < n; i += 16) {
    const int64_t lanes = n - i < 16 ? n - i : 16;
    const v16 part = lanes < 16 ? LoadPart(x + i, lanes, 0.0f) : Load(x + i);
    v16 whole = (part / steps + magic) - magic;
    whole = whole > 127.0f ? Splat(127.0f) : whole;
    whole = whole > -127.0f ? whole : Splat(-127.0f);
    const b16 bytes =
        __builtin_convertvector(__builtin_convertvector(step > 0 ? whole : v16{}, i16), b16);
    std::memcpy(q + i, &bytes, static_cast<size_t>(lanes));
  }
}

absl::StatusOr<RoutineFunction> PrepareQ8(const graph::OpCall& call, int threads) {
  const Sizes s(call, 2);
  auto scratch = std::make_shared<std::vector<int32_t>>();
  return RoutineFunction([s, scratch, threads](void* const* buffers) -> absl::Status {
    const float* x = Buffer<float>(buffers, 2);
    const int32_t* slot = Buffer<int32_t>(buffers, 3);
    int8_t* cache = Buffer<int8_t>(buffers, 4);
    float* scale = Buffer<float>(buffers, 5);
    STRATA_RETURN_IF_ERROR(CheckSlots(slot, s, scratch.get()));
    CopyBehind(buffers[0], cache, s.slots * s.row(), threads);
    CopyBehind(buffers[1], scale, s.slots * s.heads * 4, threads);
    ParallelFor(s.rows, s.grain(), threads, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t h = 0; slot[r] != 0 && h < s.heads; ++h) {
          const int64_t to = slot[r] * s.heads + h;
          QuantiseHead(x + (r * s.heads + h) * s.width, s.width, cache + to * s.width, scale + to);
        }
      }
    });
    return absl::OkStatus();
  });
}

std::string Reason(const graph::OpCall&) {
  return "in place where the old cache is dead: moves the new elements only";
}

}  // namespace

std::vector<Routine> CacheWriteRoutines() {
  const auto any = [](const graph::OpCall&) { return absl::OkStatus(); };
  return {{"cache_write", any, Prepare, Reason, {{0, 0}}},
          {"cache_write_q8", any, PrepareQ8, Reason, {{0, 0}, {1, 1}}}};
}

}  // namespace strata::compiler
