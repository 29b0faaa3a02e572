// The live progress line of a training run.
#ifndef STRATA_LLM_TRAIN_PROGRESS_H_
#define STRATA_LLM_TRAIN_PROGRESS_H_

#include <cstdint>
#include <string>

namespace strata::llm {

struct StepResult {
  int64_t step = 0;    // steps done, this one included
  double loss = 0;     // mean over the whole batch, nats a token
  double seconds = 0;  // of this step
  double learning_rate = 0;
  int64_t sent_bytes = 0;  // to other ranks, by this one, in this step
};

// On a terminal one line that rewrites itself; elsewhere a line now and then.
class ProgressLine {
 public:
  // `flops_per_token`: of a training step; `peak_flops`: of the machine, 0 when unknown (no MFU is shown).
  ProgressLine(int64_t steps, int64_t tokens_per_step, double flops_per_token, double peak_flops);
  void Show(const StepResult& result);
  void Finish();

  // "step  120/400  loss 4.312  lr 9.8e-04  21.4k tok/s  MFU 41%  sent 3.2 MB  ETA 0:35"
  std::string Format(const StepResult& result) const;

 private:
  const int64_t steps_, tokens_per_step_;
  const double flops_per_token_, peak_flops_;
  bool terminal_;
  double smooth_seconds_ = 0;  // exponential mean of step times
  double last_shown_ = 0;      // seconds of the clock
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_PROGRESS_H_
