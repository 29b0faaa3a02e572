// The table of op rules: factors of dims that merge and split, of products, of sums; what an op without a row gets.
#include "distributed/partition/op_rules.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Shape;

// The rule of one op on operands of these shapes (f32).
OpRule Rule(const std::string& op, const std::vector<Shape>& shapes,
            const graph::Attributes& attributes = {}) {
  graph::Builder b("one");
  std::vector<graph::ValueId> inputs;
  for (size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(b.Input("x" + std::to_string(i), {chips::F32, shapes[i]}, graph::DATA));
  b.ApplyMulti(op, inputs, attributes);
  EXPECT_OK(b.status());
  const graph::Graph graph = b.graph();
  absl::StatusOr<OpRule> rule = RuleOf(CallOf(graph, graph.nodes(0)));
  EXPECT_OK(rule);
  return rule.value_or(OpRule());
}

std::vector<int64_t> Sizes(const OpRule& rule, const std::vector<int>& factors) {
  std::vector<int64_t> sizes;
  for (int f : factors) sizes.push_back(rule.factors[static_cast<size_t>(f)].size.size());
  return sizes;
}

using Factors = std::vector<int>;

TEST(OpRulesTest, Matmul) {
  const OpRule rule = Rule("matmul", {{2, 3, 4}, {5, 4}}, {{"transpose_b", Attr(true)}});
  ASSERT_EQ(rule.factors.size(), 4u);
  EXPECT_EQ(rule.inputs[0][2], rule.inputs[1][1]) << "both are the summed dim";
  EXPECT_EQ(rule.inputs[1][0], rule.outputs[0][2]);
  EXPECT_EQ(rule.inputs[0][0], rule.outputs[0][0]);
  EXPECT_EQ(rule.linear, (std::vector<Factors>{{0}, {1}}));
}

TEST(OpRulesTest, BroadcastDimsCarryNoFactor) {
  const OpRule rule = Rule("add", {{4, 1, 6}, {5, 6}});
  EXPECT_EQ(rule.inputs[0][1], Factors());
  EXPECT_EQ(rule.inputs[1][0], rule.outputs[0][1]);
  EXPECT_EQ(rule.inputs[0][2], rule.inputs[1][1]);
  EXPECT_EQ(rule.linear, (std::vector<Factors>{{0, 1}}));
}

TEST(OpRulesTest, ReshapeSplitsAndMerges) {
  const OpRule split = Rule("reshape", {{6, 20}}, {{"dims", Attr(Shape{6, 4, 5})}});
  EXPECT_EQ(split.inputs[0][1], (Factors{split.outputs[0][1][0], split.outputs[0][2][0]}));
  const OpRule merge = Rule("reshape", {{2, 3, 7}}, {{"dims", Attr(Shape{6, 7})}});
  EXPECT_EQ(Sizes(merge, merge.outputs[0][0]), (std::vector<int64_t>{2, 3}));
  // [6, 5] and [3, 10] share 3, then 2, then 5.
  const OpRule mixed = Rule("reshape", {{6, 5}}, {{"dims", Attr(Shape{3, 10})}});
  EXPECT_EQ(Sizes(mixed, mixed.inputs[0][0]), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(Sizes(mixed, mixed.outputs[0][1]), (std::vector<int64_t>{2, 5}));
  // [4, 6] and [6, 4] share their major halves only; the rest of both is whole.
  const OpRule odd = Rule("reshape", {{4, 6}}, {{"dims", Attr(Shape{6, 4})}});
  EXPECT_EQ(odd.inputs[0][0][0], odd.outputs[0][0][0]);
  EXPECT_EQ(odd.factors[static_cast<size_t>(odd.inputs[0][0][1])].across, Across::kWhole);
  const OpRule batch = Rule("reshape", {{"B", 6}}, {{"dims", Attr(Shape{"B", 2, 3})}});
  EXPECT_EQ(batch.inputs[0][0], batch.outputs[0][0]);
}

TEST(OpRulesTest, Reductions) {
  const graph::Attributes attributes = {{"axes", Attr(std::vector<int64_t>{-1})},
                                        {"keep_dims", Attr(true)}};
  const OpRule mean = Rule("reduce_mean", {{3, 4}}, attributes);
  EXPECT_EQ(mean.factors[static_cast<size_t>(mean.inputs[0][1][0])].across, Across::kMean);
  EXPECT_EQ(mean.outputs[0][1], Factors());
  EXPECT_EQ(mean.inputs[0][0], mean.outputs[0][0]);
  const OpRule max = Rule("reduce_max", {{3, 4}}, attributes);
  EXPECT_EQ(max.factors[static_cast<size_t>(max.inputs[0][1][0])].across, Across::kMax);
  EXPECT_TRUE(max.linear.empty()) << "a maximum of terms is not that of sums";
}

TEST(OpRulesTest, AttentionHasHeadsInGroups) {
  const OpRule rule = Rule("attention", {{2, 8, 6, 4}, {2, 8, 3, 4}, {2, 8, 3, 4}},
                           {{"scale", Attr(1.0)}, {"causal", Attr(true)}});
  EXPECT_EQ(Sizes(rule, rule.inputs[0][2]), (std::vector<int64_t>{3, 2}))
      << "key heads, then queries of one";
  EXPECT_EQ(rule.inputs[0][2][0], rule.inputs[1][2][0]);
  EXPECT_EQ(rule.inputs[0][3], Factors()) << "a head's dim is whole";
  EXPECT_EQ(rule.factors[static_cast<size_t>(rule.inputs[0][1][0])].across, Across::kRing);
  EXPECT_EQ(rule.outputs[1], (DimFactors{rule.inputs[0][0], rule.inputs[0][2], rule.inputs[0][1]}));
}

TEST(OpRulesTest, WithoutARowAllIsWhole) {
  EXPECT_FALSE(HasRule("fusion"));
  EXPECT_TRUE(HasRule("matmul"));
  EXPECT_TRUE(HasRule("gelu")) << "elementwise ops need no row";
  graph::RegisterAllOps();
  int rows = 0;
  for (const std::string& op : graph::OpRegistry::Get().Names()) rows += HasRule(op) ? 1 : 0;
  EXPECT_GT(rows, 60);
}

}  // namespace
}  // namespace strata::distributed
