// From text to served text: a tokenizer is learned, a small decoder trained, its folder converted to GGUF files of several
// number formats, each measured on texts it has not seen, and one served over HTTP.
//
//   STRATA_ASSIGN_OR_RETURN(const Pipeline run, RunPipeline({.folder = "out"}));
//   for (const Claim& claim : ClaimsOf(run)) ...
#ifndef STRATA_COURSES_LLM_TRAIN_TO_SERVE_PIPELINE_H_
#define STRATA_COURSES_LLM_TRAIN_TO_SERVE_PIPELINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/lab/claims.h"
#include "courses/llm/train_to_serve/ask.h"
#include "llm/convert/convert.h"
#include "llm/train/progress.h"

namespace strata::courses {

struct PipelineOptions {
  std::string
      folder;  // for the corpus, checkpoints and GGUF files; what an earlier run left there is removed
  int64_t stories = 4000;
  int64_t held_out = 64;  // stories
  int64_t vocabulary = 384;
  int64_t layers = 2;
  int64_t width = 128;  // a multiple of 128: heads of 32, whole blocks
  int64_t batch = 16;
  int64_t sequence = 128;
  int64_t steps = 300;
  double learning_rate = 4e-3;
  uint64_t seed = 1;
  // "f32" first: the others are compared with it.
  std::vector<std::string> formats = {"f32", "bf16", "q8_0", "q5_0", "q4_1", "q4_0", "iq4_nl"};
  std::string served = "q8_0";  // one of them
};

// The model in one of the formats.
struct FormatRun {
  std::string format;
  llm::ConvertSummary file = {};
  int64_t file_bytes = 0;
  double loaded_bytes = 0;    // of the engine's weights
  double nats_per_token = 0;  // of held-out stories
  double divergence = 0;      // from f32's predictions, nats a token
  bool same_tokens =
      false;  // the file's tokenizer encodes held-out text, and ends texts, as the folder's
};

struct Pipeline {
  PipelineOptions options;
  std::string checkpoint;  // the trained folder
  int64_t vocabulary = 0, parameters = 0;
  int64_t training_tokens = 0, held_out_tokens = 0;
  double unigram_entropy = 0, bigram_entropy = 0;  // of the training text, nats a token
  double source_bits = 0;  // of the held-out stories, by the grammar that wrote them
  std::vector<llm::StepResult> steps;
  std::vector<FormatRun> formats;
  double logit_variance = 0;  // of f32's predictions: HeldOut::logit_variance
  // Folder -> GGUF -> folder: tensors, and those of other bytes or names.
  int64_t round_trip_tensors = 0, round_trip_changed = 0;
  std::vector<Answer> answers;  // of the served format
};

// INVALID_ARGUMENT for options that do not fit together.
absl::StatusOr<Pipeline> RunPipeline(const PipelineOptions& options);

std::vector<Claim> ClaimsOf(const Pipeline& run);

// How far the format's nats a token may be from f32's by rounding alone: see claims.cc.
double RoundingBound(const Pipeline& run, const FormatRun& format);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_TRAIN_TO_SERVE_PIPELINE_H_
