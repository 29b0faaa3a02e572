// What the rungs of the ladder are made of: a small model, the load, and an engine for each rung.
#ifndef STRATA_COURSES_LLM_SERVING_LADDER_RUNGS_H_
#define STRATA_COURSES_LLM_SERVING_LADDER_RUNGS_H_

#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "courses/llm/serving_ladder/ladder.h"
#include "inference/engine/engine.h"

namespace strata::courses {

inline constexpr int64_t kLadderContext = 256;  // tokens of a sequence

// Ids without text: what is served does not matter here, only how.
class IdTokenizer : public inference::Tokenizer {
 public:
  explicit IdTokenizer(int vocabulary) : vocabulary_(vocabulary) {}
  std::vector<int32_t> Encode(absl::string_view) const override { return {}; }
  std::vector<int32_t> EncodeOrdinary(absl::string_view) const override { return {}; }
  std::string Decode(absl::Span<const int32_t> ids) const override;
  std::string TokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view) const override { return std::nullopt; }
  int vocab_size() const override { return vocabulary_; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return std::nullopt; }
  bool IsSpecial(int32_t) const override { return false; }

 private:
  const int vocabulary_;
};

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> LadderModel(
    const LadderOptions& options);

struct RungPlan {
  std::string name;
  std::string idea;
  inference::EngineOptions engine;
  bool recompute = false;  // the naive rung: one token a request, the text given again
};
std::vector<RungPlan> RungPlans();

// Gives requests to the engine and keeps their answers, by prompt.
class LadderTarget : public inference::LoadTarget {
 public:
  LadderTarget(inference::Engine* engine, bool recompute)
      : engine_(engine), recompute_(recompute) {}
  inference::RequestTiming Send(const inference::LoadRequest& request,
                                const inference::LoadClock& clock) override;

  const std::vector<int32_t>& AnswerTo(const std::vector<int32_t>& prompt) {
    return answers_[prompt];
  }

 private:
  absl::StatusOr<std::vector<int32_t>> Generate(const inference::LoadRequest& request,
                                                const inference::LoadClock& clock,
                                                inference::StreamTimer* timer);

  inference::Engine* const engine_;
  const bool recompute_;
  std::mutex turn_;  // of the naive rung: one request at a time
  std::mutex mutex_;
  std::map<std::vector<int32_t>, std::vector<int32_t>> answers_;
};

// Keeps an engine from stepping until `requests` wait for it: a request of its own holds the engine's thread when it ends.
class EngineHold {
 public:
  static absl::StatusOr<std::unique_ptr<EngineHold>> Begin(inference::Engine* engine,
                                                           int64_t requests);
  ~EngineHold();
  // Lets go as soon as they wait, and after ten seconds in any case.
  void ReleaseWhenAllWait();

 private:
  EngineHold(inference::Engine* engine, int64_t requests) : engine_(engine), requests_(requests) {}

  inference::Engine* const engine_;
  const int64_t requests_;
  std::promise<void> release_;
  std::thread watcher_;
};

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_SERVING_LADDER_RUNGS_H_
