#include "distributed/moe/expert_exchange.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

// Elements of one row of [rows, ...].
int64_t Width(const HostTensor& rows) {
  int64_t width = 1;
  for (size_t d = 1; d < rows.dims().size(); ++d) width *= rows.dims()[d];
  return width;
}

HostTensor RowsLike(const HostTensor& rows, int64_t count) {
  std::vector<int64_t> dims = rows.dims();
  dims[0] = count;
  return HostTensor::Zeros(rows.dtype(), dims);
}

std::vector<int64_t> Times(std::vector<int64_t> counts, int64_t width) {
  for (int64_t& count : counts) count *= width;
  return counts;
}

int64_t Sum(const std::vector<int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

// Copies row `from(i)` of `source` to row `to(i)` of `target`.
template <typename From, typename To>
void CopyRows(const HostTensor& source, HostTensor* target, int64_t count, From from, To to) {
  const size_t bytes = static_cast<size_t>(Width(source)) * chips::SizeOf(source.dtype());
  for (int64_t i = 0; i < count && bytes > 0; ++i) {
    std::memcpy(target->data<char>() + static_cast<size_t>(to(i)) * bytes,
                source.data<char>() + static_cast<size_t>(from(i)) * bytes, bytes);
  }
}

absl::Status CheckRows(const HostTensor& rows, absl::string_view must) {
  return absl::InvalidArgumentError(
      absl::StrCat("rows: is ", rows.TypeString(), "; must be ", must));
}

// A counting sort of the choices by slot. `counts`: how many each slot of all ranks gets.
std::vector<int64_t> SortBySlot(const HostTensor& ids, const ExpertPlacement& placement, int rank,
                                std::vector<int32_t>* counts) {
  const int64_t choices = ids.elements();
  std::vector<int> turn(static_cast<size_t>(placement.experts()), 0);
  std::vector<int> slot_of(static_cast<size_t>(choices), -1);
  counts->assign(placement.expert.size(), 0);
  for (int64_t i = 0; i < choices; ++i) {
    const int32_t expert = ids.data<int32_t>()[i];
    if (expert < 0) continue;
    const int slot = SlotFor(placement, expert, rank, turn[static_cast<size_t>(expert)]++);
    slot_of[static_cast<size_t>(i)] = slot;
    ++(*counts)[static_cast<size_t>(slot)];
  }
  std::vector<int64_t> next(counts->size() + 1, 0);
  for (size_t s = 0; s < counts->size(); ++s) next[s + 1] = next[s] + (*counts)[s];
  std::vector<int64_t> sorted(static_cast<size_t>(next.back()));
  for (int64_t i = 0; i < choices; ++i) {
    const int slot = slot_of[static_cast<size_t>(i)];
    if (slot >= 0) sorted[static_cast<size_t>(next[static_cast<size_t>(slot)]++)] = i;
  }
  return sorted;
}

// Rows that arrive by sender, and of each sender by own slot (`counts` [ranks, slots]), sorted by slot, then by sender.
void SortArrivals(const std::vector<int32_t>& counts, size_t ranks, size_t slots,
                  ExchangePlan* plan) {
  plan->offsets.assign(slots + 1, 0);
  std::vector<int64_t> first(ranks * slots);  // the row of a sender's first for a slot
  int64_t row = 0;
  for (size_t s = 0; s < slots; ++s) {
    for (size_t r = 0; r < ranks; ++r) {
      first[r * slots + s] = row;
      row += counts[r * slots + s];
    }
    plan->offsets[s + 1] = static_cast<int32_t>(row);
  }
  for (size_t i = 0; i < first.size(); ++i) {
    for (int32_t n = 0; n < counts[i]; ++n) plan->row_of_arrival.push_back(first[i] + n);
  }
}

}  // namespace

absl::Status ExpertExchange::Check(const HostTensor& ids) const {
  if (placement_.ranks != ranks_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the placement is for ", placement_.ranks,
                                                   " ranks; there are ", ranks_.size()));
  }
  if (ids.dtype() != chips::I32 || ids.rank() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("ids: is ", ids.TypeString(), "; must be i32 [N, k]"));
  }
  for (int64_t i = 0; i < ids.elements(); ++i) {
    const int32_t id = ids.data<int32_t>()[i];
    if (id < placement_.experts()) continue;
    return absl::OutOfRangeError(absl::StrCat("ids: element ", i, " is ", id,
                                              "; there are experts [0, ", placement_.experts(),
                                              "), and a negative one is nowhere"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExchangePlan> ExpertExchange::Plan(const HostTensor& ids) const {
  STRATA_RETURN_IF_ERROR(Check(ids));
  const size_t ranks = static_cast<size_t>(placement_.ranks);
  const size_t slots = static_cast<size_t>(placement_.slots_per_rank);
  ExchangePlan plan;
  plan.tokens = ids.dims()[0];
  plan.choices = ids.dims()[1];
  std::vector<int32_t> there, here(ranks * slots);  // [ranks, slots of each]; [ranks, own slots]
  plan.sent = SortBySlot(ids, placement_, ranks_.rank(), &there);
  const std::vector<int64_t> a_rank(ranks, static_cast<int64_t>(slots));
  STRATA_RETURN_IF_ERROR(Annotate(
      ranks_.AllToAllV(there.data(), a_rank, here.data(), a_rank, chips::I32), "expert counts"));
  for (size_t r = 0; r < ranks; ++r) {
    const auto sum = [&](const std::vector<int32_t>& counts) {
      const auto begin = counts.begin() + static_cast<ptrdiff_t>(r * slots);
      return std::accumulate(begin, begin + static_cast<ptrdiff_t>(slots), int64_t{0});
    };
    plan.send_counts.push_back(sum(there));
    plan.receive_counts.push_back(sum(here));
  }
  SortArrivals(here, ranks, slots, &plan);
  return plan;
}

absl::StatusOr<HostTensor> ExpertExchange::Send(const ExchangePlan& plan,
                                                const HostTensor& rows) const {
  const int64_t all = plan.tokens * plan.choices;
  const bool shared = rows.rank() >= 1 && rows.dims()[0] == plan.tokens;
  if (!shared && (rows.rank() < 1 || rows.dims()[0] != all)) {
    return CheckRows(rows, absl::StrCat("[", plan.tokens, ", ...] or [", all, ", ...]"));
  }
  const int64_t leaving = static_cast<int64_t>(plan.sent.size()), width = Width(rows);
  HostTensor out = RowsLike(rows, leaving), in = RowsLike(rows, plan.received());
  const int64_t group = shared ? plan.choices : 1;  // choices that share a row
  CopyRows(
      rows, &out, leaving, [&](int64_t i) { return plan.sent[static_cast<size_t>(i)] / group; },
      [](int64_t i) { return i; });
  STRATA_RETURN_IF_ERROR(
      Annotate(ranks_.AllToAllV(out.raw(), Times(plan.send_counts, width), in.raw(),
                                Times(plan.receive_counts, width), rows.dtype()),
               "rows to experts"));
  HostTensor sorted = RowsLike(rows, plan.received());
  CopyRows(
      in, &sorted, plan.received(), [](int64_t i) { return i; },
      [&](int64_t i) { return plan.row_of_arrival[static_cast<size_t>(i)]; });
  return sorted;
}

absl::StatusOr<HostTensor> ExpertExchange::Return(const ExchangePlan& plan,
                                                  const HostTensor& rows) const {
  if (rows.rank() < 1 || rows.dims()[0] != plan.received())
    return CheckRows(rows, absl::StrCat("[", plan.received(), ", ...], what was received"));
  const int64_t leaving = static_cast<int64_t>(plan.sent.size()), width = Width(rows);
  HostTensor out = RowsLike(rows, plan.received()), in = RowsLike(rows, leaving);
  CopyRows(
      rows, &out, plan.received(),
      [&](int64_t i) { return plan.row_of_arrival[static_cast<size_t>(i)]; },
      [](int64_t i) { return i; });
  STRATA_RETURN_IF_ERROR(
      Annotate(ranks_.AllToAllV(out.raw(), Times(plan.receive_counts, width), in.raw(),
                                Times(plan.send_counts, width), rows.dtype()),
               "rows from experts"));
  HostTensor back = RowsLike(rows, plan.tokens * plan.choices);
  CopyRows(
      in, &back, leaving, [](int64_t i) { return i; },
      [&](int64_t i) { return plan.sent[static_cast<size_t>(i)]; });
  return back;
}

int64_t ExpertExchange::PlanBytes() const {
  return int64_t{4} * (placement_.ranks - 1) * placement_.slots_per_rank;
}

int64_t ExpertExchange::RowBytes(const std::vector<int64_t>& counts, int64_t row_bytes) const {
  return (Sum(counts) - counts[static_cast<size_t>(ranks_.rank())]) * row_bytes;
}

absl::StatusOr<HostTensor> CombineChoices(const HostTensor& rows, const HostTensor& weights) {
  const bool right = rows.dtype() == chips::F32 && weights.dtype() == chips::F32 &&
                     rows.rank() == 2 && weights.rank() == 2 &&
                     rows.dims()[0] == weights.elements();
  if (!right) {
    return absl::InvalidArgumentError(absl::StrCat("rows: is ", rows.TypeString(), ", weights: is ",
                                                   weights.TypeString(),
                                                   "; must be f32 [N * k, C] and f32 [N, k]"));
  }
  const int64_t N = weights.dims()[0], k = weights.dims()[1], C = rows.dims()[1];
  HostTensor out = HostTensor::Zeros(chips::F32, {N, C});
  for (int64_t i = 0; i < N * k; ++i) {
    const float weight = weights.data<float>()[i];
    const float* row = rows.data<float>() + i * C;
    float* sum = out.data<float>() + i / k * C;
    for (int64_t c = 0; c < C; ++c) sum[c] += weight * row[c];
  }
  return out;
}

}  // namespace strata::distributed
