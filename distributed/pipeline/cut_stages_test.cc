// Any cut, run in order on one device, is the uncut step: every loss, gradient and update.
#include "distributed/pipeline/cut_stages.h"

#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/status_matchers.h"
#include "distributed/pipeline/cut_optimizer.h"
#include "distributed/testing/tiny_models.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::HostTensor;
using testing::HasSubstr;
using Tensors = std::map<std::string, HostTensor>;

constexpr int64_t kRows = 4;

Graph Bound(const Graph& step, int64_t rows) { return *graph::BindSymbols(step, {{"B", rows}}); }

const std::string& NameOf(const Graph& graph, uint32_t value) {
  return graph.values(static_cast<int>(value)).name();
}

Tensors Copy(const Tensors& tensors) {
  Tensors copy;
  for (const auto& [name, tensor] : tensors) copy[name] = tensor.Clone();
  return copy;
}

// Runs a program on tensors by name, and adds its outputs to them.
absl::Status Run(const Graph& program, Tensors* tensors) {
  std::vector<HostTensor> inputs;
  for (const auto& input : program.inputs()) {
    const std::string& name = NameOf(program, input.value());
    if (tensors->count(name) == 0)
      return absl::NotFoundError(program.name() + " reads '" + name + "'");
    inputs.push_back(tensors->at(name));
  }
  graph::Interpreter interpreter;
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          interpreter.Evaluate(program, inputs));
  for (int i = 0; i < program.outputs_size(); ++i)
    (*tensors)[program.outputs(i).name()] = outputs[static_cast<size_t>(i)];
  return absl::OkStatus();
}

HostTensor RowsOf(const HostTensor& tensor, int64_t begin, int64_t count) {
  std::vector<int64_t> dims = tensor.dims();
  dims[0] = count;
  HostTensor rows = HostTensor::Allocate(tensor.dtype(), dims);
  const size_t row = tensor.size_bytes() / static_cast<size_t>(tensor.dims()[0]);
  std::memcpy(rows.raw(), tensor.data<char>() + row * static_cast<size_t>(begin),
              rows.size_bytes());
  return rows;
}

void Keep(const std::set<std::string>& first, const std::set<std::string>& second,
          Tensors* tensors) {
  std::erase_if(*tensors, [&](const auto& entry) {
    return first.count(entry.first) == 0 && second.count(entry.first) == 0;
  });
}

// All stages on one device, each with a memory of its own: only what the cut says goes from one to another.
class InOrder {
 public:
  InOrder(const Graph& step, StagePatterns patterns, CutOptions options, int ranks,
          int microbatches)
      : step_(step),
        patterns_(patterns),
        options_(options),
        ranks_(ranks),
        microbatches_(microbatches) {}

  // The step's outputs by name; `state` is updated.
  absl::StatusOr<Tensors> Step(const Tensors& batch, Tensors* state) {
    const Graph bound = Bound(step_, kRows / microbatches_);
    STRATA_ASSIGN_OR_RETURN(cut_, CutStages(bound, patterns_, options_));
    std::vector<std::set<int>> placement;
    for (size_t s = 0; s < patterns_.size(); ++s)
      placement.push_back({static_cast<int>(s) % ranks_});
    STRATA_ASSIGN_OR_RETURN(optimizer_,
                            CutOptimizer(bound, cut_, placement, ranks_, microbatches_));
    states_.clear();
    for (int rank = 0; rank < ranks_; ++rank) StartRank(rank, *state);
    Tensors results;
    for (int i = 0; i < microbatches_; ++i) {
      Tensors data;
      for (const auto& [name, tensor] : batch) {
        const int64_t rows = kRows / microbatches_;
        data[name] = tensor.rank() == 0 ? tensor : RowsOf(tensor, i * rows, rows);
      }
      STRATA_RETURN_IF_ERROR(Microbatch(data, &results));
    }
    STRATA_RETURN_IF_ERROR(Optimize(batch, &results));
    for (const Tensors& of_rank : states_)
      for (const auto& [name, tensor] : of_rank)
        if (state->count(name) > 0) (*state)[name] = tensor;
    return results;
  }

 private:
  void StartRank(int rank, const Tensors& state) {
    Tensors mine;
    for (const std::string& name : optimizer_.ranks[static_cast<size_t>(rank)].holds)
      mine[name] = state.at(name).Clone();
    for (const auto& [parameter, holders] : optimizer_.holders) {
      const HostTensor& like = state.at(parameter);
      if (holders.count(rank) > 0)
        mine["sum." + parameter] = HostTensor::Zeros(like.dtype(), like.dims());
    }
    states_.push_back(std::move(mine));
  }

  absl::Status RunAt(size_t stage, const Graph& program, const Tensors& data, Tensors* memory) {
    Tensors all = *memory;
    all.insert(data.begin(), data.end());
    const Tensors& state = states_[stage % static_cast<size_t>(ranks_)];
    all.insert(state.begin(), state.end());
    STRATA_RETURN_IF_ERROR(Run(program, &all));
    for (const auto& [name, tensor] : all)
      if (state.count(name) == 0 && data.count(name) == 0) (*memory)[name] = tensor;
    return absl::OkStatus();
  }

  absl::Status Microbatch(const Tensors& data, Tensors* results) {
    std::vector<Tensors> memory(cut_.stages.size());
    for (size_t s = 0; s < cut_.stages.size(); ++s) {
      const StagePrograms& stage = cut_.stages[s];
      for (const std::string& name : stage.activations_in) memory[s][name] = memory[s - 1].at(name);
      if (s > 0)
        Keep(cut_.stages[s - 1].backward_reads, cut_.stages[s - 1].weight_reads, &memory[s - 1]);
      STRATA_RETURN_IF_ERROR(RunAt(s, stage.forward, data, &memory[s]));
      for (const StageResult& result : stage.results) {
        HostTensor& total = (*results)[result.output];
        const HostTensor& one = memory[s].at(result.value);
        if (total.dtype() == chips::DTYPE_UNSPECIFIED)
          total = HostTensor::Zeros(one.dtype(), one.dims());
        total.data<float>()[0] += one.data<float>()[0] / static_cast<float>(microbatches_);
      }
    }
    for (size_t s = cut_.stages.size(); s-- > 0;) {
      const StagePrograms& stage = cut_.stages[s];
      if (s + 1 < cut_.stages.size()) {
        for (const std::string& name : stage.gradients_in) memory[s][name] = memory[s + 1].at(name);
      } else {
        Keep(stage.backward_reads, stage.weight_reads, &memory[s]);
      }
      STRATA_RETURN_IF_ERROR(RunAt(s, stage.backward, data, &memory[s]));
    }
    for (size_t s = 0; s < cut_.stages.size(); ++s) {
      Keep({}, cut_.stages[s].weight_reads, &memory[s]);
      STRATA_RETURN_IF_ERROR(RunAt(s, cut_.stages[s].weight, data, &memory[s]));
    }
    return absl::OkStatus();
  }

  void AddSumsOfHolders() {
    for (const auto& [parameter, holders] : optimizer_.holders) {
      const std::string name = "sum." + parameter;
      HostTensor total = states_[static_cast<size_t>(*holders.begin())].at(name).Clone();
      for (int rank : holders) {
        if (rank == *holders.begin()) continue;
        const HostTensor& other = states_[static_cast<size_t>(rank)].at(name);
        for (int64_t i = 0; i < total.elements(); ++i)
          total.data<float>()[i] += other.data<float>()[i];
      }
      for (int rank : holders) states_[static_cast<size_t>(rank)][name] = total.Clone();
    }
  }

  absl::Status Optimize(const Tensors& batch, Tensors* results) {
    AddSumsOfHolders();
    Tensors exported;
    for (size_t rank = 0; rank < states_.size(); ++rank) {
      Tensors all = states_[rank];
      all.insert(batch.begin(), batch.end());
      STRATA_RETURN_IF_ERROR(Run(optimizer_.ranks[rank].local, &all));
      for (const std::string& name : optimizer_.ranks[rank].exports) exported[name] = all.at(name);
    }
    for (size_t rank = 0; rank < states_.size(); ++rank) {
      Tensors all = states_[rank];
      all.insert(batch.begin(), batch.end());
      all.insert(exported.begin(), exported.end());
      STRATA_RETURN_IF_ERROR(Run(optimizer_.ranks[rank].update, &all));
      for (const StageResult& result : optimizer_.ranks[rank].results)
        (*results)[result.output] = all.at(result.value).Clone();
    }
    return absl::OkStatus();
  }

  const Graph& step_;
  const StagePatterns patterns_;
  const CutOptions options_;
  const int ranks_, microbatches_;
  StageCut cut_;
  OptimizerCut optimizer_;
  std::vector<Tensors> states_;  // by rank
};

absl::StatusOr<Tensors> Uncut(const Graph& step, const Tensors& batch, Tensors* state) {
  Tensors all = batch;
  all.insert(state->begin(), state->end());
  STRATA_RETURN_IF_ERROR(Run(step, &all));
  std::erase_if(all, [&](const auto& entry) {
    return batch.count(entry.first) > 0 || state->count(entry.first) > 0;
  });
  return all;
}

void ExpectClose(const std::string& name, const HostTensor& got, const HostTensor& want) {
  ASSERT_EQ(got.dims(), want.dims()) << name;
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  double largest = 0;
  for (double x : b) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-5 * largest + 1e-9) << name << "[" << i << "]";
}

StagePatterns PatternsOf(int64_t layers, int64_t stages) {
  StagePatterns patterns(static_cast<size_t>(stages));
  for (int64_t layer = 0; layer < layers; ++layer)
    patterns[static_cast<size_t>(layer * stages / layers)].push_back("h." + std::to_string(layer));
  for (const char* name : {"wte", "wpe"}) patterns.front().push_back(name);
  for (const char* name : {"ln_f", "lm_head", "loss"}) patterns.back().push_back(name);
  return patterns;
}

struct Case {
  std::string name;
  TinyModel model;
  int stages = 2;
  int ranks = 2;
  int microbatches = 2;
  CutOptions options;
};

class CutStagesTest : public testing::TestWithParam<Case> {};

TEST_P(CutStagesTest, EqualsTheUncutStep) {
  const Case& c = GetParam();
  TinyModel model = c.model;
  model.gradient_outputs = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph step, TinyTrainingStep(model));
  Tensors whole = TinyState(step, 1), parts = Copy(whole);
  const Tensors batch = TinyBatch(step, kRows, 1);
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, Uncut(step, batch, &whole));
  InOrder pipeline(step, PatternsOf(model.layers, c.stages), c.options, c.ranks, c.microbatches);
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, pipeline.Step(batch, &parts));
  ExpectClose("loss", got.at("loss"), want.at("loss"));
  int gradients = 0;
  for (const auto& [name, tensor] : want) {
    if (!absl::StartsWith(name, "grad.")) continue;
    ++gradients;
    ASSERT_EQ(got.count(name), 1u) << name;
    ExpectClose(name, got.at(name), tensor);
  }
  EXPECT_GT(gradients, 10);
  for (const auto& [name, tensor] : whole) ExpectClose(name, parts.at(name), tensor);
}

constexpr CutOptions kSplit = {.split_weight = true}, kRecompute = {.recompute = true},
                     kBoth = {.split_weight = true, .recompute = true};

INSTANTIATE_TEST_SUITE_P(
    Cuts, CutStagesTest,
    testing::Values(Case{"one", {}, 1, 1, 1, {}}, Case{"one_split", {}, 1, 1, 2, kSplit},
                    Case{"two", {}, 2, 2, 2, {}}, Case{"two_split", {}, 2, 2, 2, kSplit},
                    Case{"two_recompute", {}, 2, 2, 1, kRecompute},
                    Case{"two_both", {}, 2, 2, 4, kBoth},
                    Case{"four_on_two", {.layers = 4}, 4, 2, 2, kSplit},
                    Case{"tied", {.layers = 3, .tied = true}, 3, 3, 2, kSplit},
                    Case{"tied_on_one", {.tied = true, .rope = true}, 2, 1, 2, kBoth},
                    Case{"no_clip", {.kv_heads = 2, .rope = true, .clip_norm = 0}, 2, 2, 2, {}},
                    Case{"moe", TinyMoe(), 2, 2, 2, kSplit},
                    Case{"moe_recompute", TinyMoe(), 2, 2, 2, kBoth}),
    [](const auto& info) { return info.param.name; });

// What the cut is for: a stage's programs read no other stage's parameters, and W has the weight products alone.
TEST(CutStagesTest, ProgramsHoldTheirPart) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph step, TinyTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const StageCut cut,
                              CutStages(Bound(step, 2), PatternsOf(2, 2), {.split_weight = true}));
  for (const std::string& name : cut.stages[0].parameters)
    EXPECT_TRUE(absl::StartsWith(name, "w") || absl::StartsWith(name, "h.0")) << name;
  EXPECT_EQ(cut.stages[0].activations_out.size(), 1u);
  EXPECT_EQ(cut.stages[0].activations_out, cut.stages[1].activations_in);
  EXPECT_EQ(cut.stages[1].gradients_out.size(), 1u);
  EXPECT_TRUE(cut.stages[1].activations_out.empty());
  const auto count = [](const Graph& program, const std::string& op) {
    int count = 0;
    for (const auto& node : program.nodes()) count += node.op() == op ? 1 : 0;
    return count;
  };
  // Six products a layer (q, k, v, proj, fc, proj) and the head; each has a gradient of its input and one of its weight.
  EXPECT_EQ(count(cut.stages[1].forward, "matmul"), 7);
  EXPECT_EQ(count(cut.stages[1].backward, "matmul"), 7);
  EXPECT_EQ(count(cut.stages[1].backward, "contract_leading"), 0);
  EXPECT_EQ(count(cut.stages[1].weight, "matmul"), 0);
  EXPECT_EQ(count(cut.stages[1].weight, "contract_leading"), 7);
  STRATA_ASSERT_OK_AND_ASSIGN(const StageCut again,
                              CutStages(Bound(step, 2), PatternsOf(2, 2), {.recompute = true}));
  EXPECT_LT(again.stages[1].backward_reads.size(), 2u);
}

TEST(CutStagesTest, ErrorsNameTheNode) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph step, TinyTrainingStep({}));
  EXPECT_THAT(CutStages(Bound(step, 2), {}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at least one")));
  EXPECT_THAT(CutStages(Bound(step, 2), {{"h.1", "ln_f", "lm_head"}, {"wte", "h.0"}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("h.1.ln_1")));
  EXPECT_THAT(CutStages(Bound(step, 2), {{"*"}, {"h.7"}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("stage 1; its patterns name no module: h.7")));
}

TEST(ModulePathTest, TakesTheModuleOut) {
  EXPECT_EQ(ModulePath("grad h.0.attn.q (llm/x.cc:3); h.1 (y.cc:4)"), "h.0.attn.q");
  EXPECT_EQ(ModulePath(""), "");
  EXPECT_EQ(FindStage({{"h.1"}, {"h.10", "h.?.mlp"}}, "h.10.attn"), 1);
  EXPECT_EQ(FindStage({{"h.1"}, {"h.10", "h.?.mlp"}}, "h.2.mlp.fc"), 1);
  EXPECT_EQ(FindStage({{"h.1"}, {"*.loss"}}, "gpt.loss"), 1);
  EXPECT_EQ(FindStage({{"h.1"}}, "h.12"), kNoStage);
}

}  // namespace
}  // namespace strata::distributed
