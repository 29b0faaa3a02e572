// Tolerances from the values at hand: exact where nothing rounds, wide where rounding decides.
#include "compiler/tools/rounding_spread.h"

#include <cmath>

#include "base/status_matchers.h"
#include "framework/graph/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

HostTensor Floats(const std::vector<double>& values) {
  return HostTensor::FromDoubles(chips::F32, {static_cast<int64_t>(values.size())}, values);
}

// Of a graph whose body is `line` over %x, whose result is %y: f32[N].
absl::StatusOr<Spread> SpreadOf(const std::string& lines, const std::vector<double>& x) {
  STRATA_ASSIGN_OR_RETURN(
      const graph::Graph graph,
      graph::ParseGraph(absl::StrCat("graph \"g\" {\n%x: f32[", x.size(), "] = input data\n", lines,
                                     "\nreturn %y as \"y\" replicated\n}\n"),
                        "test"));
  return RoundingSpread(graph, {Floats(x)}, {});
}

TEST(RoundingSpreadTest, MovesAreExact) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, SpreadOf("%y: f32[3] = neg(%x)", {1, 2, 3}));
  EXPECT_EQ(FirstOutside(spread, 0, Floats({-1, -2, -3})), "");
  EXPECT_LT(spread.allowed[0][0], 1e-6);
  EXPECT_THAT(FirstOutside(spread, 0, Floats({-1, -2.00001, -3})),
              HasSubstr("element 1 of f32[3]"));
}

TEST(RoundingSpreadTest, CancellationWidens) {
  // (x + 1e4) - 1e4 loses four digits.
  const std::string lines =
      "%c: f32[] = constant() {dims = dims[], dtype = f32, value = 1e4}\n"
      "%a: f32[2] = add(%x, %c)\n%y: f32[2] = sub(%a, %c)";
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, SpreadOf(lines, {0.1, 0.2}));
  EXPECT_EQ(FirstOutside(spread, 0, Floats({0.1, 0.2})), "");
  EXPECT_THAT(FirstOutside(spread, 0, Floats({0.15, 0.2})), HasSubstr("element 0"));
}

TEST(RoundingSpreadTest, SumsAreAsWideAsTheirTerms) {
  std::vector<double> x;
  for (int i = 0; i < 64; ++i) x.push_back(i % 2 == 0 ? 1000.0 : -1000.0);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Spread spread,
      SpreadOf("%y: f32[] = reduce_sum(%x) {axes = ints[0], keep_dims = false}", x));
  EXPECT_GT(spread.allowed[0][0], 1e-3);
  EXPECT_LT(spread.allowed[0][0], 10);
}

TEST(RoundingSpreadTest, AChoiceThatRoundingMakesIsFree) {
  // sin(x) < sin(x) + 1e-9 falls either way.
  const std::string lines =
      "%s: f32[2] = sin(%x)\n%c: f32[] = constant() {dims = dims[], dtype = f32, value = 1e-9}\n"
      "%t: f32[2] = add(%s, %c)\n%m: bool[2] = less(%s, %t)\n%y: f32[2] = cast(%m) {dtype = f32}";
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, SpreadOf(lines, {0.5, 1.5}));
  EXPECT_EQ(FirstOutside(spread, 0, Floats({0, 1})), "");
  EXPECT_EQ(FirstOutside(spread, 0, Floats({1, 0})), "");
}

TEST(RoundingSpreadTest, NotFinite) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, SpreadOf("%y: f32[3] = log(%x)", {0, -1, 1}));
  EXPECT_EQ(FirstOutside(spread, 0, Floats({-HUGE_VAL, NAN, 0})), "");
  EXPECT_THAT(FirstOutside(spread, 0, Floats({HUGE_VAL, NAN, 0})), HasSubstr("element 0"));
  EXPECT_THAT(FirstOutside(spread, 0, Floats({-HUGE_VAL, 0, 0})), HasSubstr("element 1"));
  EXPECT_THAT(FirstOutside(spread, 0, Floats({-HUGE_VAL, NAN, NAN})), HasSubstr("element 2"));
  EXPECT_THAT(FirstOutside(spread, 0, Floats({1, 2})), HasSubstr("is f32[2]; expected f32[3]"));
}

TEST(RoundingSpreadTest, ASumThatMayOverflowOnTheWayMayBeAnything) {
  const std::string sum = "%y: f32[] = reduce_sum(%x) {axes = ints[0], keep_dims = false}";
  const auto y = [](double value) { return HostTensor::FromDoubles(chips::F32, {}, {value}); };
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread most, SpreadOf(sum, {3e38, 2e38, -3e38}));
  for (double value : {2e38, HUGE_VAL, -HUGE_VAL, double{NAN}})
    EXPECT_EQ(FirstOutside(most, 0, y(value)), "") << value;
  // Also where the exact sum goes on to a NaN: with an infinity of the other sign it is one.
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Spread nan,
      SpreadOf("%s: f32[] = reduce_sum(%x) {axes = ints[0], keep_dims = false}\n"
               "%c: f32[] = constant() {dims = dims[], dtype = f32, value = -inf}\n"
               "%y: f32[] = add(%s, %c)",
               {3e38, 3e38, 3e38, -3e38}));
  EXPECT_EQ(FirstOutside(nan, 0, y(NAN)), "");
  EXPECT_EQ(FirstOutside(nan, 0, y(-HUGE_VAL)), "");
  // The terms fit, or one of them is an infinity: the result is known.
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread fits, SpreadOf(sum, {1e38, 1e38, -1e38}));
  EXPECT_EQ(FirstOutside(fits, 0, y(1e38)), "");
  EXPECT_THAT(FirstOutside(fits, 0, y(HUGE_VAL)), HasSubstr("is inf"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread infinite, SpreadOf(sum, {HUGE_VAL, 1, -2e38}));
  EXPECT_EQ(FirstOutside(infinite, 0, y(HUGE_VAL)), "");
  EXPECT_THAT(FirstOutside(infinite, 0, y(NAN)), HasSubstr("is nan"));
}

// f32 products and scores whose terms overflow: fuzzing once took these for faults.
TEST(RoundingSpreadTest, OverflowIsSeenThroughTheOpsThatFollow) {
  const std::string lines =
      "%r: f32[1, 2] = reshape(%x) {dims = dims[1, 2]}\n"
      "%m: f32[1, 1] = matmul(%r, %r) {transpose_a = false, transpose_b = true}\n"
      "%s: f32[1, 1] = mul(%m, %m)\n%y: f32[1] = reshape(%s) {dims = dims[1]}";
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, SpreadOf(lines, {3e38, 1}));
  EXPECT_EQ(FirstOutside(spread, 0, Floats({NAN})), "");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(R"(graph "g" {
  %q: f32[1, 1, 1, 2] = input data
  %k: f32[1, 1, 1, 2] = input data
  %o: f32[1, 1, 1, 2], %l: f32[1, 1, 1] = attention(%q, %k, %k) {causal = false, scale = 0.375}
  return %l as "l" replicated
}
)",
                                                                          "test"));
  const auto row = [](double a, double b) {
    return HostTensor::FromDoubles(chips::F32, {1, 1, 1, 2}, {a, b});
  };
  const auto lse = [](double value) {
    return HostTensor::FromDoubles(chips::F32, {1, 1, 1}, {value});
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread over,
                              RoundingSpread(graph, {row(3e38, 3e38), row(-1.5, 1)}, {}));
  EXPECT_EQ(FirstOutside(over, 0, lse(-HUGE_VAL)), "");
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread fits,
                              RoundingSpread(graph, {row(3, 3), row(-1.5, 1)}, {}));
  EXPECT_THAT(FirstOutside(fits, 0, lse(-HUGE_VAL)), HasSubstr("is -inf"));
}

TEST(RoundingSpreadTest, InputsKeepTheirState) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(R"(graph "g" {
  %s: f32[2] = input state
  %y: f32[2] = add(%s, %s)
  return %y as "y" replicated
  update %s with %y
}
)",
                                                                          "test"));
  const HostTensor state = Floats({1, 2});
  STRATA_ASSERT_OK_AND_ASSIGN(const Spread spread, RoundingSpread(graph, {state}, {}));
  EXPECT_EQ(state.ToDoubles(), (std::vector<double>{1, 2}));
  EXPECT_EQ(spread.outputs[0].ToDoubles(), (std::vector<double>{2, 4}));
}

TEST(RoundingSpreadTest, TheInterpretersRefusalIsKept) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(R"(graph "g" {
  %t: f32[2, 1] = input data
  %i: i32[1] = input data
  %y: f32[1, 1] = embedding(%t, %i)
  return %y as "y" replicated
}
)",
                                                                          "test"));
  EXPECT_FALSE(
      RoundingSpread(
          graph, {HostTensor::Zeros(chips::F32, {2, 1}), HostTensor::FromVector<int32_t>({1}, {7})},
          {})
          .ok());
}

}  // namespace
}  // namespace strata::compiler
