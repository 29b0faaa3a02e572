// Checkpoints: a folder that is also a Hugging Face model.
//
//   OUTPUT/checkpoint-000400/config.json, model.safetensors, tokenizer.json      the model, for anybody
//                            optimizer.safetensors, trainer.textproto            what resuming needs
//
// A folder is written under another name and renamed when complete: a reader never sees half of one.
#ifndef STRATA_LLM_TRAIN_CHECKPOINT_H_
#define STRATA_LLM_TRAIN_CHECKPOINT_H_

#include <string>

#include "base/status.h"
#include "llm/train/trainer.h"

namespace strata::llm {

// Writes OUTPUT/checkpoint-<step>; returns its path. `tokenizer_json` is the tokenizer's text.
absl::StatusOr<std::string> SaveCheckpoint(const Trainer& trainer,
                                           const std::string& tokenizer_json,
                                           const std::string& output);

// Puts the trainer where the checkpoint was. INVALID_ARGUMENT when its recipe differs in what shapes the run.
absl::Status LoadCheckpoint(const std::string& folder, Trainer* trainer);

// The checkpoint of the most steps under `output`; NOT_FOUND when there is none.
absl::StatusOr<std::string> LatestCheckpoint(const std::string& output);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_CHECKPOINT_H_
