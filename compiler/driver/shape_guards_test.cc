#include "compiler/driver/shape_guards.h"

#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Builder;
using graph::HostTensor;
using graph::ValueId;
using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

// x [B, T, 4] + y [B, 1, 4]; the sum over T of it.
graph::Graph TwoSymbols() {
  Builder b("two");
  const ValueId x = b.Input("x", {chips::F32, {"B", "T", 4}}, graph::DATA);
  const ValueId y = b.Input("y", {chips::F32, {"B", 1, 4}}, graph::DATA);
  const ValueId sum = b.Apply("reduce_sum", {b.Apply("add", {x, y})},
                              {{"axes", graph::Attr(std::vector<int64_t>{1})}});
  b.Output(sum, "sum");
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

std::vector<HostTensor> Inputs(int64_t b, int64_t t, int64_t b2) {
  return {HostTensor::Zeros(chips::F32, {b, t, 4}), HostTensor::Zeros(chips::F32, {b2, 1, 4})};
}

ShapeGuards Make(const std::map<std::string, SymbolSpec>& specs) {
  auto guards = ShapeGuards::Create(TwoSymbols(), specs);
  EXPECT_OK(guards.status());
  return *guards;
}

TEST(ShapeGuardsTest, SizesComeFromTheInputs) {
  STRATA_ASSERT_OK_AND_ASSIGN(const SymbolSizes sizes, Make({}).Check(Inputs(3, 5, 3)));
  EXPECT_EQ(sizes, (SymbolSizes{{"B", 3}, {"T", 5}}));
}

TEST(ShapeGuardsTest, TheGuardThatFailsNamesInputDimAndSymbol) {
  const ShapeGuards guards = Make({{"B", {.min = 2, .max = 8}}, {"T", {.multiple_of = 4}}});
  EXPECT_OK(guards.Check(Inputs(8, 12, 8)).status());
  EXPECT_THAT(guards.Check(Inputs(1, 4, 1)),
              StatusIs(kInvalid, HasSubstr("input 'x': is f32[1, 4, 4]; the graph asks for f32[B, "
                                           "T, 4]: dim 0 (B) is 1; must be at least 2")));
  EXPECT_THAT(guards.Check(Inputs(9, 4, 9)),
              StatusIs(kInvalid, HasSubstr("dim 0 (B) is 9; must be at most 8")));
  EXPECT_THAT(guards.Check(Inputs(2, 6, 2)),
              StatusIs(kInvalid, HasSubstr("dim 1 (T) is 6; must be a multiple of 4")));
  EXPECT_THAT(guards.Check(Inputs(2, 4, 3)),
              StatusIs(kInvalid, HasSubstr("input 'y': is f32[3, 1, 4]; the graph asks for f32[B, "
                                           "1, 4]: dim 0 (B) is 3, but 2 as dim 0 of input 'x'")));
}

TEST(ShapeGuardsTest, WhatIsKnownMustFit) {
  const ShapeGuards guards = Make({});
  const HostTensor y = HostTensor::Zeros(chips::F32, {2, 1, 4});
  EXPECT_THAT(guards.Check({y}), StatusIs(kInvalid, HasSubstr("takes 2 inputs; 1 were given")));
  EXPECT_THAT(guards.Check({HostTensor::Zeros(chips::F32, {2, 3, 5}), y}),
              StatusIs(kInvalid, HasSubstr("asks for f32[B, T, 4] (dim 2)")));
  EXPECT_THAT(guards.Check({HostTensor::Zeros(chips::F32, {2, 4}), y}),
              StatusIs(kInvalid, HasSubstr("is f32[2, 4]; the graph asks for f32[B, T, 4]")));
  EXPECT_THAT(guards.Check({HostTensor::Zeros(chips::I32, {2, 3, 4}), y}),
              StatusIs(kInvalid, HasSubstr("is i32[2, 3, 4]; the graph asks for f32[B, T, 4]")));
}

TEST(ShapeGuardsTest, Buckets) {
  const ShapeGuards powers = Make({{"B", {.max = 24, .bucketing = Bucketing::kPowerOfTwo}}});
  const std::vector<std::pair<int64_t, int64_t>> rows = {{0, 0}, {1, 1},   {2, 2},   {3, 4},
                                                         {5, 8}, {16, 16}, {17, 24}, {24, 24}};
  for (const auto& [size, bucket] : rows) EXPECT_EQ(powers.BucketOf("B", size), bucket) << size;
  EXPECT_EQ(powers.BucketOf("T", 5), 5);

  const ShapeGuards multiples =
      Make({{"B", {.multiple_of = 3, .bucketing = Bucketing::kPowerOfTwo}}});
  EXPECT_EQ(multiples.BucketOf("B", 3), 3);
  EXPECT_EQ(multiples.BucketOf("B", 9), 12);

  const ShapeGuards list = Make({{"B", {.bucketing = Bucketing::kList, .buckets = {1, 6, 20}}}});
  EXPECT_EQ(list.BucketOf("B", 1), 1);
  EXPECT_EQ(list.BucketOf("B", 2), 6);
  EXPECT_EQ(list.BucketOf("B", 20), 20);
  EXPECT_EQ(list.BucketOf("B", 21), 21);  // above the last: exact
}

TEST(ShapeGuardsTest, HugeSizesHaveABucket) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  const ShapeGuards powers = Make({{"B", {.bucketing = Bucketing::kPowerOfTwo}}});
  EXPECT_EQ(powers.BucketOf("B", most), most);
}

// T is summed over: padding would change the sum.
TEST(ShapeGuardsTest, WithoutAProofASymbolStaysExact) {
  const ShapeGuards guards = Make({{"B", {.min = 1, .bucketing = Bucketing::kPowerOfTwo}},
                                   {"T", {.max = 64, .bucketing = Bucketing::kPowerOfTwo}}});
  EXPECT_EQ(guards.BucketOf("T", 5), 5);
  EXPECT_EQ(guards.WhyExact("B"), "");
  EXPECT_THAT(guards.WhyExact("T"), HasSubstr("sums over axis 1"));
  EXPECT_THAT(guards.ToString(),
              HasSubstr("B: 1 <= B; next power of two\nT: 0 <= T <= 64; exact: "));
}

TEST(ShapeGuardsTest, SpecsAreChecked) {
  const auto create = [](const std::string& name, const SymbolSpec& spec) {
    return ShapeGuards::Create(TwoSymbols(), {{name, spec}}).status();
  };
  EXPECT_THAT(create("N", {}), StatusIs(absl::StatusCode::kNotFound,
                                        HasSubstr("no input with a dim N; its symbols are: B, T")));
  EXPECT_THAT(create("B", {.min = 5, .max = 4}),
              StatusIs(kInvalid, HasSubstr("symbol B: no size")));
  EXPECT_THAT(create("B", {.min = -1}), StatusIs(kInvalid, HasSubstr("no size is in [-1, ")));
  EXPECT_THAT(create("B", {.multiple_of = 0}), StatusIs(kInvalid, HasSubstr("multiple_of: is 0")));
  EXPECT_THAT(create("B", {.bucketing = Bucketing::kList}),
              StatusIs(kInvalid, HasSubstr("must be one or more sizes")));
  EXPECT_THAT(create("B", {.bucketing = Bucketing::kList, .buckets = {4, 4}}),
              StatusIs(kInvalid, HasSubstr("[4, 4] must be one or more sizes, ascending")));
}

}  // namespace
}  // namespace strata::compiler
