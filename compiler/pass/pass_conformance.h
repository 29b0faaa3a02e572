// What every Pass must do. An implementation instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, PassConformanceTest,
//                            ::testing::Values(PassUnderTest{"mine", [] { return MakeMine(); }}),
//                            [](const auto& info) { return info.param.name; });
//
// and links it with //compiler/pass:pass_conformance.
#ifndef STRATA_COMPILER_PASS_PASS_CONFORMANCE_H_
#define STRATA_COMPILER_PASS_PASS_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_graph.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {

struct PassUnderTest {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Pass>>()> create;
  bool idempotent = true;     // a second run finds nothing more to do
  bool keeps_numbers = true;  // false: rounds by design; how far is for a test of its own
};

class PassConformanceTest : public ::testing::TestWithParam<PassUnderTest> {
 protected:
  void SetUp() override {
    auto pass = GetParam().create();
    ASSERT_OK(pass.status());
    pass_ = *std::move(pass);
  }

  static std::vector<graph::HostTensor> Clone(const std::vector<graph::HostTensor>& tensors) {
    std::vector<graph::HostTensor> clones;
    for (const graph::HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
    return clones;
  }

  // The parts of all origins: "a; b" has two.
  static std::set<std::string> Origins(const graph::Graph& graph) {
    std::set<std::string> origins;
    for (const graph::Node& node : graph.nodes()) {
      for (absl::string_view part : absl::StrSplit(node.origin(), "; "))
        origins.insert(std::string(part));
      for (const graph::Graph& region : node.regions()) origins.merge(Origins(region));
    }
    return origins;
  }

  // Runs the pass; checks all that can be checked without numbers.
  graph::Graph Rewrite(const graph::Graph& before) {
    graph::Graph after = before;
    const auto changed = pass_->Run(PassContext{}, &after);
    EXPECT_OK(changed.status());
    if (!changed.ok()) return before;
    EXPECT_OK(graph::Verify(after));
    if (!*changed) {
      EXPECT_EQ(graph::PrintGraph(after), graph::PrintGraph(before))
          << "it says it changed nothing";
    }
    ExpectSameBorder(before, after);
    const std::set<std::string> old = Origins(before);
    for (const std::string& origin : Origins(after))
      EXPECT_EQ(old.count(origin), 1u) << "new origin: " << origin;
    ExpectIdempotent(after);
    return after;
  }

  // Inputs, outputs and updates keep their order, names and types.
  static void ExpectSameBorder(const graph::Graph& before, const graph::Graph& after) {
    ASSERT_EQ(before.inputs_size(), after.inputs_size());
    ASSERT_EQ(before.outputs_size(), after.outputs_size());
    ASSERT_EQ(before.updates_size(), after.updates_size());
    const auto value = [](const graph::Graph& graph, uint32_t id) {
      return graph.values(static_cast<int>(id));
    };
    for (int i = 0; i < before.inputs_size(); ++i) {
      const graph::Value a = value(before, before.inputs(i).value()),
                         b = value(after, after.inputs(i).value());
      EXPECT_EQ(a.name(), b.name());
      EXPECT_TRUE(TypeOf(a) == TypeOf(b));
      EXPECT_EQ(before.inputs(i).kind(), after.inputs(i).kind());
    }
    for (int i = 0; i < before.outputs_size(); ++i) {
      EXPECT_EQ(before.outputs(i).name(), after.outputs(i).name());
      EXPECT_EQ(before.outputs(i).combine(), after.outputs(i).combine());
      EXPECT_TRUE(TypeOf(value(before, before.outputs(i).value())) ==
                  TypeOf(value(after, after.outputs(i).value())));
    }
  }

  void ExpectIdempotent(const graph::Graph& once) {
    if (!GetParam().idempotent) return;
    graph::Graph twice = once;
    const auto changed = pass_->Run(PassContext{}, &twice);
    EXPECT_OK(changed.status());
    EXPECT_EQ(graph::PrintGraph(twice), graph::PrintGraph(once)) << "a second run finds more to do";
  }

  std::unique_ptr<Pass> pass_;
};

TEST_P(PassConformanceTest, HasItsName) { EXPECT_EQ(pass_->name(), GetParam().name); }

TEST_P(PassConformanceTest, EveryOpKeepsItsMeaning) {
  for (chips::DType dtype : {chips::F32, chips::F64}) {
    SCOPED_TRACE(chips::DTypeName(dtype));
    const graph::OpCaseBatch batch = graph::MakeOpCaseBatch(graph::AllOpCases(dtype));
    const graph::Graph after = Rewrite(batch.graph);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs,
                                graph::Interpreter().Evaluate(after, batch.CloneInputs()));
    if (GetParam().keeps_numbers) {
      EXPECT_EQ(batch.Compare(outputs), "");
    }
  }
}

TEST_P(PassConformanceTest, SymbolicGraphsStayLegal) {
  for (const graph::OpCase& c : graph::AllOpCases(chips::F32)) {
    SCOPED_TRACE(c.name);
    Rewrite(c.graph);
  }
}

TEST_P(PassConformanceTest, RandomGraphsKeepTheirMeaning) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph random = MakeRandomGraph(seed, 10 + static_cast<int>(seed) * 3);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto expected,
                                graph::Interpreter().Evaluate(random.graph, Clone(random.inputs)));
    const graph::Graph after = Rewrite(random.graph);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs,
                                graph::Interpreter().Evaluate(after, Clone(random.inputs)));
    ASSERT_EQ(outputs.size(), expected.size());
    // Rewrites may round differently once a node; values are of size 1, and errors do not grow through tanh.
    const double tolerance = 1.2e-7 * (8 + random.graph.nodes_size());
    for (size_t i = 0; i < outputs.size() && GetParam().keeps_numbers; ++i) {
      EXPECT_EQ(graph::CompareTensors(outputs[i], expected[i], tolerance), "") << "output " << i;
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PassConformanceTest);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_PASS_CONFORMANCE_H_
