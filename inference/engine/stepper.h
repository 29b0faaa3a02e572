// Stepper: runs a model's step graphs over one sequence's KV cache. Compiles one plan for each of a few chunk sizes; a
// prompt is cut into such chunks, so no step is padded.
#ifndef STRATA_INFERENCE_ENGINE_STEPPER_H_
#define STRATA_INFERENCE_ENGINE_STEPPER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/driver/compiled_evaluator.h"
#include "inference/engine/decoder_model.h"

namespace strata::inference {

// The state of one sequence: its caches by input name, and how many tokens they hold.
struct SequenceState {
  std::map<std::string, graph::HostTensor> caches;
  int64_t length = 0;
};

class Stepper {
 public:
  // `model` must outlive the stepper.
  static absl::StatusOr<std::unique_ptr<Stepper>> Create(
      const DecoderModel* model, compiler::CompiledEvaluator::Options options,
      int64_t cache_length);

  absl::StatusOr<SequenceState> NewSequence();

  // The largest chunk that fits `left` tokens of prompt: 128, 16 or 1.
  static int64_t ChunkSize(int64_t left);

  // Appends tokens (a chunk size of them) to the sequence; the logits [V] of the last. Not thread-safe.
  absl::StatusOr<graph::HostTensor> Step(absl::Span<const int32_t> tokens, SequenceState* state);

  int64_t cache_length() const { return cache_length_; }

 private:
  struct Program {
    graph::Graph graph;
    compiler::CompiledEvaluator::Loaded* loaded = nullptr;  // owned by evaluator_
  };
  Stepper(const DecoderModel* model, int64_t cache_length)
      : model_(model), cache_length_(cache_length) {}
  absl::StatusOr<Program*> ProgramFor(int64_t tokens);

  const DecoderModel* model_;
  int64_t cache_length_;
  std::unique_ptr<compiler::CompiledEvaluator> evaluator_;
  std::map<int64_t, Program> programs_;  // by chunk size
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_STEPPER_H_
