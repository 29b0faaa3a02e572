// The memory of dram.h again, one cycle at a time: in each cycle every command that may go goes. The oracle
// of its tests.
#ifndef STRATA_CHIPS_MEMSYS_NAIVE_DRAM_H_
#define STRATA_CHIPS_MEMSYS_NAIVE_DRAM_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "chips/memsys/dram.h"

namespace strata::chips::memsys {

class NaiveDram {
 public:
  explicit NaiveDram(const DramConfig& config)
      : config_(config), banks_(static_cast<size_t>(config.banks)) {}

  // First cycle after each request's data.
  std::vector<int64_t> Serve(const std::vector<DramRequest>& requests) {
    for (const DramRequest& request : requests) {
      Job job;
      job.arrival = request.arrival;
      job.place = PlaceOf(config_, request.address);
      jobs_.push_back(job);
    }
    for (now_ = 0; columns_ < jobs_.size(); ++now_) Step();
    std::vector<int64_t> done;
    for (const Job& job : jobs_) done.push_back(job.column + config_.t_cl + config_.t_burst);
    return done;
  }

 private:
  static constexpr int64_t kLongAgo = -1000000;

  struct Job {
    int64_t arrival = 0;
    DramPlace place;
    bool begun = false, opened = false, finished = false;
    int64_t column = 0;
  };
  struct Bank {
    bool open = false;
    bool used = false;  // since its row was opened
    int64_t row = 0;
    int64_t activated = kLongAgo, column = kLongAgo, precharged = kLongAgo;
  };

  void Step() {
    while (RefreshIsDue() && !AnyInFlight() && TryRefresh()) {
    }
    for (size_t i = 0; i < jobs_.size(); ++i) {
      ClosePages();
      StepJob(i);
    }
  }

  // Precharges that the closed-page policy owes; they go before anything else.
  void ClosePages() {
    if (config_.policy != PagePolicy::kClosed) return;
    for (Bank& bank : banks_) {
      if (!bank.open || !bank.used || !MayPrecharge(bank)) continue;
      bank.open = false;
      bank.precharged = now_;
    }
  }

  bool RefreshIsDue() const { return config_.t_refi > 0 && now_ >= due_ + config_.t_refi; }

  bool AnyInFlight() const {
    return std::any_of(jobs_.begin(), jobs_.end(),
                       [](const Job& job) { return job.begun && !job.finished; });
  }

  bool TryRefresh() {
    if (now_ < blocked_until_ || !MayPrechargeAll()) return false;
    for (Bank& bank : banks_) {
      if (!bank.open) continue;
      bank.open = false;
      bank.precharged = now_;
    }
    for (const Bank& bank : banks_) {
      if (now_ < bank.precharged + config_.t_rp) return false;
    }
    blocked_until_ = now_ + config_.t_rfc;
    due_ += config_.t_refi;
    return true;
  }

  bool MayPrechargeAll() const {
    return std::all_of(banks_.begin(), banks_.end(),
                       [&](const Bank& bank) { return !bank.open || MayPrecharge(bank); });
  }

  bool MayPrecharge(const Bank& bank) const {
    return now_ >= bank.activated + config_.t_ras && now_ >= bank.column + config_.t_rtp;
  }

  // The next command of one job, if it may go.
  void StepJob(size_t i) {
    Job& job = jobs_[i];
    if (job.finished || now_ < job.arrival) return;
    if (!job.begun && (RefreshIsDue() || now_ < blocked_until_)) return;
    if (i > 0 && !jobs_[i - 1].begun) return;
    for (size_t j = 0; j < i; ++j) {  // the bank belongs to the earlier ones first
      if (!jobs_[j].finished && jobs_[j].place.bank == job.place.bank) return;
    }
    Bank& bank = banks_[static_cast<size_t>(job.place.bank)];
    if (!job.opened) {
      if (bank.open && config_.policy == PagePolicy::kClosed) return;  // it is about to close
      const bool hit = bank.open && bank.row == job.place.row;
      if (bank.open && !hit) {
        if (!MayPrecharge(bank)) return;
        bank.open = false;
        bank.precharged = now_;
        job.begun = true;
      }
      if (!hit && !TryActivate(i, &bank)) return;
    }
    TryColumn(i, &bank);
  }

  bool TryActivate(size_t i, Bank* bank) {
    for (size_t j = 0; j < i; ++j) {  // activates go in order
      if (!jobs_[j].opened) return false;
    }
    if (now_ < bank->precharged + config_.t_rp || now_ < last_activate_ + config_.t_rrd)
      return false;
    bank->open = true;
    bank->used = false;
    bank->row = jobs_[i].place.row;
    bank->activated = last_activate_ = now_;
    jobs_[i].begun = jobs_[i].opened = true;
    return true;
  }

  void TryColumn(size_t i, Bank* bank) {
    if (i > 0 && !jobs_[i - 1].finished) return;
    if (now_ < bank->activated + config_.t_rcd || now_ < last_column_ + config_.t_burst) return;
    bank->used = true;
    bank->column = last_column_ = now_;
    jobs_[i].begun = jobs_[i].opened = jobs_[i].finished = true;
    jobs_[i].column = now_;
    ++columns_;
  }

  DramConfig config_;
  std::vector<Bank> banks_;
  std::vector<Job> jobs_;
  size_t columns_ = 0;
  int64_t now_ = 0;
  int64_t due_ = 0;  // the refresh before
  int64_t blocked_until_ = 0;
  int64_t last_activate_ = kLongAgo, last_column_ = kLongAgo;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_NAIVE_DRAM_H_
