// The vector mathematics of the prelude against f64: error in units of the last place of f32, over the whole range.
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "base/status_matchers.h"
#include "compiler/codegen/kernel_runner.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Builder;
using graph::HostTensor;
using graph::ValueId;

constexpr int64_t kPoints = 40000;

struct Function {
  const char* op;
  std::function<double(double)> exact;
  double lo, hi;
  bool logarithmic;  // points spread over exponents
  double max_ulps;
};

// Bounds: the fit's error and the roundings behind it (about one for each operation after the last cancellation).
const std::vector<Function>& Functions() {
  static const auto* functions = new std::vector<Function>{
      {"exp", [](double x) { return std::exp(x); }, -87, 88.7, false, 2},
      {"exp", [](double x) { return std::exp(x); }, -1, 1, false, 2},
      {"log", [](double x) { return std::log(x); }, 1e-37, 1e38, true, 3},
      {"log", [](double x) { return std::log(x); }, 0.5, 2, false, 3},
      {"tanh", [](double x) { return std::tanh(x); }, -10, 10, false, 4},
      {"tanh", [](double x) { return std::tanh(x); }, 1e-20, 1, true, 4},
      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, false, 4},
      {"erf", [](double x) { return std::erf(x); }, -5, 5, false, 4},
      {"erf", [](double x) { return std::erf(x); }, 1e-20, 1, true, 4},
      {"sqrt", [](double x) { return std::sqrt(x); }, 1e-37, 1e38, true, 0.5001},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1e-37, 1e38, true, 2},
      {"reciprocal", [](double x) { return 1 / x; }, 1e-37, 1e37, true, 0.5001},
  };
  return *functions;
}

std::vector<double> Points(const Function& f) {
  std::vector<double> points(kPoints);
  for (int64_t i = 0; i < kPoints; ++i) {
    const double t = (static_cast<double>(i) + 0.37) / kPoints;
    const double x = f.logarithmic ? f.lo * std::pow(f.hi / f.lo, t) : f.lo + (f.hi - f.lo) * t;
    points[static_cast<size_t>(i)] = static_cast<float>(x);
  }
  return points;
}

// The size of the last place of f32 at `x`.
double Ulp(double x) {
  const double size = std::max(std::abs(x), 1.17549435e-38);
  return std::ldexp(1.0, std::ilogb(size) - 23);
}

TEST(VectorMathTest, UnitsOfTheLastPlace) {
  for (const char* isa : {"avx512", "avx2", "generic"}) {
    if (!HostRuns(isa)) continue;
    Builder b("math");
    std::vector<HostTensor> inputs;
    for (const Function& f : Functions()) {
      const ValueId x =
          b.Input(absl::StrCat("x", inputs.size()), {chips::F32, {kPoints}}, graph::DATA);
      inputs.push_back(HostTensor::FromDoubles(chips::F32, {kPoints}, Points(f)));
      b.Output(b.Apply(f.op, {x}), absl::StrCat("y", inputs.size()));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
    STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, isa));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, runner.Run(inputs));
    for (size_t i = 0; i < Functions().size(); ++i) {
      const Function& f = Functions()[i];
      const std::vector<double> x = inputs[i].ToDoubles(), y = outputs[i].ToDoubles();
      double worst = 0, where = 0;
      for (size_t k = 0; k < x.size(); ++k) {
        const double ulps = std::abs(y[k] - f.exact(x[k])) / Ulp(f.exact(x[k]));
        if (!(ulps <= worst)) worst = ulps, where = x[k];
      }
      EXPECT_LE(worst, f.max_ulps) << isa << " " << f.op << " at " << where;
      RecordProperty(absl::StrCat(isa, "_", f.op, "_", i), absl::StrCat(worst));
    }
  }
}

// Every sign and exponent, with subnormal numbers, infinities and NaN, against long double.
struct WholeRange {
  const char* op;
  std::function<long double(long double)> exact;
  double max_ulps;             // of results that are normal numbers
  double max_subnormal_units;  // of the smallest number above 0; what is below 2^-126 / 2 may be 0
  double narrow_from,
      narrow_ulps;  // arguments above which results are the last finite ones, and their bound
};

const std::vector<WholeRange>& WholeRanges() {
  static const auto* ranges = new std::vector<WholeRange>{
      // A power below 2^128 must do for the last ones: the rest is twice as long, the fit 26 times worse.
      {"exp", [](long double x) { return std::exp(x); }, 2, 3, 88.7119, 24},
      {"sigmoid", [](long double x) { return 1 / (1 + std::exp(-x)); }, 4, 1e9, 100, 4},
      {"tanh", [](long double x) { return std::tanh(x); }, 4, 2, 100, 4},
      {"erf", [](long double x) { return std::erf(x); }, 4, 2, 100, 4},
  };
  return *ranges;
}

std::vector<float> AllKindsOfNumbers() {
  std::vector<float> numbers;
  constexpr uint32_t kStep = 40009;  // prime, and odd: all low bits appear
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += kStep)
    numbers.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  for (float x :
       {0.0f, -0.0f, 1e-45f, -1e-45f, 88.711f, 88.712f, 88.72f, 88.7228394f, 88.7228470f, -87.33f,
        -87.34f, -103.27f, -103.98f, -104.5f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN})
    numbers.push_back(x);
  return numbers;
}

void ExpectWithin(const WholeRange& range, float x, double y, const char* isa) {
  if (std::isnan(x)) {
    EXPECT_TRUE(std::isnan(y)) << isa << " " << range.op << "(NaN) is " << y;
    return;
  }
  const long double exact = range.exact(x);
  if (std::isinf(static_cast<float>(exact))) {
    // What is just beyond the largest number may be just below it.
    const double least = exact > 0x1.00001p128L ? INFINITY : 0x1.fffffep127 * (1 - 24 * 0x1p-24);
    EXPECT_GE(y, least) << isa << " " << range.op << "(" << x << ")";
    return;
  }
  const double size = static_cast<double>(std::abs(exact));
  const double bound = size < 1.17549435e-38   ? range.max_subnormal_units
                       : x > range.narrow_from ? range.narrow_ulps
                                               : range.max_ulps;
  if (size < 1.17549435e-38 && bound >= 1e9) {  // 1 / infinity
    EXPECT_TRUE(y >= 0 && y <= 1.17549435e-38) << isa << " " << range.op << "(" << x << ")";
    return;
  }
  const double ulps = static_cast<double>(std::abs(y - exact)) / Ulp(static_cast<double>(exact));
  EXPECT_LE(ulps, bound) << isa << " " << range.op << "(" << x << ") is " << y;
}

TEST(VectorMathTest, WholeRange) {
  const std::vector<float> numbers = AllKindsOfNumbers();
  const int64_t count = static_cast<int64_t>(numbers.size());
  HostTensor input = HostTensor::Allocate(chips::F32, {count});
  std::copy(numbers.begin(), numbers.end(), input.data<float>());
  Builder b("whole_range");
  const ValueId x = b.Input("x", {chips::F32, {count}}, graph::DATA);
  for (const WholeRange& range : WholeRanges()) b.Output(b.Apply(range.op, {x}), range.op);
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  for (const char* isa : {"avx512", "avx2", "generic"}) {
    if (!HostRuns(isa)) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, isa));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, runner.Run({input}));
    for (size_t r = 0; r < WholeRanges().size(); ++r) {
      for (size_t i = 0; i < numbers.size(); ++i)
        ExpectWithin(WholeRanges()[r], numbers[i], outputs[r].data<float>()[i], isa);
    }
  }
}

// sin and cos lose relative accuracy only at their zeros; pow works in f64 inside.
TEST(VectorMathTest, SineCosinePower) {
  Builder b("more");
  const auto input = [&](const char* name) {
    return b.Input(name, {chips::F32, {kPoints}}, graph::DATA);
  };
  const ValueId angle = input("angle"), base = input("base"), exponent = input("exponent");
  b.Output(b.Apply("sin", {angle}), "sin");
  b.Output(b.Apply("cos", {angle}), "cos");
  b.Output(b.Apply("pow", {base, exponent}), "pow");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const KernelRunner runner, KernelRunner::Create(graph, HostIsa()));
  std::vector<double> angles(kPoints), bases(kPoints), exponents(kPoints);
  for (size_t i = 0; i < angles.size(); ++i) {
    const double t = static_cast<double>(i) / kPoints;
    angles[i] = (i % 2 == 0 ? 1 : -1) * std::pow(10.0, 9 * t - 1);
    bases[i] = i % 5 == 0 ? -3 * t : std::pow(10.0, 6 * t - 3);
    exponents[i] =
        i % 5 == 0 ? std::round(20 * t) - 10 : std::fmod(static_cast<double>(i) * 0.371, 20) - 10;
  }
  const std::vector<HostTensor> inputs = {
      HostTensor::FromDoubles(chips::F32, {kPoints}, angles),
      HostTensor::FromDoubles(chips::F32, {kPoints}, bases),
      HostTensor::FromDoubles(chips::F32, {kPoints}, exponents)};
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, runner.Run(inputs));
  const std::vector<double> a = inputs[0].ToDoubles(), x = inputs[1].ToDoubles(),
                            e = inputs[2].ToDoubles();
  const std::vector<double> sine = outputs[0].ToDoubles(), cosine = outputs[1].ToDoubles(),
                            power = outputs[2].ToDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(sine[i], std::sin(a[i]), 1.5e-7) << a[i];
    ASSERT_NEAR(cosine[i], std::cos(a[i]), 1.5e-7) << a[i];
    const double exact = std::pow(x[i], e[i]);
    if (std::isinf(exact)) {
      ASSERT_EQ(power[i], exact) << x[i] << " to the power " << e[i];
    } else {
      ASSERT_NEAR(power[i], exact, 0.51 * Ulp(exact)) << x[i] << " to the power " << e[i];
    }
  }
}

}  // namespace
}  // namespace strata::compiler
