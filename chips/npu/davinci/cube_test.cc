// The cube and its loads against plain loops over the matrices themselves.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

struct Product {
  int64_t m, k, n;
  bool half = false;
  bool transposed = false;  // both operands lie transposed in memory
  int64_t cut = 0;          // k is summed in two parts, cut here
};

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

constexpr int64_t kB = 0x20000, kC = 0x40000;

// One load and product of columns [begin, end) of k.
std::string Part(const Product& p, int64_t begin, int64_t end) {
  const int64_t bytes = p.half ? 2 : 1, k = end - begin;
  const std::string type = p.half ? "f16" : "i8";
  const std::string load = p.transposed ? "loadt." : "load.";
  const int64_t a_stride = (p.transposed ? p.m : p.k) * bytes;
  const int64_t b_stride = (p.transposed ? p.k : p.n) * bytes;
  const int64_t a = begin * (p.transposed ? a_stride : bytes);
  const int64_t b = 0x40000 + begin * (p.transposed ? bytes : b_stride);
  return absl::StrCat(load, "a.", type, " 0, ", a, ", ", p.m, ", ", k, ", ", a_stride, "\n", load,
                      "b.", type, " 0, ", b, ", ", k, ", ", p.n, ", ", b_stride, "\nfence\n",
                      begin == 0 ? "mmad." : "mmada.", type, " 0, 0, 0, ", p.m, ", ", k, ", ", p.n,
                      "\nfence\n");
}

std::string Text(const Product& p) {
  const int64_t bytes = p.half ? 2 : 1;
  const int64_t pitch = RoundUp(p.n * 4, 32), block = RoundUp(p.m, 16) * 64;
  std::string text =
      absl::StrCat(".input A, 0, ", p.m * p.k * bytes, "\n.input B, ", kB, ", ", p.k * p.n * bytes,
                   "\n.output C, ", kC, ", ", p.m * p.n * 4, "\nld.l1 0, A, 1, ", p.m * p.k * bytes,
                   ", 0, 0\nld.l1 0x40000, B, 1, ", p.k * p.n * bytes, ", 0, 0\nfence\n");
  if (p.cut > 0) text += Part(p, 0, p.cut);
  text += Part(p, p.cut, p.k);
  absl::StrAppend(&text, "mv.c 0, 0, ", p.m, ", ", p.n, ", ", pitch, ", ", block,
                  "\nfence\nst.ub C, 0, ", p.m, ", ", p.n * 4, ", ", p.n * 4, ", ", pitch, "\n");
  return text;
}

// Halves of moderate size, some subnormal, so that sums round but do not overflow.
uint16_t Half(uint16_t bits) { return static_cast<uint16_t>(bits & 0xbfff); }

std::vector<uint8_t> Inputs(const Product& p) {
  std::vector<uint8_t> bytes = RandomBytes(kC, static_cast<uint64_t>(p.m * 97 + p.k * 13 + p.n));
  for (size_t i = 0; p.half && i < bytes.size(); i += 2) {
    const uint16_t half = Half(At<uint16_t>(bytes, static_cast<int64_t>(i)));
    std::memcpy(&bytes[i], &half, 2);
  }
  return bytes;
}

void Check(const Product& p) {
  SCOPED_TRACE(absl::StrCat(p.m, " x ", p.k, " x ", p.n, " half ", p.half, " transposed ",
                            p.transposed, " cut ", p.cut));
  const std::vector<uint8_t> in = Inputs(p);
  const std::vector<uint8_t> out = RunDavinci(Text(p), in);
  int wrong = 0;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      uint32_t sum = 0;
      float chain = 0;
      for (int64_t k = 0; k < p.k; ++k) {
        const int64_t a = p.transposed ? k * p.m + i : i * p.k + k;
        const int64_t b = p.transposed ? j * p.k + k : k * p.n + j;
        if (p.half) {
          // A product is exact, so that one rounding is what the sum takes.
          chain = std::fma(Fp16ToFloat(At<uint16_t>(in, 2 * a)),
                           Fp16ToFloat(At<uint16_t>(in, kB + 2 * b)), chain);
        } else {
          sum += static_cast<uint32_t>(At<int8_t>(in, a) * At<int8_t>(in, kB + b));
        }
      }
      const uint32_t got = At<uint32_t>(out, kC + (i * p.n + j) * 4);
      uint32_t want = sum;
      if (p.half) std::memcpy(&want, &chain, 4);
      wrong += got != want;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Cube, MultipliesInt8) {
  for (const Product& p : std::vector<Product>{{1, 1, 1},
                                               {16, 32, 16},
                                               {17, 33, 18},
                                               {5, 70, 3},
                                               {100, 64, 40},
                                               {15, 31, 15},
                                               {2, 2049, 2},
                                               {33, 1100, 16}}) {
    Check(p);
    Check({p.m, p.k, p.n, false, true});
    Check({p.m, p.k, p.n, false, false, p.k / 2});
  }
}

TEST(Cube, MultipliesHalvesInOneChainOverK) {
  for (const Product& p :
       std::vector<Product>{{1, 1, 1}, {16, 16, 16}, {17, 19, 33}, {4, 100, 20}, {50, 40, 24}}) {
    Check({p.m, p.k, p.n, true});
    Check({p.m, p.k, p.n, true, true});
    Check({p.m, p.k, p.n, true, false, p.k / 2});
  }
}

TEST(Cube, SumsOfTheLargestProductsAreExactBeyondWhatF32Holds) {
  const int64_t k = 4000;
  const std::string text = absl::StrCat(
      ".input A, 0, 4000\n.output C, 4096, 4\nld.l1 0, A, 1, 4000, 0, 0\nfence\n"
      "load.a.i8 0, 0, 1, 4000, 0\nload.b.i8 0, 0, 4000, 1, 1\nfence\nmmad.i8 0, 0, 0, 1, 4000, 1\n"
      "fence\nmv.c 0, 0, 1, 1, 32, 1024\nfence\nst.ub C, 0, 1, 4, 0, 0\n");
  const std::vector<uint8_t> out = RunDavinci(text, std::vector<uint8_t>(4000, 0x80));
  EXPECT_EQ(At<int32_t>(out, 4096), k * 16384);
}

TEST(Cube, AnEmptySumIsZeroAndEmptySizesDoNothing) {
  const std::vector<uint8_t> out = RunDavinci(
      ".output C, 0, 64\nmmad.i8 0, 0, 0, 2, 0, 3\nmmad.i8 0, 0, 0, 0, 5, 3\n"
      "load.a.i8 0, 0, 0, 5, 1\nload.b.f16 0, 0, 4, 0, 1\nload3d.i8 0, 0, 2, 2, 0, 4, 1, 1, 1\n"
      "fence\nmv.c 0, 0, 2, 3, 32, 1024\nfence\nst.ub C, 0, 2, 12, 12, 32\n",
      std::vector<uint8_t>(64, 7));
  for (int64_t i = 0; i < 24; i += 4) EXPECT_EQ(At<int32_t>(out, i), 0);
}

struct Convolution {
  int64_t height, width, channels, kernel_height, kernel_width, stride, padding, outputs;
};

// Borders of zeros in L1, the input inside, all windows at once.
void CheckConvolution(const Convolution& c) {
  SCOPED_TRACE(absl::StrCat(c.height, " x ", c.width, " x ", c.channels, " by ", c.kernel_height,
                            " x ", c.kernel_width, " stride ", c.stride));
  const int64_t line = (c.width + 2 * c.padding) * c.channels;
  const int64_t lines = c.height + 2 * c.padding;
  const int64_t rows = (lines - c.kernel_height) / c.stride + 1;
  const int64_t cols = (c.width + 2 * c.padding - c.kernel_width) / c.stride + 1;
  const int64_t k = c.kernel_height * c.kernel_width * c.channels, m = rows * cols;
  const int64_t pitch = RoundUp(c.outputs * 4, 32);
  const std::string text = absl::StrCat(
      ".input X, 0, ", c.height * c.width * c.channels, "\n.input W, ", kB, ", ", k * c.outputs,
      "\n.output Y, ", kC, ", ", m * c.outputs * 4, "\nfill.l1 0, 1, ", lines * line,
      ", 0, 0\nld.l1 ", c.padding * (line + c.channels), ", X, ", c.height, ", ",
      c.width * c.channels, ", ", line, ", ", c.width * c.channels, "\nld.l1 0x40000, W, 1, ",
      k * c.outputs, ", 0, 0\nfence\nload3d.i8 0, 0, ", rows, ", ", cols, ", ", c.kernel_height,
      ", ", c.kernel_width * c.channels, ", ", c.stride * line, ", ", c.stride * c.channels, ", ",
      line, "\nload.b.i8 0, 0x40000, ", k, ", ", c.outputs, ", ", c.outputs,
      "\nfence\nmmad.i8 0, 0, 0, ", m, ", ", k, ", ", c.outputs, "\nfence\nmv.c 0, 0, ", m, ", ",
      c.outputs, ", ", pitch, ", ", RoundUp(m, 16) * 64, "\nfence\nst.ub Y, 0, ", m, ", ",
      c.outputs * 4, ", ", c.outputs * 4, ", ", pitch, "\n");
  const std::vector<uint8_t> in = RandomBytes(kC, 5);
  const std::vector<uint8_t> out = RunDavinci(text, in);
  int wrong = 0;
  for (int64_t i = 0; i < m * c.outputs; ++i) {
    const int64_t o = i % c.outputs, col = i / c.outputs % cols, row = i / c.outputs / cols;
    int32_t sum = 0;
    for (int64_t at = 0; at < k; ++at) {
      const int64_t e = at % c.channels, dx = at / c.channels % c.kernel_width;
      const int64_t dy = at / c.channels / c.kernel_width;
      const int64_t y = row * c.stride + dy - c.padding, x = col * c.stride + dx - c.padding;
      if (y < 0 || y >= c.height || x < 0 || x >= c.width) continue;
      sum += At<int8_t>(in, (y * c.width + x) * c.channels + e) *
             At<int8_t>(in, kB + at * c.outputs + o);
    }
    wrong += At<int32_t>(out, kC + i * 4) != sum;
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Cube, ConvolvesWhatLoad3dUnfolds) {
  CheckConvolution({7, 9, 3, 3, 3, 1, 1, 5});
  CheckConvolution({8, 8, 16, 3, 3, 2, 1, 16});
  CheckConvolution({9, 7, 1, 5, 5, 1, 2, 6});
  CheckConvolution({6, 6, 8, 1, 1, 2, 0, 17});
  CheckConvolution({5, 5, 33, 2, 3, 1, 0, 3});
  CheckConvolution({7, 7, 2, 2, 2, 3, 0, 3});  // gaps between the windows
}

TEST(Cube, CyclesAreBlocks) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  const Program program = ParseDavinci(
      "mmad.i8 0, 0, 0, 17, 33, 16\nmmad.f16 0, 0, 0, 16, 33, 16\nmmad.i8 0, 0, 0, 0, 33, 16\n");
  const int64_t busy[] = {2 * 2 * 1, 1 * 3 * 1, 1};
  for (size_t i = 0; i < 3; ++i) {
    Resolved in;
    in.row = program.instructions[i].row;
    in.unit = kM;
    for (size_t v = 0; v < 6; ++v) in.values[v] = program.instructions[i].operands[v].value;
    Effect effect;
    ASSERT_OK(core->EffectOf(in, &effect));
    EXPECT_EQ(effect.busy, busy[i]);
    EXPECT_EQ(effect.latency, busy[i] + 16);
  }
}

}  // namespace
}  // namespace strata::chips::npu::davinci
