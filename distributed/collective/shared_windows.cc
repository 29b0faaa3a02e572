#include "distributed/collective/shared_windows.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

// Bruck's all-gather: all[rank] of each rank goes everywhere.
template <typename T>
absl::Status GatherFromAll(Wire& wire, std::vector<T>* all) {
  const size_t n = all->size(), r = static_cast<size_t>(wire.rank());
  std::vector<T> from_mine = {(*all)[r]};
  from_mine.resize(n);
  for (size_t have = 1; have < n; have *= 2) {
    const int64_t bytes = static_cast<int64_t>(std::min(have, n - have) * sizeof(T));
    const View out(reinterpret_cast<const char*>(from_mine.data()), bytes);
    const Piece in = {reinterpret_cast<char*>(from_mine.data() + have), bytes};
    STRATA_RETURN_IF_ERROR(wire.Exchange(static_cast<int>((r + n - have) % n), out,
                                         static_cast<int>((r + have) % n), in));
  }
  for (size_t i = 0; i < n; ++i) (*all)[(r + i) % n] = from_mine[i];
  return absl::OkStatus();
}

}  // namespace

// What a late peer may still look at stays.
void SharedWindows::Keep(std::unique_ptr<std::shared_ptr<Window>> handle) {
  static auto* mutex = new std::mutex;
  static auto* kept = new std::vector<std::unique_ptr<std::shared_ptr<Window>>>;
  std::lock_guard<std::mutex> lock(*mutex);
  kept->push_back(std::move(handle));
}

// Every rank gets a share in every window.
absl::Status SharedWindows::Meet(Wire& wire) {
  const size_t n = static_cast<size_t>(wire.size());
  rank_ = wire.rank();
  auto mine = std::make_unique<std::shared_ptr<Window>>(std::make_shared<Window>());
  std::vector<const std::shared_ptr<Window>*> handles(n);
  handles[static_cast<size_t>(rank_)] = mine.get();
  absl::Status status = GatherFromAll(wire, &handles);
  std::vector<std::shared_ptr<Window>> windows;
  for (size_t rank = 0; status.ok() && rank < n; ++rank) windows.push_back(*handles[rank]);
  if (status.ok()) status = wire.Barrier();
  if (!status.ok()) {
    Keep(std::move(mine));
    return status;
  }
  windows_ = std::move(windows);
  offers_.resize(n);
  return absl::OkStatus();
}

absl::Status SharedWindows::Open(Wire& wire, const void* mine) {
  if (windows_.empty()) STRATA_RETURN_IF_ERROR(Meet(wire));
  ++call_;
  const Call& call = wire.call();
  offers_[static_cast<size_t>(rank_)] = {call_, const_cast<char*>(static_cast<const char*>(mine)),
                                         call.count,
                                         (int64_t{call.root} << 16) + (int64_t{call.dtype} << 8) +
                                             static_cast<int64_t>(call.reduction)};
  absl::Status status = GatherFromAll(wire, &offers_);
  if (status.ok()) status = CheckOffers();
  if (status.ok()) {
    windows_[static_cast<size_t>(rank_)]->busy.store(true);
    for (size_t rank = 0; status.ok() && rank < windows_.size(); ++rank) {
      if (windows_[rank]->closed.load() >= offers_[rank].call)
        status = absl::UnavailableError(absl::StrCat("rank ", rank, " has given up this call"));
    }
  }
  if (!status.ok()) Retreat();
  return status;
}

absl::Status SharedWindows::CheckOffers() const {
  const Offer& mine = offers_[static_cast<size_t>(rank_)];
  for (size_t rank = 0; rank < offers_.size(); ++rank) {
    const Offer& offer = offers_[rank];
    if (offer.count == mine.count && offer.arguments == mine.arguments) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", rank, " calls with ", offer.count,
        offer.count == mine.count ? " elements of another dtype, reduction or root" : " elements",
        "; all ranks must make the same calls in the same order"));
  }
  return absl::OkStatus();
}

absl::Status SharedWindows::Close(Wire& wire) {
  windows_[static_cast<size_t>(rank_)]->busy.store(false);
  const absl::Status status = wire.Barrier();
  if (!status.ok()) Retreat();
  return status;
}

void SharedWindows::Retreat() {
  windows_[static_cast<size_t>(rank_)]->busy.store(false);
  windows_[static_cast<size_t>(rank_)]->closed.store(call_);
  for (const std::shared_ptr<Window>& window : windows_) {
    while (window->busy.load()) std::this_thread::yield();  // as long as it works, not longer
  }
}

}  // namespace strata::distributed
