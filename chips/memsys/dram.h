// DRAM: banks with a row buffer each, behind one data bus, refreshed at intervals.
//
//   STRATA_ASSIGN_OR_RETURN(Dram dram, Dram::Make(config));
//   const DramResponse response = dram.Serve({.arrival = 0, .address = 4096});
//   response.done;  // cycle in which the last word is on the bus
//
// A request reads one burst from one row of one bank. An open row answers a column command at once
// (a hit); an idle bank first activates the row (a miss); a bank with another row open first precharges
// (a conflict). The closed-page policy precharges after every burst: never a hit, never a conflict.
//
// Requests are served in the order of their arrival, and prepared ahead: a bank may precharge and activate
// for a later request while earlier ones still use the bus. In cycles:
//
//   column        >= activate + t_rcd, and t_burst after the column command before
//   data          column + t_cl ... column + t_cl + t_burst
//   precharge     >= activate + t_ras, and >= last column of the row + t_rtp
//   activate      >= precharge + t_rp, and t_rrd after the activate before
//
// The first command of a request comes no earlier than that of the request before. Commands cost no bus of
// their own. Refresh falls due at every multiple of t_refi (0: never): the first request that has not begun
// by then waits until all rows are precharged, t_rp, and t_rfc after that; all rows are closed then.
// Writes are as reads.
//
// Sources: Jacob, Ng, Wang, "Memory systems: cache, DRAM, disk", 2007, chapters 10 and 11; JEDEC JESD79-4
// (the names of the times).
#ifndef STRATA_CHIPS_MEMSYS_DRAM_H_
#define STRATA_CHIPS_MEMSYS_DRAM_H_

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace strata::chips::memsys {

enum class PagePolicy { kOpen, kClosed };

// Which part of an address names the bank. A stream stays in a bank for a row, or for a burst.
enum class BankMapping { kRowsAcrossBanks, kBurstsAcrossBanks };

struct DramConfig {
  int64_t banks = 0;        // >= 1
  int64_t row_bytes = 0;    // of one bank's row buffer; a multiple of burst_bytes
  int64_t burst_bytes = 0;  // >= 1
  PagePolicy policy = PagePolicy::kOpen;
  BankMapping mapping = BankMapping::kRowsAcrossBanks;
  // Cycles of the memory's clock, >= 0; t_rtp and t_burst >= 1.
  int64_t t_rcd = 0;    // activate to column
  int64_t t_cl = 0;     // column to the first data
  int64_t t_rp = 0;     // precharge to activate
  int64_t t_ras = 0;    // activate to precharge
  int64_t t_rtp = 1;    // column to precharge
  int64_t t_rrd = 0;    // activate to activate of another bank
  int64_t t_burst = 1;  // data bus cycles of a burst, and column to column
  int64_t t_refi = 0;   // between refreshes; 0: none
  int64_t t_rfc = 0;    // of a refresh
};

// INVALID_ARGUMENT names the field at fault.
absl::Status CheckDram(const DramConfig& config);

struct DramPlace {
  int64_t bank = 0;
  int64_t row = 0;
};

DramPlace PlaceOf(const DramConfig& config, int64_t address);

struct DramRequest {
  int64_t arrival = 0;  // cycle; no earlier than that of the request before
  int64_t address = 0;  // >= 0
};

enum class RowOutcome { kHit, kMiss, kConflict };

struct DramResponse {
  int64_t column = 0;  // cycle of the column command
  int64_t done = 0;    // first cycle after the data
  RowOutcome outcome = RowOutcome::kMiss;
};

struct DramStats {
  int64_t hits = 0, misses = 0, conflicts = 0;
  int64_t refreshes = 0;
};

class Dram {
 public:
  static absl::StatusOr<Dram> Make(const DramConfig& config);

  DramResponse Serve(const DramRequest& request);

  const DramStats& stats() const { return stats_; }

 private:
  static constexpr int64_t kNone = -1;
  static constexpr int64_t kLongAgo = INT64_MIN / 4;

  struct Bank {
    int64_t row = kNone;           // that is open
    int64_t activated = kLongAgo;  // last times of each command; `idle`: ready to activate
    int64_t column = kLongAgo;
    int64_t idle = kLongAgo;
  };

  explicit Dram(const DramConfig& config)
      : config_(config), banks_(static_cast<size_t>(config.banks)), next_refresh_(config.t_refi) {}

  int64_t PrechargeTime(const Bank& bank) const;
  int64_t FirstCommand(const Bank& bank, int64_t row, int64_t arrival) const;
  void Refresh();

  DramConfig config_;
  std::vector<Bank> banks_;
  int64_t ready_ =
      0;  // no command before: the first one of the last request, the last refresh's end
  int64_t last_activate_ = kLongAgo;
  int64_t last_column_ = kLongAgo;
  int64_t next_refresh_;
  DramStats stats_;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_DRAM_H_
