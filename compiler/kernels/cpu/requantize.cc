// requantize, and the casts between i8 and wider numbers that surround it.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using graph::OpCall;

constexpr int64_t kGrain = 16384;  // elements a thread takes at least
constexpr int32_t kMostShift = 62;

struct Range {
  int64_t zero, low, high;
};

// What each channel needs, in 64 bits.
struct Channels {
  explicit Channels(size_t count) : multiplier(count), shift(count), half(count) {}
  std::vector<int64_t> multiplier, shift, half;  // half: 2^(shift - 1), or 0
};

typedef int64_t q8 __attribute__((vector_size(64)));
typedef int32_t d8 __attribute__((vector_size(32)));

STRATA_INLINE q8 LoadQ8(const int64_t* p) {
  q8 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// The low bytes of eight lanes. GCC 12 makes a dozen shuffles of the conversion where one instruction does it.
template <bool kWide>
STRATA_INLINE void StoreBytes(int8_t* p, q8 v) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    __asm__("vpmovqb %1, %0" : "=m"(*reinterpret_cast<int8_t(*)[8]>(p)) : "v"(v));
    return;
  }
#endif
  for (int i = 0; i < 8; ++i) p[i] = static_cast<int8_t>(v[i]);
}

// Rows of C channels: multiplier m, shift s, half h.
STRATA_KERNEL(Rows,
              (const Range& range, const int32_t* x, const int64_t* m, const int64_t* s,
               const int64_t* h, int8_t* y, int64_t rows, int64_t C),
              (range, x, m, s, h, y, rows, C)) {
  const q8 zero = range.zero - q8{}, low = range.low - q8{}, high = range.high - q8{};
  for (int64_t row = 0; row < rows; ++row, x += C, y += C) {
    int64_t c = 0;
    for (; c + 8 <= C; c += 8) {
      d8 sums;
      std::memcpy(&sums, x + c, sizeof sums);
      q8 v =
          ((__builtin_convertvector(sums, q8) * LoadQ8(m + c) + LoadQ8(h + c)) >> LoadQ8(s + c)) +
          zero;
      v = v < low ? low : v;
      v = v > high ? high : v;
      StoreBytes<kWide>(y + c, v);
    }
    for (; c < C; ++c) {
      int64_t v = ((x[c] * m[c] + h[c]) >> s[c]) + range.zero;
      v = v < range.low ? range.low : v;
      y[c] = static_cast<int8_t>(v > range.high ? range.high : v);
    }
  }
}

absl::StatusOr<RoutineFunction> Prepare(const OpCall& call, int threads) {
  const Range range{call.attrs().Int("zero_point", 0), call.attrs().Int("low", -128),
                    call.attrs().Int("high", 127)};
  const int64_t C = call.inputs[1].elements();
  const int64_t rows = C == 0 ? 0 : call.inputs[0].elements() / C;
  auto channels = std::make_shared<Channels>(static_cast<size_t>(C));
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const int32_t *x = Buffer<const int32_t>(buffers, 0), *m = Buffer<const int32_t>(buffers, 1),
                  *s = Buffer<const int32_t>(buffers, 2);
    int8_t* y = Buffer<int8_t>(buffers, 3);
    for (int64_t c = 0; c < C; ++c) {
      if (s[c] < 0 || s[c] > kMostShift) {
        return absl::OutOfRangeError(
            absl::StrCat("shift[", c, "]: is ", s[c], "; must be in [0, ", kMostShift, "]"));
      }
      const auto i = static_cast<size_t>(c);
      channels->multiplier[i] = m[c];
      channels->shift[i] = s[c];
      channels->half[i] = s[c] == 0 ? 0 : int64_t{1} << (s[c] - 1);
    }
    ParallelFor(rows, std::max<int64_t>(1, kGrain / (C + 1)), threads,
                [&](int64_t begin, int64_t end) {
                  Rows(range, x + begin * C, channels->multiplier.data(), channels->shift.data(),
                       channels->half.data(), y + begin * C, end - begin, C);
                });
    return absl::OkStatus();
  });
}

std::string Reason(const OpCall& call) {
  return absl::StrCat("64-bit products of ", call.inputs[1].elements(),
                      " channels; bound by memory");
}

template <typename From, typename To>
RoutineFunction Widen(const OpCall& call, int threads) {
  return [n = call.inputs[0].elements(), threads](void* const* buffers) {
    ParallelFor(n, kGrain, threads, [&](int64_t begin, int64_t end) {
      const From* x = Buffer<const From>(buffers, 0);
      To* y = Buffer<To>(buffers, 1);
      for (int64_t i = begin; i < end; ++i) y[i] = static_cast<To>(x[i]);
    });
    return absl::OkStatus();
  };
}

// Saturates, as the op does.
RoutineFunction Narrow(const OpCall& call, int threads) {
  return [n = call.inputs[0].elements(), threads](void* const* buffers) {
    ParallelFor(n, kGrain, threads, [&](int64_t begin, int64_t end) {
      const int32_t* x = Buffer<const int32_t>(buffers, 0);
      int8_t* y = Buffer<int8_t>(buffers, 1);
      for (int64_t i = begin; i < end; ++i) y[i] = static_cast<int8_t>(std::clamp(x[i], -128, 127));
    });
    return absl::OkStatus();
  };
}

absl::StatusOr<RoutineFunction> PrepareCast(const OpCall& call, int threads) {
  if (call.inputs[0].dtype == chips::I32) return Narrow(call, threads);
  return call.outputs[0].dtype == chips::I32 ? Widen<int8_t, int32_t>(call, threads)
                                             : Widen<int8_t, float>(call, threads);
}

absl::Status SupportsCast(const OpCall& call) {
  const chips::DType from = call.inputs[0].dtype, to = call.outputs[0].dtype;
  const bool widens = from == chips::I8 && (to == chips::I32 || to == chips::F32);
  if (widens || (from == chips::I32 && to == chips::I8)) return absl::OkStatus();
  return absl::UnimplementedError("the CPU library's cast is for i8 to i32 or f32, and i32 to i8");
}

}  // namespace

std::vector<Routine> RequantizeRoutines() {
  return {{"requantize", [](const OpCall&) { return absl::OkStatus(); }, Prepare, Reason, {}},
          {"cast",
           SupportsCast,
           PrepareCast,
           [](const OpCall& call) {
             return absl::StrCat(call.inputs[0].ToString(), " in ",
                                 chips::DTypeName(call.outputs[0].dtype), "; bound by memory");
           },
           {}}};
}

}  // namespace strata::compiler
