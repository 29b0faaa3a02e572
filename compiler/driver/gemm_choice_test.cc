#include "compiler/driver/gemm_choice.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/isa.h"
#include "framework/graph/attributes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

struct Call {
  Call(const std::string& op, const graph::Shape& a, const graph::Shape& b, const graph::Shape& y,
       const graph::Attributes& attributes = {}, chips::DType result = chips::F32) {
    node.set_op(op);
    graph::SetAttributes(attributes, &node);
    call = {&node, {{chips::F32, a}, {chips::F32, b}}, {{result, y}}};
  }
  graph::Node node;
  graph::OpCall call;
};

GemmRecords Records(double ours, double library) {
  return [=](const GemmProblem&) {
    return GemmRecord{{.rows = 8, .vectors = 3, .depth = 64, .panels = 2}, ours, library};
  };
}

const absl::Status kNoRoutine = absl::UnimplementedError("only f32");

TEST(GemmChoiceTest, TheFasterByRecordIsTaken) {
  const Call y("matmul", {64, 32}, {32, 48}, {64, 48});
  const GemmChooser faster("avx512", {}, GemmPolicy::kFastest, Records(1e-3, 1.1e-3));
  const GemmDecision ours = faster.Choose(y.call, absl::OkStatus());
  ASSERT_TRUE(ours.problem.has_value());
  EXPECT_EQ(ours.config.rows, 8);
  EXPECT_THAT(ours.reason, HasSubstr("tile=8x48"));
  EXPECT_THAT(ours.reason, HasSubstr("10.0 % faster"));
  const GemmChooser slower("avx512", {}, GemmPolicy::kFastest, Records(1e-3, 0.8e-3));
  const GemmDecision theirs = slower.Choose(y.call, absl::OkStatus());
  EXPECT_FALSE(theirs.problem.has_value());
  EXPECT_THAT(theirs.reason, HasSubstr("the library is 25.0 % faster"));
}

TEST(GemmChoiceTest, WithoutARecordTheLibraryKeepsIt) {
  const Call y("matmul", {64, 32}, {32, 48}, {64, 48});
  EXPECT_FALSE(GemmChooser("avx512", {}, GemmPolicy::kFastest, nullptr)
                   .Choose(y.call, absl::OkStatus())
                   .problem);
  EXPECT_FALSE(GemmChooser("avx512", {}, GemmPolicy::kFastest, Records(1e-3, 0))
                   .Choose(y.call, absl::OkStatus())
                   .problem);
  EXPECT_FALSE(GemmChooser("avx512", {}, GemmPolicy::kLibrary, Records(1e-3, 1))
                   .Choose(y.call, absl::OkStatus())
                   .problem);
}

TEST(GemmChoiceTest, WithoutARecordBf16IsEmittedWhereVectorsDoIt) {
  Call y("matmul", {64, 128}, {128, 96}, {64, 96});
  for (graph::TensorType& operand : y.call.inputs) operand.dtype = chips::BF16;
  const auto choose = [&](const std::string& isa, GemmPolicy policy) {
    return GemmChooser(isa, {}, policy, nullptr).Choose(y.call, absl::OkStatus());
  };
  const GemmDecision decision = choose("avx512_bf16", GemmPolicy::kFastest);
  EXPECT_EQ(decision.problem.has_value(), !HostHasBf16Tiles());
  EXPECT_FALSE(choose("avx512", GemmPolicy::kFastest).problem);
  EXPECT_FALSE(choose("avx512_bf16", GemmPolicy::kLibrary).problem);
  y.call.inputs[0].shape = {8, 128};  // a few rows
  y.call.outputs[0].shape = {8, 96};
  EXPECT_FALSE(choose("avx512_bf16", GemmPolicy::kFastest).problem);
}

TEST(GemmChoiceTest, WithoutARoutineItIsEmitted) {
  const Call y("matmul", {64, 32}, {32, 48}, {64, 48});
  const GemmDecision decision =
      GemmChooser("avx512", {}, GemmPolicy::kFastest, nullptr).Choose(y.call, kNoRoutine);
  ASSERT_TRUE(decision.problem.has_value());
  EXPECT_THAT(decision.reason, HasSubstr("no library routine: only f32"));
}

TEST(GemmChoiceTest, ABatchOfProductsIsNoProduct) {
  const Call batch("matmul", {5, 64, 32}, {5, 32, 48}, {5, 64, 48});
  const GemmChooser chooser("avx512", {}, GemmPolicy::kEmitted, nullptr);
  EXPECT_FALSE(chooser.Choose(batch.call, absl::OkStatus()).problem.has_value());
  const Call shared("matmul", {5, 64, 32}, {48, 32}, {5, 64, 48},
                    {{"transpose_b", graph::Attr(true)}});
  const GemmDecision one = chooser.Choose(shared.call, absl::OkStatus());
  ASSERT_TRUE(one.problem.has_value());
  EXPECT_EQ(*one.problem, (GemmProblem{.M = 320, .N = 48, .K = 32, .transpose_b = true}));
  const Call leading("contract_leading", {5, 64, 32}, {5, 64, 48}, {32, 48});
  const GemmDecision contracted = chooser.Choose(leading.call, absl::OkStatus());
  ASSERT_TRUE(contracted.problem.has_value());
  EXPECT_EQ(*contracted.problem, (GemmProblem{.M = 32, .N = 48, .K = 320, .transpose_a = true}));
}

TEST(GemmChoiceTest, ABrokenRecordIsNone) {
  const Call y("matmul", {64, 32}, {32, 48}, {64, 48});
  const GemmRecords broken = [](const GemmProblem&) { return GemmRecord{{.rows = 99}, 1e-3, 1}; };
  EXPECT_FALSE(GemmChooser("avx512", {}, GemmPolicy::kFastest, broken)
                   .Choose(y.call, absl::OkStatus())
                   .problem);
}

}  // namespace
}  // namespace strata::compiler
