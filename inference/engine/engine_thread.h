// EngineThread: the Engine around an EngineCore: one thread that steps, an inbox, and the blocking forms.
#ifndef STRATA_INFERENCE_ENGINE_ENGINE_THREAD_H_
#define STRATA_INFERENCE_ENGINE_ENGINE_THREAD_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "inference/engine/engine.h"
#include "inference/engine/engine_core.h"

namespace strata::inference {

class EngineThread : public Engine {
 public:
  EngineThread(std::shared_ptr<const DecoderModel> model,
               std::shared_ptr<const Tokenizer> tokenizer, std::unique_ptr<EngineCore> core,
               int64_t context, bool prepare);
  ~EngineThread() override;

  absl::StatusOr<Generation> Generate(const GenerateRequest& request,
                                      const OnToken& on_token) override;
  absl::StatusOr<std::vector<Generation>> GenerateAll(const GenerateRequest& request,
                                                      const OnToken& on_token) override;
  absl::StatusOr<int64_t> Submit(const GenerateRequest& request, OnToken on_token,
                                 OnDone on_done) override;
  void Cancel(int64_t request) override;
  EngineStats stats() const override;
  const DecoderModel& model() const override { return *model_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  int64_t context() const override { return context_; }
  absl::Status CheckEmpty() const override;

 private:
  struct Submission {
    std::shared_ptr<const GenerateRequest> request;
    OnToken on_token;
    OnDone on_done;
    EngineClock::time_point arrival;
  };
  absl::Status Check(const GenerateRequest& request) const;
  void Loop();
  void TakeInbox(std::unique_lock<std::mutex>* lock);
  void Deliver();

  const std::shared_ptr<const DecoderModel> model_;
  const std::shared_ptr<const Tokenizer> tokenizer_;
  const int64_t context_;
  const std::unique_ptr<EngineCore> core_;  // of the thread

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Submission> inbox_;
  std::vector<int64_t> cancels_;
  int64_t next_id_ = 1;  // as the core counts them
  bool stop_ = false;
  bool prepare_;        // plans wait to be made in idle times
  EngineStats stats_;   // as of the last step
  absl::Status empty_;  // CheckEmpty() as of the last step

  std::thread thread_;  // last
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ENGINE_THREAD_H_
