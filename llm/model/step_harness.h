// StepHarness: runs a model's steps over sequences of a test, as the engine would: slots from a pool in any order, each
// sequence a view, padding rows at the end.
//
//   StepHarness harness(model, evaluator, {.kv = inference::KvFormat::kF32});
//   auto logits = harness.Step({{0, 5}, {0, 7}, {1, 3}});      // rows (sequence, token); a vector of V logits for each
#ifndef STRATA_LLM_MODEL_STEP_HARNESS_H_
#define STRATA_LLM_MODEL_STEP_HARNESS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/evaluator.h"
#include "inference/engine/decoder_model.h"

namespace strata::llm {

struct StepHarnessOptions {
  inference::KvFormat kv = inference::KvFormat::kF32;
  int64_t slots = 128;
  uint64_t shuffle = 0;  // seed of the order in which slots are taken; 0: one after another
  int64_t padding = 0;   // rows of length 0 behind each step
  int64_t views =
      0;  // lists of slots a step has, at least; and how long they are: equal shapes make equal plans
  int64_t view_length = 0;
};

class StepHarness {
 public:
  struct Row {
    size_t sequence;
    int32_t token;
    bool logits = true;  // wanted
  };

  // Both must outlive the harness.
  StepHarness(const inference::DecoderModel& model, graph::Evaluator& evaluator,
              const StepHarnessOptions& options);

  // Appends the tokens to their sequences in one step, rows that want logits first. Gives a vector for each of those.
  absl::StatusOr<std::vector<std::vector<float>>> Step(const std::vector<Row>& rows);

 private:
  absl::StatusOr<std::vector<graph::HostTensor>> Bind(
      const graph::Graph& graph, const std::map<std::string, graph::HostTensor>& data);

  const inference::DecoderModel& model_;
  graph::Evaluator& evaluator_;
  StepHarnessOptions options_;
  std::vector<int32_t> free_;                         // slots, the next one last
  std::map<size_t, std::vector<int32_t>> sequences_;  // slots in the order of the text
  std::map<std::string, graph::HostTensor> states_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_STEP_HARNESS_H_
