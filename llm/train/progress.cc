#include "llm/train/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "absl/strings/str_format.h"

namespace strata::llm {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string Rate(double tokens_per_second) {
  if (tokens_per_second >= 1e4) return absl::StrFormat("%.1fk tok/s", tokens_per_second / 1e3);
  return absl::StrFormat("%.0f tok/s", tokens_per_second);
}

}  // namespace

ProgressLine::ProgressLine(int64_t steps, int64_t tokens_per_step, double flops_per_token,
                           double peak_flops)
    : steps_(steps),
      tokens_per_step_(tokens_per_step),
      flops_per_token_(flops_per_token),
      peak_flops_(peak_flops),
      terminal_(isatty(fileno(stderr)) != 0) {}

std::string ProgressLine::Format(const StepResult& result) const {
  const double seconds = smooth_seconds_ > 0 ? smooth_seconds_ : result.seconds;
  const double rate = seconds > 0 ? static_cast<double>(tokens_per_step_) / seconds : 0;
  std::string line = absl::StrFormat("step %5d/%d  loss %.4f  lr %.1e  %s", result.step, steps_,
                                     result.loss, result.learning_rate, Rate(rate));
  if (peak_flops_ > 0)
    absl::StrAppendFormat(&line, "  MFU %.0f%%", 100 * rate * flops_per_token_ / peak_flops_);
  if (result.sent_bytes > 0)
    absl::StrAppendFormat(&line, "  sent %.1f MB", static_cast<double>(result.sent_bytes) / 1e6);
  const auto left = static_cast<int64_t>(static_cast<double>(steps_ - result.step) * seconds + 0.5);
  absl::StrAppendFormat(&line, "  ETA %d:%02d", left / 60, left % 60);
  return line;
}

void ProgressLine::Show(const StepResult& result) {
  smooth_seconds_ =
      smooth_seconds_ == 0 ? result.seconds : 0.9 * smooth_seconds_ + 0.1 * result.seconds;
  const double now = Now();
  const bool last = result.step == steps_;
  if (!last && now - last_shown_ < (terminal_ ? 0.1 : 5.0)) return;
  last_shown_ = now;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", Format(result).c_str());
  std::fflush(stderr);
}

void ProgressLine::Finish() {
  if (terminal_) std::fprintf(stderr, "\n");
}

}  // namespace strata::llm
