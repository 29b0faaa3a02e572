#include "distributed/partition/data_parallel.h"

#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/plan/validate.h"
#include "framework/graph/builder.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::HostTensor;
using parallel::DataParallelPlan;
using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Text(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile("distributed/partition/testdata/" + file);
  EXPECT_OK(text);
  return text.value_or("");
}

Graph Parse(const std::string& text) {
  absl::StatusOr<Graph> graph = graph::ParseGraph(text, "test");
  EXPECT_OK(graph);
  return graph.value_or(Graph());
}

// A graph with the batch and a parameter, then `lines`.
Graph WithLines(const std::string& lines) {
  return Parse("graph \"g\" {\n%x: f32[B, 4] = input data\n%w: f32[4] = input parameter\n" + lines +
               "}\n");
}

absl::StatusOr<std::string> Rewritten(const Graph& graph, int ranks = 2) {
  STRATA_ASSIGN_OR_RETURN(const Graph mine, PartitionDataParallel(graph, DataParallelPlan(ranks)));
  return PrintGraph(mine);
}

TEST(DataParallelTest, GoldenRewrite) {
  const Graph step = Parse(Text("regression.graph"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, Rewritten(step));
  EXPECT_EQ(text, Text("regression_dp.graph"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string eight, Rewritten(step, 8));
  EXPECT_EQ(eight, text) << "the graph of a rank does not depend on how many there are";
}

TEST(DataParallelTest, OneRankIsLeftAlone) {
  const Graph step = Parse(Text("regression.graph"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, Rewritten(step, 1));
  EXPECT_EQ(text, PrintGraph(step));
}

TEST(DataParallelTest, PartitionedGraphIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Graph once,
      PartitionDataParallel(Parse(Text("regression.graph")), DataParallelPlan(2)));
  EXPECT_THAT(Rewritten(once),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("(all_reduce)"), HasSubstr("partitioned already"))));
}

TEST(DataParallelTest, PlansAreChecked) {
  const Graph step = Parse(Text("regression.graph"));
  EXPECT_THAT(Rewritten(step, 0), StatusIs(kInvalid, HasSubstr("parallel plan: mesh[0].size")));
  parallel::ParallelPlan plan = DataParallelPlan(2);
  plan.mutable_mesh(0)->set_kind(parallel::TENSOR_PARALLEL);
  EXPECT_THAT(
      PartitionDataParallel(step, plan),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("TENSOR_PARALLEL over 2 ranks")));
  EXPECT_THAT(PartitionDataParallel(Graph(), DataParallelPlan(2)),
              StatusIs(kInvalid, HasSubstr("version")));
}

TEST(DataParallelTest, GradientOnTheWayToAnotherIsAveragedOnce) {
  // g is w's gradient and goes on through the rank's own factor to make v's: v's must come from the rank's own g.
  const Graph graph = WithLines(R"(
    %v: f32[4] = input parameter
    %g: f32[4] gradient_of("w") = reduce_mean(%x) {axes = ints[0], keep_dims = false}
    %factor: f32[4] = reduce_max(%x) {axes = ints[0], keep_dims = false}
    %h: f32[4] gradient_of("v") = mul(%g, %factor)
    %w.new: f32[4] = sub(%w, %g)
    %v.new: f32[4] = sub(%v, %h)
    return %w.new as "w" replicated
    return %v.new as "v" replicated
  )");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, Rewritten(graph));
  EXPECT_THAT(text, AllOf(HasSubstr("= mul(%g, %factor)"), HasSubstr("= sub(%w, %g.all_reduced)"),
                          HasSubstr("= sub(%v, %h.all_reduced)")));
}

TEST(DataParallelTest, NoBatchIsRefused) {
  EXPECT_THAT(
      Rewritten(
          Parse("graph \"g\" {\n%x: f32[N, 4] = input data\nreturn %x as \"x\" sharded\n}\n")),
      StatusIs(kInvalid,
               HasSubstr("no DATA input has the leading dim 'B'; there is no batch to split")));
}

TEST(DataParallelTest, WhatWouldDifferBetweenRanksIsRefused) {
  const std::string reduce = "%m: f32[4] = reduce_mean(%x) {axes = ints[0], keep_dims = false}\n";
  EXPECT_THAT(
      Rewritten(WithLines(reduce + "return %m as \"m\" replicated\n")),
      StatusIs(
          kInvalid,
          HasSubstr("graph 'g': outputs[0] ('m'): is REPLICATED, but depends on the batch shard")));
  EXPECT_THAT(
      Rewritten(WithLines("return %w as \"w\" sharded\n")),
      StatusIs(
          kInvalid,
          HasSubstr("outputs[0] ('w'): is SHARDED, but the leading dim of f32[4] is not 'B'")));
  EXPECT_THAT(
      Rewritten(WithLines("return %x as \"x\" mean\n")),
      StatusIs(kInvalid, AllOf(HasSubstr("value 'x' is f32[B, 4]"), HasSubstr("can be averaged"))));
}

TEST(DataParallelTest, UpdateThatDriftsIsRefused) {
  Graph graph = WithLines(
      "%m: f32[4] = reduce_mean(%x) {axes = ints[0], keep_dims = false}\nreturn %m as \"m\" "
      "mean\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string averaged, Rewritten(graph));
  EXPECT_THAT(averaged, HasSubstr("return %m.all_reduced as \"m\" mean"));
  EXPECT_THAT(Rewritten(WithLines(
                  "%m: f32[4] = reduce_mean(%x) {axes = ints[0], keep_dims = false}\n"
                  "%n: f32[4] = add(%m, %w)\nreturn %n as \"n\" replicated\nupdate %w with %n\n")),
              StatusIs(kInvalid, HasSubstr("mark the gradients on the way")));
}

TEST(DataParallelTest, InputsThatCannotBeSplitAreRefused) {
  const std::string rest = "return %w as \"w\" replicated\n";
  EXPECT_THAT(
      Rewritten(WithLines("%s: f32[4, B] = input data\n" + rest)),
      StatusIs(kInvalid, HasSubstr("inputs[2] ('s'): the batch 'B' must be its leading dim")));
  EXPECT_THAT(Rewritten(WithLines("%s: f32[B, B] = input data\n" + rest)),
              StatusIs(kInvalid, HasSubstr("and no other")));
  EXPECT_THAT(Rewritten(WithLines("%s: f32[B] = input state\n" + rest)),
              StatusIs(kInvalid,
                       HasSubstr("inputs[2] ('s'): has the batch 'B' among its dims; only DATA")));
  EXPECT_THAT(Rewritten(WithLines(
                  "%i: i32[B, 2] = iota() {axis = 0, dims = dims[B, 2], dtype = i32}\n" + rest)),
              StatusIs(kInvalid, HasSubstr("nodes[0] (iota): counts along the batch")));
  EXPECT_OK(Rewritten(
      WithLines("%i: i32[B, 2] = iota() {axis = 1, dims = dims[B, 2], dtype = i32}\n" + rest)));
}

TEST(ShardBatchTest, CutsWhatIsSplitAndSharesTheRest) {
  const Graph step = Parse(Text("regression.graph"));
  std::vector<HostTensor> inputs = {
      HostTensor::Zeros(chips::F32, {6, 4}), HostTensor::FromVector<float>({6}, {0, 1, 2, 3, 4, 5}),
      HostTensor::Zeros(chips::F32, {}),     HostTensor::Zeros(chips::F32, {4, 1}),
      HostTensor::Zeros(chips::F32, {}),     HostTensor::Zeros(chips::F32, {3}),
  };
  for (int size : {1, 2, 3, 6}) {
    for (int rank = 0; rank < size; ++rank) {
      STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> shard,
                                  ShardBatch(step, inputs, rank, size));
      ASSERT_EQ(shard.size(), inputs.size());
      EXPECT_EQ(shard[0].dims(), (std::vector<int64_t>{6 / size, 4}));
      EXPECT_EQ(shard[1].dims(), (std::vector<int64_t>{6 / size}));
      EXPECT_EQ(shard[1].data<float>()[0], static_cast<float>(6 / size * rank));
      for (size_t i = 2; i < inputs.size(); ++i) EXPECT_EQ(shard[i].raw(), inputs[i].raw());
    }
  }
  EXPECT_THAT(
      ShardBatch(step, inputs, 0, 4),
      StatusIs(kInvalid,
               HasSubstr("inputs[0] ('x'): its batch of 6 cannot be cut into 4 equal shards")));
  EXPECT_THAT(ShardBatch(step, inputs, 2, 2), StatusIs(kInvalid, HasSubstr("rank 2 of 2")));
  inputs[1] = HostTensor::Zeros(chips::F32, {});
  EXPECT_THAT(ShardBatch(step, inputs, 0, 2),
              StatusIs(kInvalid, HasSubstr("inputs[1] ('y'): is a scalar")));
  inputs.pop_back();
  EXPECT_THAT(ShardBatch(step, inputs, 0, 2), StatusIs(kInvalid, HasSubstr("has 6 inputs, not 5")));
}

TEST(ShardBatchTest, EmptyBatch) {
  const Graph graph = WithLines("return %w as \"w\" replicated\n");
  STRATA_ASSERT_OK_AND_ASSIGN(
      const std::vector<HostTensor> shard,
      ShardBatch(graph, {HostTensor::Zeros(chips::F32, {0, 4}), HostTensor::Zeros(chips::F32, {4})},
                 1, 2));
  EXPECT_EQ(shard[0].dims(), (std::vector<int64_t>{0, 4}));
}

}  // namespace
}  // namespace strata::distributed
