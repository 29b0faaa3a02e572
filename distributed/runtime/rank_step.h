// RankStep: one rank's training step. A graph, a plan and a way to the other ranks in; steps out.
//
//   STRATA_ASSIGN_OR_RETURN(auto trainer, RankStep::Create(step, plan, *collectives, {.engine = engine, .rows = 32}));
//   STRATA_RETURN_IF_ERROR(trainer->Load(initial));               // global tensors by name
//   STRATA_ASSIGN_OR_RETURN(Tensors outputs, trainer->Step(batch)); // the global batch, on every rank
//   outputs.at("loss");                                           // of the whole batch, on every rank
//
// All ranks call the same methods in the same order with the same arguments. Which parallelisms the plan combines is the
// plan's business: data, ZeRO, tensor, sequence, context, expert and pipeline, microbatches, recomputation.
#ifndef STRATA_DISTRIBUTED_RUNTIME_RANK_STEP_H_
#define STRATA_DISTRIBUTED_RUNTIME_RANK_STEP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/sharded_tensor.h"
#include "distributed/pipeline/microbatch_memory.h"
#include "distributed/pipeline/optimizer_runner.h"
#include "distributed/pipeline/pipeline_executor.h"
#include "distributed/runtime/rank_programs.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/tensor_memory.h"

namespace strata::distributed {

// What runs a rank's graphs, given its way to the others.
using RankEngine =
    std::function<absl::StatusOr<std::unique_ptr<graph::Evaluator>>(compiler::Collectives&)>;

struct RankStepOptions {
  RankEngine engine;
  int64_t rows = 0;  // of the global batch: what the symbol "B" stands for, microbatches together
  // From when Timeline counts; the same on all ranks whose lanes are to be laid side by side.
  std::chrono::steady_clock::time_point epoch = std::chrono::steady_clock::now();
};

class RankStep {
 public:
  using Options = RankStepOptions;

  // `world` outlives this; its Group() knows the axes of the plan's mesh. Errors as MakeRankPrograms, and
  // INVALID_ARGUMENT when the mesh is not of world.size() ranks.
  static absl::StatusOr<std::unique_ptr<RankStep>> Create(const graph::Graph& step,
                                                          const parallel::ParallelPlan& plan,
                                                          compiler::Collectives& world,
                                                          Options options);

  // Parameters and optimizer state kept on this rank, zero at first. The tensors are the rank's own memory: what is
  // written there is what the next step reads.
  const std::vector<ShardedTensor>& state() const { return state_; }

  // Copies this rank's pieces out of global tensors by name. INVALID_ARGUMENT names one that is missing or has other
  // dims.
  absl::Status Load(const Tensors& global);
  // The same of one tensor, for states that are too large to be there twice; nothing when this rank keeps no piece of it.
  absl::Status LoadTensor(const std::string& name, const graph::HostTensor& whole);

  // One step on the global batch: every DATA input by name, of `rows` rows where it has a batch. Returns the outputs that
  // every rank has whole, by name; not the updates. An empty `timeline` gets one lane "rank r", and in it the slots and
  // messages of a step in microbatches; of a step that is one program the engine knows what ran.
  absl::StatusOr<Tensors> Step(const Tensors& global_inputs, chips::Timeline* timeline = nullptr);

  // The step's outputs that this rank has in part, or that not all ranks of the pipeline have; of the last Step().
  const std::vector<ShardedTensor>& pieces() const { return pieces_; }

  const RankPrograms& programs() const { return programs_; }
  // What making the programs took: propagation, partition, cuts. Without memory for the state and the engine's work.
  double programs_seconds() const { return programs_seconds_; }
  const PipelineRun* last_run() const { return programs_.pipeline ? &run_ : nullptr; }

  // Bytes of tensors that this rank held at most since it was made: state, gradients, batch, activations, and what
  // programs make on their way (of engines that allocate HostTensors).
  int64_t peak_bytes() const { return memory_.peak(); }

 private:
  RankStep(RankPrograms programs, Options options)
      : programs_(std::move(programs)), options_(std::move(options)) {}

  absl::Status Allocate();
  absl::Status LoadPiece(size_t i, const graph::HostTensor& whole);
  absl::Status Connect(compiler::Collectives& world);
  // This rank's pieces of a microbatch's DATA inputs that its programs read.
  absl::StatusOr<Tensors> DataOf(const Tensors& global_inputs, int64_t microbatch) const;
  absl::Status RunWhole(const Tensors& global_inputs, Tensors* outputs);
  absl::Status RunPipeline(const Tensors& global_inputs, chips::Timeline* timeline,
                           Tensors* outputs);
  absl::Status ReduceSums();
  absl::Status CombineResults(Tensors* outputs);
  absl::Status Deliver(const std::string& output, const graph::HostTensor& tensor, bool everywhere,
                       Tensors* outputs);

  graph::TensorMemory memory_;
  RankPrograms programs_;
  double programs_seconds_ = 0;
  Options options_;
  std::vector<ShardedTensor> state_, pieces_;
  Tensors tensors_;  // state and sums by name, in the storage of state_
  std::unique_ptr<graph::Evaluator> evaluator_;
  std::unique_ptr<compiler::Collectives> alone_;  // peers where there is no pipeline axis
  compiler::Collectives* world_ = nullptr;
  compiler::Collectives* peers_ = nullptr;
  std::unique_ptr<PipelineExecutor> executor_;
  std::unique_ptr<OptimizerRunner> optimizer_;
  PipelineRun run_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_RANK_STEP_H_
