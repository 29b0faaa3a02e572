// PipelineExecutor: one rank of a pipeline, any schedule. It does what the schedule says, in its order, and knows no
// schedule by name.
//
//   PipelineExecutor executor(schedule, communication, std::move(programs), evaluator, pipeline_group);
//   STRATA_ASSIGN_OR_RETURN(PipelineRun run, executor.Run(data, &state));
//
// A slot runs a program of a stage (cut_stages.h) for a microbatch: its inputs are the microbatch's data, this rank's
// parameters and gradient sums, and what the microbatch has left in memory. A BACKWARD slot runs backward and weight one
// after the other. Activations and gradients go between ranks as the schedule's messages say, one Send and Recv a value.
#ifndef STRATA_DISTRIBUTED_PIPELINE_PIPELINE_EXECUTOR_H_
#define STRATA_DISTRIBUTED_PIPELINE_PIPELINE_EXECUTOR_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "distributed/pipeline/cut_stages.h"
#include "distributed/pipeline/microbatch_memory.h"
#include "distributed/schedule/messages.h"
#include "distributed/schedule/schedule.h"
#include "framework/graph/evaluator.h"

namespace strata::distributed {

// A rank's part of a cut step, with the shapes that it has on this rank.
struct RankStages {
  std::map<int, StagePrograms> stages;  // by chunk of the schedule: those that the rank holds
  std::map<std::string, graph::Value> crossing;  // as StageCut.crossing
};

struct PipelineRun {
  std::vector<schedule::Slot> executed;
  std::vector<Tensors> results;  // by microbatch: the step's outputs that this rank's stages make
  int peak_passes = 0;           // microbatches on chunks that were forwarded and not finished
  int64_t peak_activation_bytes = 0;  // kept between slots
  int64_t sent_bytes = 0;
};

class PipelineExecutor {
 public:
  // `peers` are the ranks of the pipeline in order; it and `evaluator` outlive this.
  PipelineExecutor(schedule::Schedule schedule, schedule::Communication communication,
                   RankStages stages, graph::Evaluator& evaluator, compiler::Collectives& peers);

  // One entry of `data` a microbatch: the DATA inputs by name. `state` holds parameters, state and sums by name; sums
  // are added to. `timeline`, if given, gets an event a slot and a message, on lane 0; time counts from `epoch`.
  // Errors say which slot failed.
  absl::StatusOr<PipelineRun> Run(absl::Span<const Tensors> data, const Tensors& state,
                                  chips::Timeline* timeline = nullptr,
                                  std::chrono::steady_clock::time_point epoch = {});

 private:
  struct Event {
    std::string name;
    const char* category;
    double bytes;
  };

  const StagePrograms& StageOf(int chunk) const;
  absl::Status RunSlot(const schedule::Slot& slot);
  absl::Status RunProgram(const graph::Graph& program, const schedule::Slot& slot);
  absl::StatusOr<graph::HostTensor> Find(const std::string& name, const schedule::Slot& slot) const;
  absl::Status TakeResults(const schedule::Slot& slot);
  absl::Status HandOver(int from_chunk, int to_chunk, int microbatch, const ValueNames& names);
  void Forget(const schedule::Slot& slot);
  absl::StatusOr<int64_t> Send(const schedule::Message& message);
  absl::StatusOr<int64_t> Receive(const schedule::Message& message);
  absl::StatusOr<Event> Act(const schedule::Action& action);

  const schedule::Schedule schedule_;
  const schedule::Communication communication_;
  const RankStages stages_;
  graph::Evaluator& evaluator_;
  compiler::Collectives& peers_;
  std::set<std::pair<int, int>> here_;  // chunks and microbatches of this rank's slots
  // Of the run that is going on.
  absl::Span<const Tensors> data_;
  const Tensors* state_ = nullptr;
  MicrobatchMemory memory_;
  std::map<std::pair<int, int>, std::set<std::string>> unsent_;  // by chunk and microbatch
  PipelineRun run_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_PIPELINE_EXECUTOR_H_
