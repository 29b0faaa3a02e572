#include "framework/graph/builder.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Builder, InfersTypesAndNamesValuesAfterTheirPlace) {
  Builder b("mlp");
  const ValueId x = b.Input("x", {chips::F32, {"B", 4}}, DATA);
  const ValueId w = b.Input("w", {chips::F32, {4, 8}}, PARAMETER);
  ValueId y = kNoValue, z = kNoValue;
  {
    Builder::Scope layer(b, "h");
    Builder::Scope part(b, "fc");
    y = b.Apply("matmul", {x, w});
    z = b.Apply("matmul", {x, w});
  }
  EXPECT_EQ(b.scope_path(), "");
  EXPECT_EQ(b.type(y).ToString(), "f32[B, 8]");
  EXPECT_EQ(b.name(y), "h.fc.matmul");
  EXPECT_EQ(b.name(z), "h.fc.matmul_1");
  b.Rename(z, "h.fc.matmul");
  EXPECT_EQ(b.name(z), "h.fc.matmul_2") << "a name that is taken gets a suffix";
  b.Rename(z, "z");
  EXPECT_EQ(b.name(z), "z");
  b.Output(y, "y", SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(graph.nodes(0).origin(), AllOf(HasSubstr("h.fc ("), HasSubstr("builder_test.cc:")));
}

TEST(Builder, FirstErrorSticksWithItsModelLine) {
  Builder b("broken");
  const ValueId x = b.Input("x", {chips::F32, {2, 3}}, DATA);
  ValueId bad = kNoValue;
  {
    Builder::Scope scope(b, "mlp.fc");
    bad = b.Apply("matmul", {x, x});
  }
  EXPECT_EQ(bad, kNoValue);
  EXPECT_EQ(b.type(bad).dtype, chips::DTYPE_UNSPECIFIED);
  EXPECT_EQ(b.name(bad), "");
  EXPECT_EQ(b.Apply("relu", {bad}), kNoValue);
  EXPECT_EQ(b.Apply("no_such_op", {x}), kNoValue);
  b.Output(bad, "y");
  b.Rename(bad, "z");
  b.MarkGradient(bad, "x");
  EXPECT_THAT(std::move(b).Build(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("mlp.fc ("), HasSubstr("builder_test.cc:"),
                             HasSubstr("sums over 3"))));
}

TEST(Builder, RefusesWhatIsNoValueAndSecondNames) {
  Builder outside("g");
  outside.Output(7, "y");
  EXPECT_THAT(outside.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'y' is not a value")));
  Builder twice("g");
  twice.Input("x", {chips::F32, {}}, DATA);
  EXPECT_EQ(twice.Input("x", {chips::F32, {}}, DATA), kNoValue);
  EXPECT_THAT(twice.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two values are named 'x'")));
  Builder unknown("g");
  unknown.Apply("relux", {unknown.Input("x", {chips::F32, {}}, DATA)});
  EXPECT_THAT(unknown.status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean 'relu'")));
}

TEST(Builder, UpdateAddsItsOutputOnce) {
  Builder b("step");
  const ValueId m = b.Input("m", {chips::F32, {2}}, STATE);
  const ValueId next = b.Apply("neg", {m});
  b.Output(next, "next");
  b.Update(m, next);
  const ValueId n = b.Input("n", {chips::F32, {2}}, STATE);
  b.Update(n, b.Apply("exp", {n}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ASSERT_EQ(graph.outputs_size(), 2);
  EXPECT_EQ(graph.outputs(1).name(), "n.new");
}

TEST(Builder, ContinuesAGraph) {
  Builder first("g");
  first.Output(first.Apply("neg", {first.Input("x", {chips::F32, {2}}, DATA)}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(first).Build());
  Builder second(graph);
  const ValueId z = second.Apply("neg", {1});
  EXPECT_EQ(second.name(z), "neg_1");
  second.Output(z, "z");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph more, std::move(second).Build());
  EXPECT_EQ(more.nodes_size(), 2);
}

}  // namespace
}  // namespace strata::graph
