// Trains a small decoder on the recall task, by llm/train's step.
//
//   STRATA_ASSIGN_OR_RETURN(const RecallModel model, TrainRecall({.window = 8, .steps = 200}));
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TRAINING_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TRAINING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "inference/engine/decoder_model.h"

namespace strata::courses {

struct RecallTraining {
  int64_t window = 0;  // a token sees so many, itself included; 0: all
  int64_t steps = 200;
  uint64_t seed = 1;
};

struct RecallModel {
  std::shared_ptr<const inference::DecoderModel> model;
  int64_t layers = 0;
  int64_t window = 0;
  std::vector<double> losses;  // of each step, nats

  // How many tokens back a window lets anything through: window - 1 a layer.
  int64_t Reach() const { return layers * (window - 1); }
};

// Keys stand anywhere in [0, kLatestKey].
absl::StatusOr<RecallModel> TrainRecall(const RecallTraining& options);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_TRAINING_H_
