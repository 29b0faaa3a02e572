// Against definitions in double precision (where one operation of f32 operands, rounded once more, is
// the f32 result) and wide integers, over shapes, kinds of operands and special values.
#include "chips/npu/sim/vector_datapath.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/numerics/float16.h"
#include "chips/numerics/format.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

constexpr size_t kBytes = 4096;  // of ACC and L1
constexpr int64_t kLanes = 4;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const float kFloats[] = {0.0f,   -0.0f,   1.0f,   -1.5f,  kInf,    -kInf, kNan,
                         1e-40f, -3e-39f, 1e30f,  -1e38f, 3.4e38f, 0.1f,  -0.7f,
                         88.0f,  -90.f,   2.5f,   -127.f, 1e9f,    -3e9f, 2147483648.0f,
                         16.0f,  3.0f,    448.0f, 500.0f, 60000.f};
const int32_t kInts[] = {0,  1,   -1,   127,  -128,      128,   2147483647, -2147483647 - 1,
                         42, -99, 1000, -255, 123456789, 65536, -65537,     3};

template <typename T>
T Random(std::mt19937& random) {
  if constexpr (std::is_same_v<T, float>) {
    return random() % 2 == 0 ? kFloats[random() % std::size(kFloats)]
                             : std::ldexp(static_cast<float>(random()) - 2e9f, -28);
  } else {
    return random() % 2 == 0 ? kInts[random() % std::size(kInts)] : static_cast<int32_t>(random());
  }
}

template <typename T>
T At(const std::vector<uint8_t>& memory, int64_t address) {
  T value;
  std::memcpy(&value, &memory[static_cast<size_t>(address)], sizeof(T));
  return value;
}

// NaNs are equal: which one a NaN is, is not defined.
template <typename T>
bool Same(T a, T b) {
  if constexpr (std::is_same_v<T, float>) {
    if (std::isnan(a) && std::isnan(b)) return true;
  }
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

class VectorDatapathTest : public ::testing::Test {
 protected:
  VectorDatapathTest() : image_(5) {
    image_[kAcc].resize(kBytes);
    image_[kL1].resize(kBytes);
  }

  template <typename T>
  void FillAcc() {
    for (size_t i = 0; i < kBytes; i += 4) {
      const T value = Random<T>(random_);
      std::memcpy(&image_[kAcc][i], &value, 4);
    }
  }
  void FillL1() {
    for (uint8_t& byte : image_[kL1]) byte = static_cast<uint8_t>(random_());
  }

  void Run(const std::string& name, std::initializer_list<int64_t> values) {
    before_ = image_;
    Resolved in;
    in.row = ArrayIsa().Find(name);
    ASSERT_NE(in.row, nullptr) << name;
    ASSERT_EQ(in.row->operands.size(), values.size()) << name;
    std::copy(values.begin(), values.end(), in.values.begin());
    datapath_.Execute(in);
  }

  // Of the tile at `to`, each element is what `expected` says of (r, c); all else is as before.
  template <typename T>
  void Expect(int memory, int64_t to, int64_t rows, int64_t cols, int64_t stride,
              const std::function<T(int64_t, int64_t)>& expected, const std::string& what) {
    std::vector<uint8_t> after = before_[memory];
    const int64_t size = sizeof(T);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const int64_t at = to + r * stride + c * size;
        const T got = At<T>(image_[memory], at), want = expected(r, c);
        ASSERT_TRUE(Same(got, want))
            << what << " (" << r << ", " << c << "): " << +got << " in place of " << +want;
        std::memcpy(&after[at], &got, sizeof(T));
      }
    }
    ASSERT_EQ(after, image_[memory]) << what << " wrote beyond its tile";
    ASSERT_EQ(before_[kAcc + kL1 - memory], image_[kAcc + kL1 - memory]);
  }

  // Elements as they were before the instruction.
  template <typename T>
  T Acc(int64_t address) const {
    return At<T>(before_[kAcc], address);
  }
  template <typename T>
  T L1(int64_t address) const {
    return At<T>(before_[kL1], address);
  }

  MemoryImage image_, before_;
  VectorDatapath datapath_{kLanes, &image_};
  std::mt19937 random_{11};
};

struct Size {
  int64_t rows, cols;
};
constexpr Size kSizes[] = {{0, 3}, {3, 0}, {1, 1}, {1, 7}, {5, 1}, {3, 5}, {7, 16}, {2, 33}};

template <typename To, typename From>
struct BinaryCase {
  const char* name;
  std::function<To(From, From)> op;
};

// A definition in doubles, rounded once.
std::function<float(float, float)> Rounded(double (*op)(double, double)) {
  return [op](float a, float b) { return static_cast<float>(op(a, b)); };
}

TEST_F(VectorDatapathTest, BinaryFloats) {
  const BinaryCase<float, float> cases[] = {
      {"vadd.f32", Rounded([](double a, double b) { return a + b; })},
      {"vsub.f32", Rounded([](double a, double b) { return a - b; })},
      {"vmul.f32", Rounded([](double a, double b) { return a * b; })},
      {"vdiv.f32", Rounded([](double a, double b) { return a / b; })},
      {"vpow.f32", Rounded([](double a, double b) { return std::pow(a, b); })},
      {"vmax.f32", Rounded([](double a, double b) {
         if (std::isnan(a) || std::isnan(b)) return std::nan("");
         return a > b ? a : b;
       })},
      {"vmin.f32", Rounded([](double a, double b) {
         if (std::isnan(a) || std::isnan(b)) return std::nan("");
         return a < b ? a : b;
       })},
  };
  for (const auto& c : cases) {
    for (const Size& s : kSizes) {
      for (int64_t kind = 0; kind < 4; ++kind) {
        const int64_t a_stride = 4 * (random_() % 2 == 0 ? 0 : 40), b_stride = 4 * 37;
        FillAcc<float>();
        Run(c.name, {0, 1408, 2740, s.rows, s.cols, 4 * 35, a_stride, b_stride, kind});
        Expect<float>(
            kAcc, 0, s.rows, s.cols, 4 * 35,
            [&](int64_t r, int64_t col) {
              return c.op(Acc<float>(1408 + r * a_stride + (kind & 2 ? 0 : 4 * col)),
                          Acc<float>(2740 + r * b_stride + (kind & 1 ? 0 : 4 * col)));
            },
            absl::StrCat(c.name, " kind ", kind));
      }
    }
  }
}

template <typename From>
std::vector<BinaryCase<int32_t, From>> Comparisons(const char* suffix) {
  static const std::string names[] = {absl::StrCat("vless", suffix),
                                      absl::StrCat("vlesseq", suffix),
                                      absl::StrCat("vequal", suffix)};
  return {{names[0].c_str(), [](From a, From b) { return a < b ? 1 : 0; }},
          {names[1].c_str(), [](From a, From b) { return a < b || a == b ? 1 : 0; }},
          {names[2].c_str(), [](From a, From b) { return a == b ? 1 : 0; }}};
}

TEST_F(VectorDatapathTest, ComparisonsOfFloats) {
  for (const auto& c : Comparisons<float>(".f32")) {
    for (const Size& s : kSizes) {
      FillAcc<float>();
      Run(c.name, {0, 1024, 2048, s.rows, s.cols, 140, 140, 140, 0});
      Expect<int32_t>(
          kAcc, 0, s.rows, s.cols, 140,
          [&](int64_t r, int64_t col) {
            const int64_t at = 140 * r + 4 * col;
            return c.op(Acc<float>(1024 + at), Acc<float>(2048 + at));
          },
          c.name);
    }
  }
}

TEST_F(VectorDatapathTest, BinaryIntegers) {
  using I = int32_t;
  std::vector<BinaryCase<I, I>> cases = Comparisons<I>(".i32");
  cases.push_back({"vadd.i32", [](I a, I b) { return static_cast<I>(int64_t{a} + b); }});
  cases.push_back({"vsub.i32", [](I a, I b) { return static_cast<I>(int64_t{a} - b); }});
  cases.push_back({"vmul.i32", [](I a, I b) { return static_cast<I>(int64_t{a} * b); }});
  cases.push_back({"vmax.i32", [](I a, I b) { return a > b ? a : b; }});
  cases.push_back({"vmin.i32", [](I a, I b) { return a < b ? a : b; }});
  for (const auto& c : cases) {
    for (const Size& s : kSizes) {
      FillAcc<I>();
      Run(c.name, {0, 1024, 2048, s.rows, s.cols, 140, 140, 4, 1});  // b: a column
      Expect<I>(
          kAcc, 0, s.rows, s.cols, 140,
          [&](int64_t r, int64_t col) {
            return c.op(Acc<I>(1024 + 140 * r + 4 * col), Acc<I>(2048 + 4 * r));
          },
          c.name);
    }
  }
}

TEST_F(VectorDatapathTest, SelectTakesItsMaskFromTheDestination) {
  for (const Size& s : kSizes) {
    for (int64_t kind = 0; kind < 4; ++kind) {
      FillAcc<float>();
      for (size_t i = 0; i < 1024; i += 4) {
        const int32_t mask = static_cast<int32_t>(random_() % 3) - 1;
        std::memcpy(&image_[kAcc][i], &mask, 4);
      }
      Run("vselect.32", {0, 1024, 2048, s.rows, s.cols, 140, 140, 8, kind});
      Expect<float>(
          kAcc, 0, s.rows, s.cols, 140,
          [&](int64_t r, int64_t c) {
            return Acc<int32_t>(140 * r + 4 * c) != 0
                       ? Acc<float>(1024 + 140 * r + (kind & 2 ? 0 : 4 * c))
                       : Acc<float>(2048 + 8 * r + (kind & 1 ? 0 : 4 * c));
          },
          "vselect.32");
    }
  }
}

TEST_F(VectorDatapathTest, FunctionsAreRoundedOnce) {
  const std::pair<const char*, double (*)(double)> cases[] = {
      {"vneg.f32", [](double x) { return -x; }},
      {"vabs.f32", [](double x) { return std::fabs(x); }},
      {"vrelu.f32", [](double x) { return x < 0 ? 0.0 : x; }},
      {"vsquare.f32", [](double x) { return x * x; }},
      {"vcopy.32", [](double x) { return x; }},
      {"vexp.f32", [](double x) { return std::exp(x); }},
      {"vlog.f32", [](double x) { return std::log(x); }},
      {"vsqrt.f32", [](double x) { return std::sqrt(x); }},
      {"vrsqrt.f32", [](double x) { return 1.0 / std::sqrt(x); }},
      {"vtanh.f32", [](double x) { return std::tanh(x); }},
      {"vsigmoid.f32", [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
      {"verf.f32", [](double x) { return std::erf(x); }},
      {"vsin.f32", [](double x) { return std::sin(x); }},
      {"vcos.f32", [](double x) { return std::cos(x); }},
      {"vreciprocal.f32", [](double x) { return 1.0 / x; }},
      {"vround.bf16", [](double x) { return RoundTo(Format::kBf16, x); }}};
  for (const auto& [name, f] : cases) {
    for (const Size& s : kSizes) {
      FillAcc<float>();
      Run(name, {0, 2048, s.rows, s.cols, 160, 132});
      Expect<float>(
          kAcc, 0, s.rows, s.cols, 160,
          [&, f = f](int64_t r, int64_t c) {
            return static_cast<float>(f(Acc<float>(2048 + 132 * r + 4 * c)));
          },
          name);
    }
  }
}

TEST_F(VectorDatapathTest, ConversionsInTheAccumulators) {
  for (const Size& s : kSizes) {
    FillAcc<int32_t>();
    Run("vcvt.f32", {0, 2048, s.rows, s.cols, 160, 132});
    Expect<float>(
        kAcc, 0, s.rows, s.cols, 160,
        [&](int64_t r, int64_t c) {
          return static_cast<float>(static_cast<double>(Acc<int32_t>(2048 + 132 * r + 4 * c)));
        },
        "vcvt.f32");
    Run("vrelu.i32", {0, 2048, s.rows, s.cols, 160, 132});
    Expect<int32_t>(
        kAcc, 0, s.rows, s.cols, 160,
        [&](int64_t r, int64_t c) {
          const int32_t x = Acc<int32_t>(2048 + 132 * r + 4 * c);
          return x < 0 ? 0 : x;
        },
        "vrelu.i32");
    FillAcc<float>();
    Run("vcvt.i32", {0, 2048, s.rows, s.cols, 160, 132});
    Expect<int32_t>(
        kAcc, 0, s.rows, s.cols, 160,
        [&](int64_t r, int64_t c) {
          const double x = std::trunc(Acc<float>(2048 + 132 * r + 4 * c));
          if (std::isnan(x)) return 0;
          return static_cast<int32_t>(std::fmin(std::fmax(x, -2147483648.0), 2147483647.0));
        },
        "vcvt.i32");
  }
}

TEST_F(VectorDatapathTest, OutOfTheAccumulators) {
  const std::pair<const char*, Format> formats[] = {{"vcast.e4m3", Format::kE4M3},
                                                    {"vcast.e5m2", Format::kE5M2}};
  for (const Size& s : kSizes) {
    for (const auto& [name, format] : formats) {
      FillAcc<float>();
      Run(name, {32, 0, s.rows, s.cols, 48, 132});
      Expect<uint8_t>(
          kL1, 32, s.rows, s.cols, 48,
          [&, f = format](int64_t r, int64_t c) {
            return static_cast<uint8_t>(Encode(f, Acc<float>(132 * r + 4 * c)));
          },
          name);
    }
    Run("vcast.bf16", {32, 0, s.rows, s.cols, 80, 132});
    Expect<uint16_t>(
        kL1, 32, s.rows, s.cols, 80,
        [&](int64_t r, int64_t c) {
          return static_cast<uint16_t>(Encode(Format::kBf16, Acc<float>(132 * r + 4 * c)));
        },
        "vcast.bf16");
    FillAcc<int32_t>();
    Run("vcast.i8", {32, 0, s.rows, s.cols, 48, 132});
    Expect<int8_t>(
        kL1, 32, s.rows, s.cols, 48,
        [&](int64_t r, int64_t c) {
          const int32_t x = Acc<int32_t>(132 * r + 4 * c);
          return static_cast<int8_t>(x < -128 ? -128 : x > 127 ? 127 : x);
        },
        "vcast.i8");
    Run("vout.32", {32, 0, s.rows, s.cols, 160, 132});
    Expect<int32_t>(
        kL1, 32, s.rows, s.cols, 160,
        [&](int64_t r, int64_t c) { return Acc<int32_t>(132 * r + 4 * c); }, "vout.32");
  }
}

TEST_F(VectorDatapathTest, IntoTheAccumulators) {
  const std::pair<const char*, Format> formats[] = {{"vwiden.e4m3", Format::kE4M3},
                                                    {"vwiden.e5m2", Format::kE5M2}};
  for (const Size& s : kSizes) {
    FillL1();
    for (const auto& [name, format] : formats) {
      Run(name, {64, 32, s.rows, s.cols, 132, 48});
      Expect<float>(
          kAcc, 64, s.rows, s.cols, 132,
          [&, f = format](int64_t r, int64_t c) {
            return static_cast<float>(Decode(f, L1<uint8_t>(32 + 48 * r + c)));
          },
          name);
    }
    Run("vwiden.bf16", {64, 32, s.rows, s.cols, 132, 80});
    Expect<float>(
        kAcc, 64, s.rows, s.cols, 132,
        [&](int64_t r, int64_t c) { return Bf16ToFloat(L1<uint16_t>(32 + 80 * r + 2 * c)); },
        "vwiden.bf16");
    Run("vwiden.i8", {64, 32, s.rows, s.cols, 132, 48});
    Expect<int32_t>(
        kAcc, 64, s.rows, s.cols, 132,
        [&](int64_t r, int64_t c) { return int32_t{L1<int8_t>(32 + 48 * r + c)}; }, "vwiden.i8");
    Run("vin.32", {64, 32, s.rows, s.cols, 132, 144});
    Expect<int32_t>(
        kAcc, 64, s.rows, s.cols, 132,
        [&](int64_t r, int64_t c) { return L1<int32_t>(32 + 144 * r + 4 * c); }, "vin.32");
    Run("vfill", {64, s.rows, s.cols, 132, -7});
    Expect<int32_t>(
        kAcc, 64, s.rows, s.cols, 132, [](int64_t, int64_t) { return -7; }, "vfill");
  }
}

TEST_F(VectorDatapathTest, MultiplyAdd) {
  for (const Size& s : kSizes) {
    FillL1();
    FillAcc<int32_t>();
    Run("vmac.i8", {64, 128, 32, s.rows, s.cols, 132, 16});
    Expect<int32_t>(
        kAcc, 64, s.rows, s.cols, 132,
        [&](int64_t r, int64_t c) {
          const int64_t product = int64_t{L1<int8_t>(128 + 16 * r + c)} * L1<int8_t>(32 + c);
          return static_cast<int32_t>(Acc<int32_t>(64 + 132 * r + 4 * c) + product);
        },
        "vmac.i8");
  }
}

// By a tree: the sum of the lanes [begin, end) of w, folded as the document says.
float NaiveRowSum(const std::vector<float>& row, size_t lanes) {
  std::vector<float> sums(lanes, 0.0f);
  for (size_t i = 0; i < row.size(); ++i) sums[i % lanes] += row[i];
  size_t power = 1;
  while (power < row.size()) power *= 2;
  sums.resize(std::min(lanes, power));
  while (sums.size() > 1) {
    std::vector<float> next(sums.begin(), sums.begin() + static_cast<int64_t>(sums.size() + 1) / 2);
    for (size_t i = next.size(); i < sums.size(); ++i) next[i - next.size()] += sums[i];
    sums = next;
  }
  return sums[0];
}

TEST_F(VectorDatapathTest, RowSums) {
  for (const int64_t lanes : {1, 2, 3, 4, 5, 6, 12, 16, 64}) {
    VectorDatapath datapath(lanes, &image_);
    for (const int64_t cols : {0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65, 100}) {
      FillAcc<float>();
      for (int64_t i = 0; i < 300; ++i) {  // finite, so that the order shows
        const float x =
            std::ldexp(static_cast<float>(random_()) - 2e9f, static_cast<int>(random_() % 8) - 30);
        std::memcpy(&image_[kAcc][1024 + 4 * i], &x, 4);
      }
      before_ = image_;
      Resolved in;
      in.row = ArrayIsa().Find("vsum.f32");
      in.values = {0, 1024, 2, cols, 8, 4 * 128};
      datapath.Execute(in);
      Expect<float>(
          kAcc, 0, 2, 1, 8,
          [&](int64_t r, int64_t) {
            std::vector<float> row;
            for (int64_t c = 0; c < cols; ++c) row.push_back(Acc<float>(1024 + 512 * r + 4 * c));
            return row.empty() ? 0.0f : NaiveRowSum(row, static_cast<size_t>(lanes));
          },
          absl::StrCat(cols, " by ", lanes));
    }
  }
}

TEST_F(VectorDatapathTest, OtherReductions) {
  for (const Size& s : kSizes) {
    FillAcc<float>();
    Run("vmaxr.f32", {0, 2048, s.rows, s.cols, 4, 132});
    Expect<float>(
        kAcc, 0, s.rows, 1, 4,
        [&](int64_t r, int64_t) {
          float largest = -kInf;
          bool nan = false;
          for (int64_t c = 0; c < s.cols; ++c) {
            const float x = Acc<float>(2048 + 132 * r + 4 * c);
            nan = nan || std::isnan(x);
            if (x > largest) largest = x;
          }
          return nan ? kNan : largest;
        },
        "vmaxr.f32");
    FillAcc<int32_t>();
    Run("vmaxr.i32", {0, 2048, s.rows, s.cols, 4, 132});
    Expect<int32_t>(
        kAcc, 0, s.rows, 1, 4,
        [&](int64_t r, int64_t) {
          int64_t largest = -2147483648LL;
          for (int64_t c = 0; c < s.cols; ++c) {
            largest = std::max<int64_t>(largest, Acc<int32_t>(2048 + 132 * r + 4 * c));
          }
          return static_cast<int32_t>(largest);
        },
        "vmaxr.i32");
    Run("vsum.i32", {0, 2048, s.rows, s.cols, 4, 132});
    Expect<int32_t>(
        kAcc, 0, s.rows, 1, 4,
        [&](int64_t r, int64_t) {
          int64_t sum = 0;
          for (int64_t c = 0; c < s.cols; ++c) sum += Acc<int32_t>(2048 + 132 * r + 4 * c);
          return static_cast<int32_t>(sum);
        },
        "vsum.i32");
  }
}

// Rows of one element, four bytes apart: a column becomes a row.
TEST_F(VectorDatapathTest, CopiesTranspose) {
  FillAcc<float>();
  Run("vcopy.32", {0, 2048, 9, 1, 4, 132});
  Expect<float>(
      kAcc, 0, 1, 9, 0, [&](int64_t, int64_t c) { return Acc<float>(2048 + 132 * c); }, "vcopy.32");
}

}  // namespace
}  // namespace strata::chips::npu
