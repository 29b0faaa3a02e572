// One sweep over every op: inference against results, text round trip, decomposition against
// reference, exact work.
#include <cmath>
#include <set>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_cases.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

std::vector<HostTensor> Clone(const std::vector<HostTensor>& tensors) {
  std::vector<HostTensor> clones;
  for (const HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

void ExpectClose(const HostTensor& got, const HostTensor& want, double tolerance) {
  ASSERT_EQ(got.TypeString(), want.TypeString());
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    ASSERT_LE(std::fabs(a[i] - b[i]), tolerance * std::max(1.0, std::fabs(b[i])))
        << "element " << i;
  }
}

class OpSweep : public ::testing::TestWithParam<DType> {};

TEST_P(OpSweep, EveryOpHasACaseAndNamesAreUnique) {
  std::set<std::string> covered, names;
  for (const OpCase& c : AllOpCases(GetParam())) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
    for (const Node& node : c.graph.nodes()) covered.insert(node.op());
  }
  for (const std::string& op : OpRegistry::Get().Names())
    EXPECT_EQ(covered.count(op), 1u) << op << " has no case";
}

TEST_P(OpSweep, ResultsHaveTheInferredTypes) {
  for (const OpCase& c : AllOpCases(GetParam())) {
    SCOPED_TRACE(c.name);
    ASSERT_OK(Verify(c.graph));
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> results,
                                Interpreter().Evaluate(c.graph, Clone(c.inputs)));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto sizes, MatchInputs(c.graph, c.inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph bound, BindSymbols(c.graph, sizes));
    ASSERT_OK(Verify(bound));
    for (int i = 0; i < bound.outputs_size(); ++i) {
      const TensorType type = TypeOf(bound.values(static_cast<int>(bound.outputs(i).value())));
      EXPECT_EQ(results[static_cast<size_t>(i)].TypeString(), type.ToString());
    }
  }
}

TEST_P(OpSweep, TextReadsBackTheSame) {
  for (const OpCase& c : AllOpCases(GetParam())) {
    SCOPED_TRACE(c.name);
    const std::string text = PrintGraph(c.graph);
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph parsed, ParseGraph(text, c.name));
    EXPECT_EQ(parsed.SerializeAsString(), c.graph.SerializeAsString()) << text;
    EXPECT_EQ(PrintGraph(parsed), text);
  }
}

// The graph with each composite node replaced by its decomposition.
absl::StatusOr<Graph> Decomposed(const Graph& graph, bool* changed) {
  Builder b(graph.name());
  std::vector<ValueId> values(static_cast<size_t>(graph.values_size()), kNoValue);
  for (const auto& input : graph.inputs()) {
    const Value& value = graph.values(static_cast<int>(input.value()));
    values[input.value()] = b.Input(value.name(), TypeOf(value), input.kind());
  }
  for (const Node& node : graph.nodes()) {
    STRATA_ASSIGN_OR_RETURN(const OpDef* def, OpRegistry::Get().Lookup(node.op()));
    std::vector<ValueId> operands, results;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    if (def->decompose) {
      *changed = true;
      STRATA_ASSIGN_OR_RETURN(results, def->decompose(b, CallOf(graph, node), operands));
    } else {
      results = b.ApplyMulti(node.op(), operands, GetAttributes(node),
                             {node.regions().begin(), node.regions().end()});
    }
    STRATA_RETURN_IF_ERROR(b.status());
    for (int k = 0; k < node.outputs_size(); ++k)
      values[node.outputs(k)] = results[static_cast<size_t>(k)];
  }
  for (const auto& output : graph.outputs())
    b.Output(values[output.value()], output.name(), output.combine());
  return std::move(b).Build();
}

TEST_P(OpSweep, DecompositionsComputeTheSame) {
  for (const OpCase& c : AllOpCases(GetParam())) {
    SCOPED_TRACE(c.name);
    bool changed = false;
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph simple, Decomposed(c.graph, &changed));
    if (!changed) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, Interpreter().Evaluate(c.graph, Clone(c.inputs)));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Interpreter().Evaluate(simple, Clone(c.inputs)));
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) ExpectClose(got[i], want[i], c.tolerance);
  }
}

TEST_P(OpSweep, WorkIsFiniteAndWritesEveryResult) {
  for (const OpCase& c : AllOpCases(GetParam())) {
    SCOPED_TRACE(c.name);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto sizes, MatchInputs(c.graph, c.inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph bound, BindSymbols(c.graph, sizes));
    for (const Node& node : bound.nodes()) {
      const OpDef* def = OpRegistry::Get().Find(node.op());
      const OpCall call = CallOf(bound, node);
      const Work work = WorkOf(*def, call);
      EXPECT_TRUE(std::isfinite(work.flops) && work.flops >= 0);
      double written = 0;
      for (const TensorType& type : call.outputs) written += static_cast<double>(type.size_bytes());
      if (def->op_class == OpClass::kView) written = 0;
      EXPECT_LE(work.bytes_written, written);
      EXPECT_GE(work.bytes_read, 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Floats, OpSweep, ::testing::Values(chips::F32, chips::F64),
                         [](const auto& info) {
                           return std::string(chips::DTypeName(info.param));
                         });

}  // namespace
}  // namespace strata::graph
