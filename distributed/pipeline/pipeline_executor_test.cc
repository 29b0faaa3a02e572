// Every schedule, on threads, is the uncut step on one device: loss, all gradients, all updates. And it is executed in
// the order that it says, with the activations that it promises.
#include "distributed/pipeline/pipeline_executor.h"

#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/pipeline/cut_optimizer.h"
#include "distributed/pipeline/optimizer_runner.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/schedules.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::HostTensor;

constexpr int64_t kMicrobatchRows = 1;

HostTensor RowsOf(const HostTensor& tensor, int64_t begin, int64_t count) {
  std::vector<int64_t> dims = tensor.dims();
  dims[0] = count;
  HostTensor rows = HostTensor::Allocate(tensor.dtype(), dims);
  const size_t row = tensor.size_bytes() / static_cast<size_t>(tensor.dims()[0]);
  std::memcpy(rows.raw(), tensor.data<char>() + row * static_cast<size_t>(begin),
              rows.size_bytes());
  return rows;
}

StagePatterns OneLayerAStage(int64_t layers) {
  StagePatterns patterns;
  for (int64_t layer = 0; layer < layers; ++layer)
    patterns.push_back({"h." + std::to_string(layer)});
  for (const char* name : {"wte", "wpe"}) patterns.front().push_back(name);
  for (const char* name : {"ln_f", "lm_head", "loss"}) patterns.back().push_back(name);
  return patterns;
}

// What all ranks know.
struct Job {
  Graph step;  // of one microbatch
  Tensors state, batch;
  schedule::Schedule schedule;
  schedule::Communication communication;
  StageCut cut;
  OptimizerCut optimizer;
};

// What a rank gives back.
struct Outcome {
  PipelineRun run;
  Tensors state, outputs;
  chips::Timeline timeline;
};

absl::StatusOr<Job> MakeJob(const std::string& name, const schedule::ScheduleShape& shape,
                            bool tied) {
  Job job;
  STRATA_ASSIGN_OR_RETURN(job.schedule, schedule::MakeSchedule(name, shape));
  STRATA_ASSIGN_OR_RETURN(job.communication, schedule::CommunicationOf(job.schedule));
  const TinyModel model = {.layers = job.schedule.chunks,
                           .width = 16,
                           .heads = 2,
                           .kv_heads = 2,
                           .hidden = 16,
                           .vocab = 16,
                           .sequence = 4,
                           .tied = tied,
                           .gradient_outputs = true};
  STRATA_ASSIGN_OR_RETURN(const Graph step, TinyTrainingStep(model));
  STRATA_ASSIGN_OR_RETURN(job.step, graph::BindSymbols(step, {{"B", kMicrobatchRows}}));
  job.state = TinyState(step, 1);
  job.batch = TinyBatch(step, shape.microbatches * kMicrobatchRows, 1);
  bool split = false;
  for (const auto& slots : job.schedule.slots)
    for (const schedule::Slot& slot : slots) split |= slot.kind == schedule::SlotKind::kWeight;
  STRATA_ASSIGN_OR_RETURN(
      job.cut, CutStages(job.step, OneLayerAStage(job.schedule.chunks), {.split_weight = split}));
  std::vector<std::set<int>> placement;
  for (const std::vector<int>& ranks : schedule::HoldersOf(job.schedule))
    placement.emplace_back(ranks.begin(), ranks.end());
  STRATA_ASSIGN_OR_RETURN(
      job.optimizer, CutOptimizer(job.step, job.cut, placement, shape.ranks, shape.microbatches));
  return job;
}

absl::StatusOr<Outcome> RunRank(const Job& job, compiler::Collectives& peers) {
  const auto rank = static_cast<size_t>(peers.rank());
  Outcome outcome;
  for (const std::string& name : job.optimizer.ranks[rank].holds)
    outcome.state[name] = job.state.at(name).Clone();
  for (const auto& [parameter, holders] : job.optimizer.holders) {
    if (holders.count(peers.rank()) > 0) {
      outcome.state[GradientSumName(parameter)] =
          HostTensor::Zeros(chips::F32, job.state.at(parameter).dims());
    }
  }
  RankStages stages = {{}, job.cut.crossing};
  for (const schedule::Slot& slot : job.schedule.slots[rank])
    stages.stages[slot.chunk] = job.cut.stages[static_cast<size_t>(slot.chunk)];
  std::vector<Tensors> data(static_cast<size_t>(job.schedule.microbatches));
  Tensors scalars;
  for (const auto& [name, tensor] : job.batch) {
    if (tensor.rank() == 0) scalars[name] = tensor;
    for (size_t i = 0; i < data.size() && tensor.rank() > 0; ++i)
      data[i][name] = RowsOf(tensor, static_cast<int64_t>(i) * kMicrobatchRows, kMicrobatchRows);
  }
  graph::Interpreter interpreter;
  PipelineExecutor executor(job.schedule, job.communication, stages, interpreter, peers);
  outcome.timeline.set_version(chips::kTimelineVersion);
  outcome.timeline.set_name("pipeline");
  outcome.timeline.set_source(chips::MEASURED);
  outcome.timeline.add_lanes("rank");
  STRATA_ASSIGN_OR_RETURN(outcome.run, executor.Run(data, outcome.state, &outcome.timeline));
  OptimizerRunner runner(job.optimizer, interpreter, peers);
  STRATA_ASSIGN_OR_RETURN(outcome.outputs, runner.Run(scalars, outcome.state));
  return outcome;
}

// One rank an outcome, on threads.
absl::StatusOr<std::vector<Outcome>> RunJob(const Job& job) {
  std::vector<Outcome> outcomes(static_cast<size_t>(job.schedule.ranks));
  STRATA_RETURN_IF_ERROR(
      RunThreadRanks(job.schedule.ranks, [&](Transport& transport) -> absl::Status {
        AlgorithmCollectives peers(transport, {.algorithm = "ring"});
        STRATA_ASSIGN_OR_RETURN(outcomes[static_cast<size_t>(transport.rank())],
                                RunRank(job, peers));
        return absl::OkStatus();
      }));
  return outcomes;
}

// The mean over microbatches of one device's outputs; `state` becomes that after the update.
absl::StatusOr<Tensors> OneDevice(const Job& job, Tensors* state) {
  STRATA_ASSIGN_OR_RETURN(const Graph symbolic,
                          TinyTrainingStep({.layers = job.schedule.chunks,
                                            .width = 16,
                                            .heads = 2,
                                            .kv_heads = 2,
                                            .hidden = 16,
                                            .vocab = 16,
                                            .sequence = 4,
                                            .tied = job.state.count("lm_head.weight") == 0,
                                            .gradient_outputs = true}));
  for (const auto& [name, tensor] : job.state) (*state)[name] = tensor.Clone();
  graph::Interpreter interpreter;
  Tensors outputs = job.batch;
  STRATA_RETURN_IF_ERROR(RunByName(symbolic, *state, interpreter, &outputs));
  return outputs;
}

void ExpectClose(const std::string& name, const HostTensor& got, const HostTensor& want) {
  ASSERT_EQ(got.dims(), want.dims()) << name;
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  double largest = 0;
  for (double x : b) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-5 * largest + 1e-9) << name << "[" << i << "]";
}

struct Case {
  std::string name;
  schedule::ScheduleShape shape;
  bool tied;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const std::string& name : schedule::ScheduleNames()) {
    cases.push_back({name, {.ranks = 2, .microbatches = 4}, true});
    cases.push_back({name, {.ranks = 4, .microbatches = 8}, false});
  }
  return cases;
}

void CheckEqualsOneDevice(const Job& job, const std::vector<Outcome>& outcomes) {
  Tensors state;
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, OneDevice(job, &state));
  double loss = 0;
  std::set<std::string> gradients, updated;
  for (const Outcome& outcome : outcomes) {
    for (const Tensors& results : outcome.run.results)
      for (const auto& [name, tensor] : results)
        loss += tensor.ToDoubles()[0] / job.schedule.microbatches;
    for (const auto& [name, tensor] : outcome.outputs) {
      gradients.insert(name);
      ExpectClose(name, tensor, want.at(name));
    }
    for (const auto& [name, tensor] : outcome.state) {
      if (state.count(name) == 0) continue;  // a sum
      updated.insert(name);
      ExpectClose(name, tensor, state.at(name));
    }
  }
  EXPECT_NEAR(loss, want.at("loss").ToDoubles()[0], 1e-5);
  for (const auto& [name, tensor] : state) EXPECT_EQ(updated.count(name), 1u) << name;
  EXPECT_EQ(gradients.size() * 3, state.size()) << "a parameter has a gradient and two moments";
}

void CheckRanAsItSays(const Job& job, const std::vector<Outcome>& outcomes) {
  const std::vector<double> peaks = schedule::PeakActivations(job.schedule);
  int64_t sent = 0;
  for (size_t rank = 0; rank < outcomes.size(); ++rank) {
    EXPECT_EQ(outcomes[rank].run.executed, job.schedule.slots[rank]);
    EXPECT_EQ(outcomes[rank].run.peak_passes, peaks[rank]);
    EXPECT_OK(chips::ValidateTimeline(outcomes[rank].timeline));
    EXPECT_EQ(outcomes[rank].timeline.events_size(),
              static_cast<int>(job.communication.actions[rank].size()));
    sent += outcomes[rank].run.sent_bytes;
  }
  // An activation or a gradient a message: 4 tokens of width 16 in f32.
  EXPECT_EQ(sent, static_cast<int64_t>(job.communication.messages.size()) * 4 * 16 * 4);
}

// Ranks that hold the same parameter end with the same bits.
void CheckHoldersAgree(const std::vector<Outcome>& outcomes) {
  std::map<std::string, std::vector<double>> seen;
  for (const Outcome& outcome : outcomes) {
    for (const auto& [name, tensor] : outcome.state) {
      const auto [it, fresh] = seen.emplace(name, tensor.ToDoubles());
      EXPECT_TRUE(fresh || it->second == tensor.ToDoubles()) << name;
    }
  }
}

class SchedulesTest : public testing::TestWithParam<Case> {};

TEST_P(SchedulesTest, EqualsOneDeviceAndRunsAsItSays) {
  const Case& c = GetParam();
  STRATA_ASSERT_OK_AND_ASSIGN(const Job job, MakeJob(c.name, c.shape, c.tied));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<Outcome> outcomes, RunJob(job));
  CheckEqualsOneDevice(job, outcomes);
  CheckRanAsItSays(job, outcomes);
  CheckHoldersAgree(outcomes);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulesTest, testing::ValuesIn(Cases()), [](const auto& info) {
  return info.param.name + "_" + std::to_string(info.param.shape.ranks);
});

TEST(PipelineExecutorTest, ErrorsNameTheSlot) {
  STRATA_ASSERT_OK_AND_ASSIGN(Job job, MakeJob("1f1b", {.ranks = 2, .microbatches = 4}, true));
  job.batch.erase("targets");
  EXPECT_THAT(RunJob(job),
              StatusIs(absl::StatusCode::kNotFound,
                       testing::HasSubstr("FORWARD of microbatch 0, chunk 1: 'targets'")));
}

}  // namespace
}  // namespace strata::distributed
