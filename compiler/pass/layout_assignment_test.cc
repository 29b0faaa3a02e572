#include "compiler/pass/layout_assignment.h"

#include <algorithm>
#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/graph_uses.h"
#include "compiler/pass/layout_model.h"
#include "compiler/pass/layout_solver.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_layout_graph.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Graph;

// ---- the solver against all choices

// Counts `choice` up; false after the last.
template <typename Sizes>
bool Next(const Sizes& choices_of, std::vector<int>* choice) {
  for (size_t i = 0; i < choice->size(); ++i) {
    if (++(*choice)[i] < choices_of(static_cast<int>(i))) return true;
    (*choice)[i] = 0;
  }
  return false;
}

double BruteForce(const LayoutProblem& problem) {
  std::vector<int> choice(static_cast<size_t>(problem.variables()), 0);
  double best = kForbidden;
  do {
    best = std::min(best, problem.Cost(choice));
  } while (Next([&](int v) { return problem.choices(v); }, &choice));
  return best;
}

LayoutProblem RandomProblem(uint32_t seed, bool tree) {
  std::mt19937 random(seed);
  const auto cost = [&] { return static_cast<double>(random() % 20); };
  LayoutProblem problem;
  const int variables = 2 + static_cast<int>(random() % 7);
  for (int v = 0; v < variables; ++v) {
    std::vector<double> costs(1 + random() % 3);
    for (double& c : costs) c = cost();
    problem.AddVariable(costs);
  }
  const auto tie = [&](int a, int b) {
    std::vector<double> costs(static_cast<size_t>(problem.choices(a) * problem.choices(b)));
    for (double& c : costs) c = random() % 6 == 0 ? kForbidden : cost();
    costs[0] = cost();  // the first choices always fit
    problem.AddPair(a, b, costs);
  };
  for (int v = 1; v < variables; ++v) tie(v, static_cast<int>(random() % static_cast<uint32_t>(v)));
  for (int extra = 0; !tree && extra < variables; ++extra) {
    const int a = static_cast<int>(random() % static_cast<uint32_t>(variables));
    if (a != extra) tie(extra, a);
  }
  return problem;
}

TEST(LayoutSolverTest, EqualToBruteForce) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    const LayoutProblem problem = RandomProblem(seed, seed % 2 == 0);
    const std::vector<int> start(static_cast<size_t>(problem.variables()), 0);
    const LayoutSolution solution = SolveLayout(problem, start);
    EXPECT_TRUE(solution.exact);
    EXPECT_EQ(solution.cost, BruteForce(problem));
  }
}

TEST(LayoutSolverTest, TreesNeedNoMoreThanPairs) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const LayoutProblem problem = RandomProblem(seed, true);
    const std::vector<int> start(static_cast<size_t>(problem.variables()), 0);
    const LayoutSolution solution = SolveLayout(problem, start, /*largest_table=*/9);
    EXPECT_TRUE(solution.exact) << seed;
    EXPECT_EQ(solution.cost, BruteForce(problem)) << seed;
  }
}

TEST(LayoutSolverTest, WithoutRoomItIsNoWorseThanTheStart) {
  int inexact = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const LayoutProblem problem = RandomProblem(seed, false);
    const std::vector<int> start(static_cast<size_t>(problem.variables()), 0);
    const LayoutSolution solution = SolveLayout(problem, start, /*largest_table=*/4);
    EXPECT_LE(solution.cost, problem.Cost(start)) << seed;
    EXPECT_GE(solution.cost, BruteForce(problem)) << seed;
    inexact += !solution.exact;
  }
  EXPECT_GT(inexact, 50);
}

TEST(LayoutSolverTest, LongChain) {  // linear: a quadratic solver would be felt
  LayoutProblem problem;
  problem.AddVariable({0, 5});
  for (int v = 1; v < 20000; ++v) {
    problem.AddVariable({0, 0});
    problem.AddPair(v - 1, v, {1, 0, 0, 0});
  }
  const LayoutSolution solution = SolveLayout(problem, std::vector<int>(20000, 0));
  EXPECT_EQ(solution.cost, 0);
}

// ---- the model of a graph

double BruteForce(const LayoutModel& model, int nodes, int64_t* combinations) {
  const auto sizes = [&](int n) { return static_cast<int>(model.options(n).size()); };
  *combinations = 1;
  for (int n = 0; n < nodes; ++n)
    *combinations = std::min<int64_t>(*combinations * sizes(n), 1 << 20);
  if (*combinations > 20000) return 0;
  std::vector<int> choice(static_cast<size_t>(nodes), 0);
  double best = kForbidden;
  do {
    best = std::min(best, model.Cost(choice));
  } while (Next(sizes, &choice));
  return best;
}

TEST(LayoutModelTest, TheBestChoiceIsThatOfBruteForce) {
  int tried = 0, improved = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph =
        RandomLayoutGraph(seed, {.nodes = 3 + static_cast<int>(seed % 7), .tree = seed % 3 == 0});
    const GraphUses uses(graph);
    const LayoutModel model(uses);
    int64_t combinations = 0;
    const double best = BruteForce(model, graph.nodes_size(), &combinations);
    if (combinations > 20000) continue;
    const LayoutModel::Tied tied = model.MakeProblem();
    const std::vector<int> as_it_stands(static_cast<size_t>(graph.nodes_size()), 0);
    const double before = model.Cost(as_it_stands);
    EXPECT_EQ(tied.problem.Cost(tied.start), before);
    EXPECT_EQ(before, static_cast<double>(TransposedBytes(graph))) << graph::PrintGraph(graph);
    const LayoutSolution solution = SolveLayout(tied.problem, tied.start);
    EXPECT_TRUE(solution.exact);
    EXPECT_EQ(solution.cost, best);
    ++tried;
    improved += best < before;
  }
  EXPECT_GT(tried, 200);
  EXPECT_GT(improved, 50);
}

// ---- the pass

void ExpectSameResults(const Graph& before, const Graph& after) {
  const auto inputs = [&] { return RandomInputs(before); };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs()));
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(graph::CompareTensors(got[i], want[i], 1e-5), "") << "output " << i;
}

TEST(LayoutAssignmentTest, RandomGraphsKeepTheirMeaningAndMoveWhatTheModelSays) {
  RegisterAllPasses();
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const Graph before =
        RandomLayoutGraph(seed, {.nodes = 4 + static_cast<int>(seed % 20), .tree = seed % 3 == 0});
    Graph after = before;
    ASSERT_OK(RunPipeline({"layout_assignment"}, PassContext{}, &after));
    ExpectSameResults(before, after);
    const GraphUses uses(before);
    const LayoutModel::Tied tied = LayoutModel(uses).MakeProblem();
    EXPECT_LE(static_cast<double>(TransposedBytes(after)),
              SolveLayout(tied.problem, tied.start).cost)
        << graph::PrintGraph(before) << graph::PrintGraph(after);
  }
}

Graph Assigned(const std::string& body) {
  RegisterAllPasses();
  auto graph = graph::ParseGraph("graph \"g\" {\n" + body + "}\n", "test");
  EXPECT_OK(graph.status());
  EXPECT_OK(RunPipeline({"layout_assignment", "dce"}, PassContext{}, &*graph));
  return *graph;
}

TEST(LayoutAssignmentTest, OneCopyServesAllReaders) {
  const Graph after = Assigned(R"(
  %x: f32[3, 4] = input data
  %a: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %b: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %y: f32[12] = reshape(%a) {dims = dims[12]}
  %z: f32[2, 6] = reshape(%b) {dims = dims[2, 6]}
  return %y as "y" replicated
  return %z as "z" replicated
)");
  EXPECT_EQ(TransposedBytes(after), 2 * 12 * 4) << graph::PrintGraph(after);
}

// Two readers of a transposed value: sinking gives up, the model does not.
TEST(LayoutAssignmentTest, SeveralReadersAreWeighedTogether) {
  const Graph after = Assigned(R"(
  %x: f32[3, 4] = input data
  %w: f32[3, 5] = input data
  %t: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %e: f32[4, 3] = exp(%t)
  %s: f32[4, 3] = sin(%t)
  %a: f32[4, 5] = matmul(%e, %w)
  %b: f32[4, 5] = matmul(%s, %w)
  return %a as "a" replicated
  return %b as "b" replicated
)");
  EXPECT_EQ(TransposedBytes(after), 0) << graph::PrintGraph(after);
}

// A transpose of a large value moves up to where the value is still a product.
TEST(LayoutAssignmentTest, TransposesAlsoMoveUp) {
  const Graph after = Assigned(R"(
  %x: f32[3, 4] = input data
  %w: f32[4, 5] = input data
  %h: f32[3, 5] = matmul(%x, %w)
  %r: f32[3, 5] = relu(%h)
  %t: f32[5, 3] = transpose(%r) {permutation = ints[1, 0]}
  %y: f32[15] = reshape(%t) {dims = dims[15]}
  return %y as "y" replicated
)");
  EXPECT_EQ(TransposedBytes(after), 0) << graph::PrintGraph(after);
}

}  // namespace
}  // namespace strata::compiler
