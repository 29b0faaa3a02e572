// FakeEngine: an Engine for tests of the server. Its answers follow from the request alone; it can be held at a token
// and asked whether a generation was aborted, so that tests need no sleeps.
//
//   auto engine = std::make_shared<FakeEngine>(/*context=*/256);
//   engine->HoldAfter(2);                       // each generation stops after two tokens ...
//   ... start a request in another thread ...
//   engine->WaitUntilHeld(1);
//   engine->Release();                          // ... and goes on
#ifndef STRATA_INFERENCE_SERVER_FAKE_ENGINE_H_
#define STRATA_INFERENCE_SERVER_FAKE_ENGINE_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "inference/engine/engine.h"

namespace strata::inference {

// Bytes are ids 0..255; then "<|endoftext|>" (bos and eos), "<|im_start|>", "<|im_end|>".
class FakeTokenizer : public Tokenizer {
 public:
  static constexpr int32_t kEnd = 256, kTurnStart = 257, kTurnEnd = 258;

  // `chat`: has the two marks of the chatml template, and then `more` special tokens.
  explicit FakeTokenizer(bool chat = true, std::vector<std::string> more = {});
  std::vector<int32_t> Encode(absl::string_view text) const override;
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override;
  std::string Decode(absl::Span<const int32_t> ids) const override;
  std::string TokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view bytes) const override;
  int vocab_size() const override { return kEnd + static_cast<int>(specials_.size()); }
  std::optional<int32_t> bos() const override { return kEnd; }
  std::optional<int32_t> eos() const override { return kEnd; }
  bool IsSpecial(int32_t id) const override { return id >= kEnd && id < vocab_size(); }

 private:
  std::vector<std::string> specials_;  // from kEnd on
};

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(int64_t context = 256, bool chat_tokens = true,
                      std::vector<std::string> more_specials = {});
  // Waits for what still runs.
  ~FakeEngine() override;

  // The answer to every request from now on; without it, one made of characters of several bytes and the length of
  // the prompt. Ends with kStop; with ignore_eos it is repeated up to max_tokens.
  void SetAnswer(std::vector<int32_t> tokens);
  // Generate() fails with `error` after that many tokens.
  void FailAfter(int tokens, absl::Status error);

  // Generations wait after so many tokens (0: before the first).
  void HoldAfter(int tokens);
  void WaitUntilHeld(int count);
  void Release();

  void WaitUntilAborted(int count);
  std::vector<GenerateRequest> requests() const;  // so far

  // Time between tokens, for what measures; 0 at first.
  void SetStep(std::chrono::microseconds step);
  // What stats() says beside the counts of requests.
  void SetStats(const EngineStats& stats);

  absl::StatusOr<Generation> Generate(const GenerateRequest& request,
                                      const OnToken& on_token) override;
  // A thread a request; its n answers come one after another.
  absl::StatusOr<int64_t> Submit(const GenerateRequest& request, OnToken on_token,
                                 OnDone on_done) override;
  void Cancel(int64_t request) override;
  EngineStats stats() const override;
  const DecoderModel& model() const override { return *model_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  int64_t context() const override { return context_; }

 private:
  std::vector<int32_t> Answer(const GenerateRequest& request) const;
  absl::Status Take(const GenerateRequest& request);
  absl::StatusOr<Generation> RunOne(const GenerateRequest& request, int64_t choice, int64_t id,
                                    const OnToken& on_token);
  absl::StatusOr<Generation> Run(const GenerateRequest& request, int64_t choice, int64_t id,
                                 const OnToken& on_token);
  // Waits where tokens are held. False when the request was cancelled.
  bool HoldAt(int token, int64_t id);

  const int64_t context_;
  const FakeTokenizer tokenizer_;
  const std::unique_ptr<DecoderModel> model_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int32_t> answer_;
  int hold_after_ = -1, held_ = 0, fail_after_ = -1;
  absl::Status failure_;
  EngineStats stats_;
  std::vector<GenerateRequest> requests_;
  std::chrono::microseconds step_{0};
  int64_t next_id_ = 1;
  std::set<int64_t> cancelled_;
  std::vector<std::thread> threads_;  // of Submit(), joined at the end
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_FAKE_ENGINE_H_
