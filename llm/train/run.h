// A whole training run: text, ranks, steps, checkpoints.
//
//   STRATA_ASSIGN_OR_RETURN(TrainingText text, PrepareText(recipe));
//   STRATA_ASSIGN_OR_RETURN(recipe, CompleteRecipe(recipe, text.tokenizer->vocab_size()));
//   STRATA_ASSIGN_OR_RETURN(RunResult result, RunTraining(recipe, text, {}));
#ifndef STRATA_LLM_TRAIN_RUN_H_
#define STRATA_LLM_TRAIN_RUN_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/train/trainer.h"

namespace strata::llm {

struct TrainingText {
  std::shared_ptr<const TextTokenizer> tokenizer;
  std::string tokenizer_json;
  std::vector<int32_t> tokens;
};

// Reads the corpus; reads or trains the tokenizer; encodes.
absl::StatusOr<TrainingText> PrepareText(const Recipe& recipe);

struct RunOptions {
  // A name of WorldRegistry(). "thread": recipe.ranks threads here; "mpi", "tcp", "shm": this process is one rank.
  std::string transport = "thread";
  std::string collectives = "ring";
  bool resume = true;        // from the newest good state under recipe.output, when there is one
  bool progress = true;      // the live line on standard error
  double peak_flops = 0;     // of the machine, for MFU
  int64_t stop_after = 0;    // end early after this many steps in all; 0: recipe.steps
  int64_t profile_step = 0;  // record the timeline of this step (from 1); 0: none
  std::string cache_dir;     // of compiled kernels
  // From when timelines count, the same for all ranks of this process.
  std::chrono::steady_clock::time_point epoch = std::chrono::steady_clock::now();
  std::function<void(const StepResult&, const Trainer&)> on_step;  // rank 0, after each step
};

struct RunResult {
  std::vector<StepResult> steps;  // those done in this run
  std::string checkpoint;         // folder of the model at the end; empty without recipe.output
  std::vector<chips::Timeline> timelines;  // of profile_step, one a local rank
  graph::Graph graph;  // rank 0's training step, or the first program of its stages
  plan::Plan plan;     // and its plan
};

// `recipe` is complete. The result is the first local rank's.
absl::StatusOr<RunResult> RunTraining(const Recipe& recipe, const TrainingText& text,
                                      const RunOptions& options);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_RUN_H_
