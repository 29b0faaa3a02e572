// V's instructions against one definition an element, in wider arithmetic.
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

constexpr int64_t kA = 0, kB = 0x4000, kOut = 0x8000;
constexpr int64_t kStride = 256;  // of rows in GM and UB

struct Sizes {
  int64_t rows, cols;
};
constexpr Sizes kSizes[] = {{1, 1}, {3, 17}, {5, 64}, {7, 33}, {0, 4}, {4, 0}};

// `op` on A and B, both of `from` bytes an element; the result's rows lie in kOut.
std::vector<uint8_t> RunOne(const std::string& op, const std::string& operands,
                            const std::vector<uint8_t>& in) {
  return RunDavinci(
      absl::StrCat(".input A, 0, 0x4000\n.input B, 0x4000, 0x4000\n.output C, 0x8000, 0x4000\n"
                   "ld.ub 0, A, 1, 0x4000, 0, 0\nld.ub 0x4000, B, 1, 0x4000, 0, 0\n"
                   "vfill.32 0x8000, 1, 4096, 32, 0x5a5a5a5a\nfence\n",
                   op, " 0x8000, ", operands, "\nfence\nst.ub C, 0x8000, 1, 0x4000, 0, 0\n"),
      in);
}

// Random bits; a few of the special values in both operands.
std::vector<uint8_t> Values(uint64_t seed) {
  std::vector<uint8_t> bytes = RandomBytes(0x8000, seed);
  const uint32_t specials[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000,
                               0x7c007c00, 0xfc000001, 0x80008000, 0x7fffffff, 1};
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < bytes.size(); i += 4) {
    if (random() % 4 == 0) std::memcpy(&bytes[i], &specials[random() % std::size(specials)], 4);
  }
  return bytes;
}

bool SameFloat(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, 4) == 0;
}
bool Same(float a, float b) { return SameFloat(a, b); }
bool Same(int32_t a, int32_t b) { return a == b; }
bool Same(int8_t a, int8_t b) { return a == b; }
bool Same(uint16_t a, uint16_t b) { return SameFloat(Fp16ToFloat(a), Fp16ToFloat(b)); }

// Bytes that are not results keep what they held.
template <typename T>
void ExpectUntouched(const std::vector<uint8_t>& out, const Sizes& s) {
  const int64_t row_bytes = s.cols * static_cast<int64_t>(sizeof(T));
  int64_t touched = 0;
  for (int64_t at = 0; at < 0x4000; ++at) {
    const bool result = at / kStride < s.rows && at % kStride < row_bytes;
    touched += !result && out[static_cast<size_t>(kOut + at)] != 0x5a;
  }
  EXPECT_EQ(touched, 0);
}

template <typename T>
void CheckTwo(const std::string& name, const std::function<T(T, T)>& want) {
  for (const Sizes& s : kSizes) {
    for (const int64_t b_stride : {kStride, int64_t{0}}) {
      SCOPED_TRACE(absl::StrCat(name, " ", s.rows, " x ", s.cols, " b_stride ", b_stride));
      const std::vector<uint8_t> in = Values(static_cast<uint64_t>(s.cols));
      const std::vector<uint8_t> out = RunOne(
          name, absl::StrCat("0, 0x4000, ", s.rows, ", ", s.cols, ", 256, 256, ", b_stride), in);
      int wrong = 0;
      for (int64_t i = 0; i < s.rows * s.cols; ++i) {
        const int64_t r = i / s.cols, c = i % s.cols * static_cast<int64_t>(sizeof(T));
        const T a = At<T>(in, kA + r * kStride + c), b = At<T>(in, kB + r * b_stride + c);
        wrong += !Same(At<T>(out, kOut + r * kStride + c), want(a, b));
      }
      EXPECT_EQ(wrong, 0);
      ExpectUntouched<T>(out, s);
    }
  }
}

template <typename To, typename From>
void CheckOne(const std::string& name, const std::string& between,
              const std::function<To(From)>& want) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(absl::StrCat(name, " ", s.rows, " x ", s.cols));
    const std::vector<uint8_t> in = Values(static_cast<uint64_t>(s.cols));
    const std::vector<uint8_t> out =
        RunOne(name, absl::StrCat("0, ", between, s.rows, ", ", s.cols, ", 256, 256"), in);
    int wrong = 0;
    for (int64_t i = 0; i < s.rows * s.cols; ++i) {
      const int64_t r = i / s.cols, c = i % s.cols;
      const From x = At<From>(in, r * kStride + c * static_cast<int64_t>(sizeof(From)));
      const To got = At<To>(out, kOut + r * kStride + c * static_cast<int64_t>(sizeof(To)));
      wrong += !Same(got, want(x));
    }
    EXPECT_EQ(wrong, 0);
    ExpectUntouched<To>(out, s);
  }
}

int32_t Wrap(int64_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x)); }

TEST(Vector, Integers) {
  using I = int32_t;
  CheckTwo<I>("vadd.i32", [](I a, I b) { return Wrap(int64_t{a} + b); });
  CheckTwo<I>("vsub.i32", [](I a, I b) { return Wrap(int64_t{a} - b); });
  CheckTwo<I>("vmul.i32", [](I a, I b) { return Wrap(int64_t{a} * b); });
  CheckTwo<I>("vmax.i32", [](I a, I b) { return std::max(a, b); });
  CheckTwo<I>("vmin.i32", [](I a, I b) { return std::min(a, b); });
  CheckTwo<int8_t>("vmax.i8", [](int8_t a, int8_t b) { return std::max(a, b); });
  CheckTwo<int8_t>("vmin.i8", [](int8_t a, int8_t b) { return std::min(a, b); });
  CheckOne<I, I>("vadds.i32", "-77, ", [](I x) { return Wrap(int64_t{x} - 77); });
  CheckOne<I, I>("vmuls.i32", "12345, ", [](I x) { return Wrap(int64_t{x} * 12345); });
  CheckOne<I, I>("vmaxs.i32", "-9, ", [](I x) { return std::max(x, -9); });
  CheckOne<I, I>("vmins.i32", "9, ", [](I x) { return std::min(x, 9); });
  CheckOne<I, I>("vrelu.i32", "", [](I x) { return std::max(x, 0); });
  CheckOne<I, int8_t>("vconv.i8.i32", "", [](int8_t x) { return I{x}; });
}

// Sums and products of two f32 in double round to the right f32: double has more than twice its digits.
TEST(Vector, Floats) {
  CheckTwo<float>("vadd.f32", [](float a, float b) { return static_cast<float>(double{a} + b); });
  CheckTwo<float>("vsub.f32", [](float a, float b) { return static_cast<float>(double{a} - b); });
  CheckTwo<float>("vmul.f32", [](float a, float b) { return static_cast<float>(double{a} * b); });
  CheckTwo<float>("vmax.f32", [](float a, float b) { return a > b ? a : b; });
  CheckTwo<float>("vmin.f32", [](float a, float b) { return a < b ? a : b; });
  CheckOne<float, float>("vrelu.f32", "", [](float x) { return x > 0 ? x : 0.0f; });
  CheckOne<float, int32_t>("vconv.i32.f32", "",
                           [](int32_t x) { return static_cast<float>(double{1} * x); });
  CheckOne<float, uint16_t>("vconv.f16.f32", "", [](uint16_t x) { return Fp16ToFloat(x); });
  CheckOne<uint16_t, float>("vconv.f32.f16", "", [](float x) { return FloatToFp16(x); });
}

TEST(Vector, Halves) {
  using H = uint16_t;
  const auto round = [](double x) { return FloatToFp16(static_cast<float>(x)); };
  const auto wide = [](H x) { return double{Fp16ToFloat(x)}; };
  CheckTwo<H>("vadd.f16", [&](H a, H b) { return round(wide(a) + wide(b)); });
  CheckTwo<H>("vsub.f16", [&](H a, H b) { return round(wide(a) - wide(b)); });
  CheckTwo<H>("vmul.f16", [&](H a, H b) { return round(wide(a) * wide(b)); });
  CheckTwo<H>("vmax.f16", [&](H a, H b) { return wide(a) > wide(b) ? a : b; });
  CheckTwo<H>("vmin.f16", [&](H a, H b) { return wide(a) < wide(b) ? a : b; });
  CheckOne<H, H>("vrelu.f16", "", [&](H x) { return wide(x) > 0 ? x : H{0}; });
}

TEST(Vector, SumsColumns) {
  const std::vector<uint8_t> in = Values(3);
  const std::vector<uint8_t> out = RunOne("vcsum.i32", "0, 9, 37, 256", in);
  for (int64_t c = 0; c < 37; ++c) {
    int64_t sum = 0;
    for (int64_t r = 0; r < 9; ++r) sum += At<int32_t>(in, r * kStride + 4 * c);
    EXPECT_EQ(At<int32_t>(out, kOut + 4 * c), Wrap(sum));
  }
  ExpectUntouched<int32_t>(out, {1, 37});
  ExpectUntouched<int32_t>(RunOne("vcsum.i32", "0, 0, 37, 256", in), {0, 0});
}

TEST(Vector, RequantisesByChannel) {
  std::vector<uint8_t> in = Values(4);
  std::mt19937_64 random(5);
  for (int64_t c = 0; c < 40; ++c) {
    const int32_t channel[2] = {static_cast<int32_t>(random()),
                                static_cast<int32_t>(random() % 63)};
    std::memcpy(&in[static_cast<size_t>(kB + 4 * c)], &channel[0], 4);
    std::memcpy(&in[static_cast<size_t>(kB + 256 + 4 * c)], &channel[1], 4);
  }
  const std::string text =
      ".input A, 0, 0x4000\n.input B, 0x4000, 0x4000\n.output C, 0x8000, 0x4000\n"
      "ld.ub 0, A, 1, 0x4000, 0, 0\nld.ub 0x4000, B, 1, 0x4000, 0, 0\nfence\nvcfg 3, -100, 90\n"
      "vquantc.i8 0x8000, 0, 0x4000, 0x4100, 6, 40, 64, 256\nfence\nst.ub C, 0x8000, 6, 40, 64, "
      "64\n";
  const std::vector<uint8_t> out = RunDavinci(text, in);
  for (int64_t i = 0; i < 240; ++i) {
    const int64_t r = i / 40, c = i % 40;
    const __int128 x = At<int32_t>(in, r * kStride + 4 * c);
    const int32_t multiplier = At<int32_t>(in, kB + 4 * c);
    const int32_t shift = At<int32_t>(in, kB + 256 + 4 * c);
    // floor((x m + 2^(s-1)) / 2^s), by division.
    const __int128 unit = static_cast<__int128>(1) << shift;
    const __int128 scaled = x * multiplier + unit / 2;
    const __int128 floor = (scaled >= 0 ? scaled : scaled - unit + 1) / unit;
    const __int128 want = std::min<__int128>(std::max<__int128>(floor + 3, -100), 90);
    EXPECT_EQ(At<int8_t>(out, kOut + r * 64 + c), static_cast<int8_t>(want));
  }
}

TEST(Vector, CyclesCountBlocksOfEachRow) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  const std::pair<const char*, int64_t> cases[] = {
      {"vadds.i32 0, 0, 1, 4, 64, 256, 256", 4},  // 8 blocks a row
      {"vadds.i32 0, 0, 1, 4, 65, 288, 288", 5},  // 9 blocks a row
      {"vmax.i8 0, 0, 0, 16, 3, 32, 32, 32", 2},  // a block a row
      {"vconv.i8.i32 0, 0, 2, 64, 256, 256", 2},  // as wide as the result
      {"vfill.32 0, 0, 64, 256, 0", 1}};
  for (const auto& [text, busy] : cases) {
    const Program program = ParseDavinci(text);
    Resolved in;
    in.row = program.instructions[0].row;
    in.unit = kV;
    for (size_t v = 0; v < kMaxOperands; ++v)
      in.values[v] = program.instructions[0].operands[v].value;
    Effect effect;
    ASSERT_OK(core->EffectOf(in, &effect));
    EXPECT_EQ(effect.busy, busy) << text;
    EXPECT_EQ(effect.latency, busy + 16) << text;
  }
}

}  // namespace
}  // namespace strata::chips::npu::davinci
