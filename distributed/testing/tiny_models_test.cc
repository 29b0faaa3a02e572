#include "distributed/testing/tiny_models.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

constexpr int64_t kRows = 2;

std::vector<HostTensor> Bind(const graph::Graph& step,
                             const std::map<std::string, HostTensor>& state, int64_t number) {
  std::map<std::string, HostTensor> values = TinyBatch(step, kRows, number);
  values.insert(state.begin(), state.end());
  std::vector<HostTensor> inputs;
  for (const auto& input : step.inputs())
    inputs.push_back(values.at(step.values(static_cast<int>(input.value())).name()));
  return inputs;
}

class TinyModelsTest : public testing::TestWithParam<TinyModel> {};

// The loss of the same batch falls, and every parameter gets a gradient that is not all zeros.
TEST_P(TinyModelsTest, Learns) {
  TinyModel model = GetParam();
  model.gradient_outputs = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(model));
  const std::map<std::string, HostTensor> state = TinyState(step, 1);
  graph::Interpreter interpreter;
  std::vector<double> losses;
  for (int i = 0; i < 3; ++i) {
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> outputs,
                                interpreter.Evaluate(step, Bind(step, state, 1)));
    losses.push_back(outputs[0].ToDoubles()[0]);
    for (int o = 1; o < step.outputs_size() && step.outputs(o).name().starts_with("grad."); ++o) {
      double sum = 0;
      for (double g : outputs[static_cast<size_t>(o)].ToDoubles()) sum += std::abs(g);
      EXPECT_GT(sum, 0) << step.outputs(o).name();
    }
  }
  EXPECT_LT(losses[2], losses[0]);
}

TEST_P(TinyModelsTest, IsTheSameEveryTime) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, TinyTrainingStep(GetParam()));
  const auto first = TinyState(step, 1), again = TinyState(step, 1), other = TinyState(step, 2);
  EXPECT_EQ(first.at("wte.weight").ToDoubles(), again.at("wte.weight").ToDoubles());
  EXPECT_NE(first.at("wte.weight").ToDoubles(), other.at("wte.weight").ToDoubles());
  EXPECT_NE(TinyBatch(step, 2, 1).at("tokens").ToDoubles(),
            TinyBatch(step, 2, 2).at("tokens").ToDoubles());
}

INSTANTIATE_TEST_SUITE_P(
    Models, TinyModelsTest,
    testing::Values(TinyModel{}, TinyModel{.layers = 3, .kv_heads = 2, .tied = true, .rope = true},
                    TinyModel{.batch = 2}, TinyMoe(), TinyRoutedMoe()));

std::map<std::string, std::vector<double>> OutputsOf(const graph::Graph& step) {
  const auto outputs = graph::Interpreter().Evaluate(step, Bind(step, TinyState(step, 1), 1));
  EXPECT_OK(outputs.status());
  std::map<std::string, std::vector<double>> by_name;
  for (int o = 0; outputs.ok() && o < step.outputs_size(); ++o)
    by_name[step.outputs(o).name()] = (*outputs)[static_cast<size_t>(o)].ToDoubles();
  return by_name;
}

// With places for all tokens, or sorted: the two are written apart from each other, and every rounding is one of f32.
class RoutedExpertsTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Grouped, RoutedExpertsTest, testing::Bool());

TEST_P(RoutedExpertsTest, AreThoseThatSeeAllTokens) {
  TinyModel all = TinyMoe(), routed = TinyRoutedMoe();
  routed.capacity_factor = 0;
  routed.grouped = GetParam();
  all.gradient_outputs = routed.gradient_outputs = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph all_step, TinyTrainingStep(all));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph routed_step, TinyTrainingStep(routed));
  const auto want = OutputsOf(all_step), got = OutputsOf(routed_step);
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, expected] : want) {
    const std::vector<double>& values = got.at(name);
    double largest = 1e-3;
    for (double value : expected) largest = std::max(largest, std::fabs(value));
    ASSERT_EQ(values.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(values[i], expected[i], 2e-5 * largest) << name << " element " << i;
  }
}

TEST(TinyModelsTest, WrongSizesAreErrors) {
  EXPECT_EQ(TinyTrainingStep({.heads = 0}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace strata::distributed
