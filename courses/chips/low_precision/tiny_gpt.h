// A GPT of a few ten thousand parameters that learns to spell a made-up language: small enough to be trained by an
// interpreter that rounds every operand, many times from the same start.
//
//   STRATA_ASSIGN_OR_RETURN(TrainingRun run, TrainTinyGpt({.steps = 200}, evaluator));
//   run.losses.back();
#ifndef STRATA_COURSES_CHIPS_LOW_PRECISION_TINY_GPT_H_
#define STRATA_COURSES_CHIPS_LOW_PRECISION_TINY_GPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/compiler/pass_ablation/models.h"
#include "framework/graph/evaluator.h"

namespace strata::courses {

// Sentences such as "the small cat sees a red house." of a fixed grammar, the same every time. Letters, space, full stop.
std::string MadeUpText(size_t characters);
inline constexpr int64_t kVocabulary = 28;

// How the weights are kept between steps.
enum class WeightStorage {
  kF32,
  kBf16Nearest,     // rounded after each update, no copy in f32
  kBf16Stochastic,  // likewise, stochastically
};

struct TinyGptOptions {
  GptSizes sizes = {
      .batch = 4, .tokens = 32, .vocabulary = kVocabulary, .width = 32, .heads = 2, .layers = 2};
  int64_t steps = 200;
  double learning_rate = 3e-3;  // after a tenth of the steps; from there falling to a tenth of it
  WeightStorage weights = WeightStorage::kF32;
  uint64_t seed = 1;
};

struct TrainingRun {
  std::vector<double> losses;     // [steps], nats a character
  std::vector<float> gradient;    // of all parameters at the first step, clipped to norm 1
  std::vector<double> unchanged;  // [steps], the share of weights that the step left as they were
  double Tail() const;            // mean of the last tenth of the losses
};

// Every run starts from the same weights, which are values of bf16, and sees the same batches.
absl::StatusOr<TrainingRun> TrainTinyGpt(const TinyGptOptions& options,
                                         graph::Evaluator& evaluator);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_LOW_PRECISION_TINY_GPT_H_
