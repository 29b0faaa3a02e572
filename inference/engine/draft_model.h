// DraftModel: guesses with a smaller model. It keeps keys and values of its own for each text, and draws with the numbers
// that the answer itself will be drawn with, so that where the two models agree the guess is right at any temperature.
#ifndef STRATA_INFERENCE_ENGINE_DRAFT_MODEL_H_
#define STRATA_INFERENCE_ENGINE_DRAFT_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "inference/engine/decoder_model.h"
#include "inference/engine/kv_cache.h"
#include "inference/engine/speculator.h"
#include "inference/engine/step_runner.h"

namespace strata::inference {

struct DraftModelOptions {
  int64_t pages = 0;
  int64_t page_size = 16;
  int64_t vocabulary = 0;
  // Paths of a tree: the first goes to the full depth, the others are the next best first tokens.
  int64_t width = 1;
  bool draws =
      false;  // candidates are drawn by numbers of their own, for the rejection rule; width is 1
};

class DraftModel : public Speculator {
 public:
  // A text needs one of the runner's views while it goes on; texts beyond their number get no guesses. `model` is only
  // kept alive.
  DraftModel(std::shared_ptr<const DecoderModel> model, std::unique_ptr<StepRunner> runner,
             const DraftModelOptions& options);

  absl::StatusOr<std::vector<CandidateTree>> Propose(absl::Span<const Ask> asks) override;
  void Forget(int64_t sequence) override;

 private:
  struct Text {
    std::vector<int32_t> tokens;  // whose keys and values are in the pages
    PageList pages;
    int64_t view = -1;
  };
  // One Ask on its way.
  struct Guess {
    const Ask* ask = nullptr;
    Text* text = nullptr;
    std::vector<int32_t> tokens;  // the known text and the path so far
    Sampler sampler;
    CandidateTree tree;
    std::vector<int32_t> aside;  // other first tokens
    bool done = false;
  };

  Text* TextOf(int64_t sequence);
  void Rewind(Text* text, absl::Span<const int32_t> tokens);
  bool AddRows(Guess* guess, std::vector<StepRow>* rows, int64_t room);
  absl::StatusOr<int32_t> NextToken(Guess* guess, absl::Span<const float> logits) const;
  absl::Status Extend(Guess* guess, absl::Span<const float> logits);
  absl::StatusOr<bool> Round(std::vector<Guess>* guesses);

  const std::shared_ptr<const DecoderModel> model_;
  const std::unique_ptr<StepRunner> runner_;
  const DraftModelOptions options_;
  KvCache kv_;
  std::map<int64_t, Text> texts_;  // by sequence
  std::vector<int64_t> free_views_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_DRAFT_MODEL_H_
