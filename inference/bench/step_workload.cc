#include "inference/bench/step_workload.h"

#include <algorithm>
#include <chrono>

namespace strata::inference {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The likeliest token of row `row` of logits [rows, V].
int32_t Likeliest(const graph::HostTensor& logits, int64_t row) {
  const int64_t vocabulary = logits.dims().back();
  const float* scores = logits.data<float>() + row * vocabulary;
  return static_cast<int32_t>(std::max_element(scores, scores + vocabulary) - scores);
}

}  // namespace

int32_t MadeToken(int64_t i) { return static_cast<int32_t>(3 + i * 7919 % 1000); }

void StepWorkload::Start() {
  length_ = 0;
  next_.assign(static_cast<size_t>(batch_), 0);
  for (int64_t b = 0; b < batch_; ++b) {
    const absl::Span<int32_t> view = runner_->View(b);
    for (size_t i = 0; i < view.size(); ++i)
      view[i] = static_cast<int32_t>(1 + static_cast<size_t>(b) * view.size() + i);
    next_[static_cast<size_t>(b)] = MadeToken(b);
  }
}

StepRow StepWorkload::Row(int64_t sequence, int64_t position, int32_t token) const {
  return {.token = token,
          .position = static_cast<int32_t>(position),
          .slot = runner_->View(sequence)[static_cast<size_t>(position)],
          .view = static_cast<int32_t>(sequence),
          .length = static_cast<int32_t>(position + 1)};
}

absl::StatusOr<double> StepWorkload::Prefill(int64_t tokens) {
  const double start = Now();
  for (int64_t done = 0; done < tokens;) {
    const int64_t chunk = std::min(tokens - done, runner_->max_rows());
    std::vector<StepRow> rows;
    for (int64_t i = done; i < done + chunk; ++i) rows.push_back(Row(0, length_ + i, MadeToken(i)));
    done += chunk;
    rows.back().logits = done == tokens;
    STRATA_ASSIGN_OR_RETURN(const graph::HostTensor logits, runner_->Run(rows));
    if (done == tokens) next_[0] = Likeliest(logits, 0);
  }
  length_ += tokens;
  return Now() - start;
}

void StepWorkload::Spread() {
  const int32_t first = runner_->View(0)[0];
  for (int64_t b = 1; b < batch_; ++b) runner_->CopySlots(first, runner_->View(b)[0], length_);
}

std::vector<StepRow> StepWorkload::DecodeRows() {
  std::vector<StepRow> rows;
  for (int64_t b = 0; b < batch_; ++b) {
    rows.push_back(Row(b, length_, next_[static_cast<size_t>(b)]));
    rows.back().logits = true;
  }
  return rows;
}

std::vector<StepRow> StepWorkload::PrefillRows(int64_t tokens) const {
  std::vector<StepRow> rows;
  for (int64_t i = 0; i < std::min(tokens, runner_->max_rows()); ++i)
    rows.push_back(Row(0, i, MadeToken(i)));
  rows.back().logits = true;
  return rows;
}

absl::StatusOr<std::vector<double>> StepWorkload::Decode(int64_t steps) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < steps; ++i) {
    const double start = Now();
    STRATA_ASSIGN_OR_RETURN(const graph::HostTensor logits, runner_->Run(DecodeRows()));
    for (int64_t b = 0; b < batch_; ++b) next_[static_cast<size_t>(b)] = Likeliest(logits, b);
    ++length_;
    seconds.push_back(Now() - start);
  }
  return seconds;
}

}  // namespace strata::inference
