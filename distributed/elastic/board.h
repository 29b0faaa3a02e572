// Board: shared memory on which the ranks of a machine post what they do, and their supervisor reads it, also after a
// rank has died: where it was then.
//
//   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Board> board, Board::Create(4));   // before the ranks are forked
//   board->slot(rank).Post(Phase::kSave);                                       // in the rank
//   board->slot(2).phase();                                                     // in the supervisor
//
// Each post is a heartbeat.
#ifndef STRATA_DISTRIBUTED_ELASTIC_BOARD_H_
#define STRATA_DISTRIBUTED_ELASTIC_BOARD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace strata::distributed {

enum class Phase : int32_t { kStart, kLoad, kCompute, kCollective, kSave, kDone };
inline constexpr int kPhases = 6;
const char* PhaseName(Phase phase);  // "start", "load", ...

class Board {
 public:
  static constexpr size_t kReasonBytes = 400;

  class Slot {
   public:
    void Post(Phase phase) {
      phase_.store(static_cast<int32_t>(phase), std::memory_order_relaxed);
      beats_.fetch_add(1, std::memory_order_release);
    }
    void PostStep(int64_t step) { step_.store(step, std::memory_order_relaxed); }
    // Why this rank gives up, for the supervisor to report: one writer, once a generation. Cut at kReasonBytes.
    void PostReason(const std::string& reason, int culprit);

    Phase phase() const { return static_cast<Phase>(phase_.load(std::memory_order_relaxed)); }
    int64_t step() const { return step_.load(std::memory_order_relaxed); }
    uint64_t beats() const { return beats_.load(std::memory_order_acquire); }
    std::string reason() const;  // "" when none was posted
    int culprit() const { return culprit_.load(std::memory_order_relaxed); }  // -1: nobody
    void Clear();

   private:
    std::atomic<uint64_t> beats_;
    std::atomic<int64_t> step_;
    std::atomic<int32_t> phase_, culprit_, reason_size_;
    char reason_[kReasonBytes];
  };

  static absl::StatusOr<std::unique_ptr<Board>> Create(int ranks);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  int size() const { return size_; }
  Slot& slot(int rank) { return slots_[rank]; }
  void Clear();

 private:
  Board(Slot* slots, int size) : slots_(slots), size_(size) {}
  Slot* slots_;
  int size_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_BOARD_H_
