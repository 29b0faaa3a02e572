#include "distributed/schedule/builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::schedule {

absl::Status CheckShape(const ScheduleShape& shape, int chunks_per_rank) {
  if (shape.ranks < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: is ", shape.ranks, "; a pipeline has at least 1"));
  }
  if (shape.microbatches < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("microbatches: is ", shape.microbatches, "; a step has at least 1"));
  }
  if (shape.chunks_per_rank != 0 && shape.chunks_per_rank != chunks_per_rank) {
    return absl::InvalidArgumentError(absl::StrCat("chunks_per_rank: is ", shape.chunks_per_rank,
                                                   "; this schedule has ", chunks_per_rank,
                                                   ", give that or 0"));
  }
  if (int64_t{shape.ranks} * shape.microbatches > kMostSlots / 3 / std::max(chunks_per_rank, 1)) {
    return absl::InvalidArgumentError(absl::StrCat("microbatches: ", shape.microbatches, " on ",
                                                   shape.ranks, " ranks makes more than ",
                                                   kMostSlots, " slots; give fewer"));
  }
  return absl::OkStatus();
}

Schedule EmptySchedule(const std::string& name, const ScheduleShape& shape, int chunks_per_rank) {
  Schedule schedule;
  schedule.name = name;
  schedule.ranks = shape.ranks;
  schedule.microbatches = shape.microbatches;
  schedule.chunks = shape.ranks * chunks_per_rank;
  schedule.slots.resize(shape.ranks);
  return schedule;
}

bool SlotWriter::Append(SlotKind kind, int chunk, int k) {
  const Progress& progress = chunks_.at(chunk);
  if (k >= progress.count) return false;
  slots_->push_back({.kind = kind, .microbatch = progress.first + k, .chunk = chunk});
  if (kind == SlotKind::kBackwardInput) {
    weights_.push_back(slots_->back());
    weights_.back().kind = SlotKind::kWeight;
  }
  return true;
}

void SlotWriter::Forward(int chunk) {
  Append(SlotKind::kForward, chunk, chunks_.at(chunk).forwards++);
}

void SlotWriter::Backward(int chunk) {
  Append(SlotKind::kBackward, chunk, chunks_.at(chunk).backwards++);
}

void SlotWriter::BackwardInput(int chunk) {
  Append(SlotKind::kBackwardInput, chunk, chunks_.at(chunk).backwards++);
}

void SlotWriter::Weight() {
  if (weights_.empty()) return;
  slots_->push_back(weights_.front());
  weights_.pop_front();
}

void SlotWriter::Weight(int chunk) {
  const auto oldest = std::find_if(weights_.begin(), weights_.end(),
                                   [&](const Slot& slot) { return slot.chunk == chunk; });
  if (oldest == weights_.end()) return;
  slots_->push_back(*oldest);
  weights_.erase(oldest);
}

void SlotWriter::ForwardWithBackward(int forward_chunk, int backward_chunk) {
  const bool forward =
      Append(SlotKind::kForward, forward_chunk, chunks_.at(forward_chunk).forwards++);
  const bool backward =
      Append(SlotKind::kBackward, backward_chunk, chunks_.at(backward_chunk).backwards++);
  if (forward && backward) slots_->end()[-2].with_next = true;
}

}  // namespace strata::schedule
