#include "distributed/elastic/board.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace strata::distributed {

const char* PhaseName(Phase phase) {
  constexpr const char* kNames[kPhases] = {"start",      "load", "compute",
                                           "collective", "save", "done"};
  const auto at = static_cast<size_t>(phase);
  return at < kPhases ? kNames[at] : "unknown";
}

void Board::Slot::PostReason(const std::string& reason, int culprit) {
  const size_t size = std::min(reason.size(), kReasonBytes);
  std::memcpy(reason_, reason.data(), size);
  culprit_.store(culprit, std::memory_order_relaxed);
  reason_size_.store(static_cast<int32_t>(size), std::memory_order_release);
}

std::string Board::Slot::reason() const {
  return std::string(reason_, static_cast<size_t>(reason_size_.load(std::memory_order_acquire)));
}

void Board::Slot::Clear() {
  beats_ = 0;
  step_ = 0;
  phase_ = static_cast<int32_t>(Phase::kStart);
  culprit_ = -1;
  reason_size_ = 0;
}

absl::StatusOr<std::unique_ptr<Board>> Board::Create(int ranks) {
  if (ranks < 1) return absl::InvalidArgumentError("a board needs at least one rank");
  void* memory = mmap(nullptr, sizeof(Slot) * static_cast<size_t>(ranks), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("board of the ranks: ", std::strerror(errno)));
  std::unique_ptr<Board> board(new Board(static_cast<Slot*>(memory), ranks));
  board->Clear();
  return board;
}

Board::~Board() { munmap(slots_, sizeof(Slot) * static_cast<size_t>(size_)); }

void Board::Clear() {
  for (int rank = 0; rank < size_; ++rank) slots_[rank].Clear();
}

}  // namespace strata::distributed
