// Checkpoints of a training run:
//
//   OUTPUT/state/               what resuming needs, written by all ranks in the background, every byte checked when it
//                               is read, the newest three kept (distributed/checkpoint)
//   OUTPUT/checkpoint-000400/   the model in the end, for anybody: config.json, model.safetensors, tokenizer.json, as
//                               Hugging Face has them
//
// A folder appears under its name only when it is complete: a reader never sees half of one.
#ifndef STRATA_LLM_TRAIN_CHECKPOINT_H_
#define STRATA_LLM_TRAIN_CHECKPOINT_H_

#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/checkpointer.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "llm/train/trainer.h"

namespace strata::llm {

// OUTPUT/state, of all ranks: each makes the same calls.
class TrainingState {
 public:
  // FAILED_PRECONDITION when another run saves there. `ranks` must outlive it.
  static absl::StatusOr<std::unique_ptr<TrainingState>> Open(const std::string& output,
                                                             const parallel::ParallelPlan& plan,
                                                             compiler::Collectives& ranks);

  // Puts the trainer where the newest good checkpoint was, to the bit, whatever mesh wrote it; leaves it alone
  // when there is none. FAILED_PRECONDITION when that is of another recipe in what shapes the run, or of an older format;
  // DATA_LOSS when none that is there can be read.
  absl::Status Resume(Trainer* trainer);

  // Returns when the state is copied. An error of the save before may come with this one, or with Export().
  absl::Status Save(const Trainer& trainer);

  // Waits for the last save; of that one rank 0 writes OUTPUT/checkpoint-<step>. Returns its path. `tokenizer_json` is the
  // tokenizer's text. All ranks get rank 0's error.
  absl::StatusOr<std::string> Export(const Trainer& trainer, const std::string& tokenizer_json);

 private:
  TrainingState(std::string output, compiler::Collectives& ranks,
                std::unique_ptr<distributed::Checkpointer> saver)
      : output_(std::move(output)), ranks_(ranks), saver_(std::move(saver)) {}

  const std::string output_;
  compiler::Collectives& ranks_;
  const std::unique_ptr<distributed::Checkpointer> saver_;
};

// The folder in which TrainingState keeps its checkpoints, one a folder.
std::string StateFolder(const std::string& output);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_CHECKPOINT_H_
