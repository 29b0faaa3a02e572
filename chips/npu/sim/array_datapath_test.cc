#include "chips/npu/sim/array_datapath.h"

#include <cmath>
#include <random>

#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/test_support.h"
#include "chips/npu/sim/verifier.h"
#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kCount = 15;  // 3 rows of 5, so that no row fills the lanes

// Runs `middle` on 3 rows of 5 accumulators at 0 (rows of 32 bytes) that hold x and 3 rows at 1024 that
// hold y, and gives back the accumulators at 0.
template <typename T>
std::vector<T> OnAccumulators(const std::string& middle, const std::vector<T>& x,
                              const std::vector<T>& y) {
  const Program program = Parse(absl::StrCat(
      ".input X, 0, 60\n.input Y, 64, 60\n.output Z, 128, 60\n"
      "ld.l1 0, X, 3, 20, 32, 20\nld.l1 1024, Y, 3, 20, 32, 20\nfence\n"
      "vin.32 0, 0, 3, 5, 32, 32\nvin.32 1024, 1024, 3, 5, 32, 32\n",
      middle, "\nvout.32 2048, 0, 3, 5, 32, 32\nfence\nst.l1 Z, 2048, 3, 20, 20, 32\n"));
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  EXPECT_OK(Verify(*core, program));
  MemoryImage image = *NewImage(*core, program);
  Put(x, 0, &image[kDram]);
  Put(y, 64, &image[kDram]);
  SimulationOptions options;
  options.image = &image;
  EXPECT_OK(Simulate(*core, program, options).status());
  return Get<T>(image[kDram], 128, kCount);
}

const std::vector<int32_t> kInts = {0,   1,   -1,   127, -128,  2147483647, -2147483647 - 1, 42, -9,
                                    255, 256, 1000, -5,  65536, 7};
const std::vector<int32_t> kOtherInts = {1, 1, -1, -127, 128, 1, -1, -42, -9, 1, 2, 3, 4, -5, 100};
const std::vector<float> kFloats = {0.0f, -0.0f, 1.5f,  -1.5f, 1e30f, -1e30f, 1e-40f, INFINITY,
                                    3.0f, 0.1f,  -0.2f, 7.0f,  2.0f,  -3.0f,  1e38f};

TEST(ArrayDatapath, VectorOperandsAreTilesRowsAndColumns) {
  using I = int32_t;
  const auto run = [](const std::string& middle) {
    return OnAccumulators<I>(middle, kInts, kOtherInts);
  };
  const std::vector<I> tile = run("vadd.i32 0, 0, 1024, 3, 5, 32, 32, 32, 0");
  const std::vector<I> row = run("vadd.i32 0, 0, 1024, 3, 5, 32, 32, 0, 0");
  const std::vector<I> column = run("vadd.i32 0, 0, 1024, 3, 5, 32, 32, 32, 1");
  for (size_t i = 0; i < kInts.size(); ++i) {
    const auto sum = [&](size_t j) { return static_cast<I>(int64_t{kInts[i]} + kOtherInts[j]); };
    EXPECT_EQ(tile[i], sum(i));
    EXPECT_EQ(row[i], sum(i % 5));
    EXPECT_EQ(column[i], sum(i / 5 * 5));
  }
}

// The definition, on long double-free integers: floor division written out.
int32_t Requantised(int64_t x, int64_t multiplier, int shift, int64_t zero, int64_t low,
                    int64_t high) {
  const __int128 half = shift == 0 ? 0 : static_cast<__int128>(1) << (shift - 1);
  const __int128 divisor = static_cast<__int128>(1) << shift;
  const __int128 sum = static_cast<__int128>(x) * multiplier + half;
  __int128 quotient = sum / divisor;
  if (sum % divisor < 0) --quotient;
  const __int128 value = quotient + zero;
  return static_cast<int32_t>(value < low ? low : value > high ? high : value);
}

TEST(ArrayDatapath, RequantisationIsExact) {
  struct Case {
    int64_t multiplier;
    int shift;
    int64_t zero, low, high;
  };
  const Case cases[] = {
      {1, 0, 0, -128, 127}, {1, 1, 0, -128, 127},           {1518500249, 40, -3, -128, 127},
      {-5, 3, 10, 0, 127},  {2147483647, 62, 0, -128, 127}, {-2147483647 - 1, 31, 1, -100, 100}};
  for (const Case& c : cases) {
    // int8 to L1, and widened back.
    const std::string middle =
        absl::StrCat("vcfg ", c.multiplier, ", ", c.shift, ", ", c.zero, ", ", c.low, ", ", c.high,
                     "\nvquant.i8 4096, 0, 3, 5, 32, 32\nvwiden.i8 0, 4096, 3, 5, 32, 32");
    const std::vector<int32_t> z = OnAccumulators<int32_t>(middle, kInts, kOtherInts);
    for (size_t i = 0; i < z.size(); ++i) {
      EXPECT_EQ(z[i], Requantised(kInts[i], c.multiplier, c.shift, c.zero, c.low, c.high))
          << kInts[i] << " x " << c.multiplier << " >> " << c.shift;
    }
  }
}

TEST(ArrayDatapath, RequantisationByColumn) {
  const Program program = Parse(
      ".input X, 0, 40\n.input P, 64, 40\n.output Z, 128, 10\n"
      "ld.l1 0, X, 2, 20, 32, 20\nld.l1 1024, P, 1, 40, 48, 40\nfence\n"
      "vin.32 0, 0, 2, 5, 32, 32\nvcfg 1, 0, 3, -100, 100\n"
      "vquantc.i8 2048, 0, 1024, 2, 5, 16, 32\nfence\nst.l1 Z, 2048, 2, 5, 5, 16\n");
  const std::vector<int32_t> x = {0,  1000, -1000, 2147483647,      5,
                                  77, -77,  12345, -2147483647 - 1, 6};
  const std::vector<int32_t> channels = {1, 0, 7, 6, -3, 5, 1 << 30, 63, -1, 64 + 1};
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  EXPECT_OK(Verify(*core, program));
  MemoryImage image = *NewImage(*core, program);
  Put(x, 0, &image[kDram]);
  Put(channels, 64, &image[kDram]);
  SimulationOptions options;
  options.image = &image;
  EXPECT_OK(Simulate(*core, program, options).status());
  const std::vector<int8_t> z = Get<int8_t>(image[kDram], 128, 10);
  const int shifts[] = {0, 6, 5, 62, 1};
  for (size_t i = 0; i < z.size(); ++i) {
    EXPECT_EQ(z[i], Requantised(x[i], channels[2 * (i % 5)], shifts[i % 5], 3, -100, 100)) << i;
  }
}

TEST(ArrayDatapath, CastsToBf16AndBack) {
  const std::vector<float> z = OnAccumulators<float>(
      "vcast.bf16 4096, 0, 3, 5, 32, 32\nvwiden.bf16 0, 4096, 3, 5, 32, 32", kFloats, kFloats);
  for (size_t i = 0; i < z.size(); ++i) {
    EXPECT_EQ(z[i], Bf16ToFloat(FloatToBf16(kFloats[i])));
  }
}

TEST(ArrayDatapath, CopiesGoThroughBothScratchpads) {
  const Program program = Parse(
      ".input X, 3, 30\n.output Z, 100, 30\n.output T, 200, 30\n"
      "ld.l2 64, X, 3, 10, 16, 10\nfence\nmv.l1 32, 64, 3, 10, 16, 16\nfence\n"
      "mv.l2 1024, 32, 3, 10, 32, 16\nst.l1 T, 32, 3, 10, 10, 16\nfence\n"
      "st.l2 Z, 1024, 3, 10, 10, 32\n");
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  EXPECT_OK(Verify(*core, program));
  MemoryImage image = *NewImage(*core, program);
  std::vector<uint8_t> x(30);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(3 * i + 1);
  Put(x, 3, &image[kDram]);
  SimulationOptions options;
  options.image = &image;
  EXPECT_OK(Simulate(*core, program, options).status());
  EXPECT_EQ(Get<uint8_t>(image[kDram], 100, 30), x);
  EXPECT_EQ(Get<uint8_t>(image[kDram], 200, 30), x);
}

// A transposed load is the load of the transposed matrix: both products are the same.
TEST(ArrayDatapath, TransposedWeights) {
  for (const char* type : {"i8", "bf16", "e4m3", "e5m2"}) {
    const int64_t bytes = std::string(type) == "bf16" ? 2 : 1;
    const std::string text = absl::StrCat(
        ".input X, 0, 512\n.output Z, 512, 512\nld.l1 0, X, 16, ", 16 * bytes, ", 32, 32\nfence\n",
        "ldw.", type, " 0, 0, 7, 9, 32\nldwt.", type, " 1, 0, 9, 7, 32\nfence\n");
    const std::unique_ptr<Core> core = CoreOf("edge_16");
    const Program program = Parse(text);
    EXPECT_OK(Verify(*core, program));
    MemoryImage image = *NewImage(*core, program);
    std::mt19937 random(3);
    for (size_t i = 0; i < 512; ++i) image[kDram][i] = static_cast<uint8_t>(random());
    SimulationOptions options;
    options.image = &image;
    EXPECT_OK(Simulate(*core, program, options).status());
    const int64_t pitch = 32, plane = 16 * pitch;  // of the planes: 16 columns of 2 bytes
    for (int64_t k = 0; k < 7; ++k) {
      for (int64_t n = 0; n < 9; ++n) {
        for (int64_t byte = 0; byte < bytes; ++byte) {
          EXPECT_EQ(image[kPlane][k * pitch + n * bytes + byte],
                    image[kPlane][plane + n * pitch + k * bytes + byte])
              << type;
        }
      }
    }
  }
}

TEST(ArrayDatapath, EmptyOperandsTouchNothing) {
  const Program program = Parse(
      "ldw.i8 0, 0, 0, 16, 16\nldw.i8 0, 0, 16, 0, 16\nfence\nmm.i8 0, 0, 0, 0, 16, 16, 64, 16\n"
      "mm.i8 0, 0, 0, 16, 16, 0, 64, 16\nmm.i8 0, 0, 0, 2, 0, 3, 64, 16\nfence\n"
      "vout.32 0, 0, 2, 3, 64, 64\nvout.32 0, 0, 0, 9, 64, 64\nvfill 0, 0, 4, 64, 1\n"
      "vadd.i32 0, 0, 0, 0, 4, 64, 64, 0, 1\nvrelu.i32 0, 0, 4, 0, 64, 64\n"
      "vselect.32 0, 0, 0, 4, 0, 64, 64, 64, 3\nvmac.i8 0, 0, 0, 0, 4, 64, 16\n"
      "vsum.i32 0, 0, 0, 4, 64, 64\n");
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  EXPECT_OK(Verify(*core, program));
  MemoryImage image = *NewImage(*core, program);
  std::fill(image[kAcc].begin(), image[kAcc].end(), uint8_t{9});
  SimulationOptions options;
  options.image = &image;
  EXPECT_OK(Simulate(*core, program, options).status());
  EXPECT_EQ(Get<int32_t>(image[kL1], 0, 3), (std::vector<int32_t>{0, 0, 0})) << "k is 0";
  EXPECT_EQ(Get<uint8_t>(image[kAcc], 12, 1)[0], 9);
}

}  // namespace
}  // namespace strata::chips::npu
