#include "chips/memsys/dram.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::chips::memsys {

absl::Status CheckDram(const DramConfig& config) {
  struct Field {
    const char* name;
    int64_t value, least;
  };
  const Field fields[] = {
      {"banks", config.banks, 1},         {"burst_bytes", config.burst_bytes, 1},
      {"row_bytes", config.row_bytes, 1}, {"t_rcd", config.t_rcd, 0},
      {"t_cl", config.t_cl, 0},           {"t_rp", config.t_rp, 0},
      {"t_ras", config.t_ras, 0},         {"t_rtp", config.t_rtp, 1},
      {"t_rrd", config.t_rrd, 0},         {"t_burst", config.t_burst, 1},
      {"t_refi", config.t_refi, 0},       {"t_rfc", config.t_rfc, 0}};
  for (const Field& field : fields) {
    if (field.value >= field.least) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(field.name, ": ", field.value, " is below ", field.least));
  }
  if (config.row_bytes % config.burst_bytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "row_bytes: ", config.row_bytes, " is no multiple of burst_bytes, ", config.burst_bytes));
  }
  const int64_t refresh =
      std::max(config.t_ras, config.t_rcd + config.t_rtp) + config.t_rp + config.t_rfc;
  if (config.t_refi > 0 && config.t_refi <= refresh) {
    return absl::InvalidArgumentError(absl::StrCat(
        "t_refi: ", config.t_refi, " leaves no time between refreshes of up to ", refresh));
  }
  return absl::OkStatus();
}

DramPlace PlaceOf(const DramConfig& config, int64_t address) {
  if (config.mapping == BankMapping::kRowsAcrossBanks) {
    const int64_t page = address / config.row_bytes;
    return {page % config.banks, page / config.banks};
  }
  return {address / config.burst_bytes % config.banks, address / (config.row_bytes * config.banks)};
}

absl::StatusOr<Dram> Dram::Make(const DramConfig& config) {
  STRATA_RETURN_IF_ERROR(CheckDram(config));
  return Dram(config);
}

int64_t Dram::PrechargeTime(const Bank& bank) const {
  return std::max(bank.activated + config_.t_ras, bank.column + config_.t_rtp);
}

// When the request's first command can go: a column command, an activate or a precharge.
int64_t Dram::FirstCommand(const Bank& bank, int64_t row, int64_t arrival) const {
  const int64_t earliest = std::max(arrival, ready_);
  if (bank.row == row) {
    return std::max({earliest, bank.activated + config_.t_rcd, last_column_ + config_.t_burst});
  }
  if (bank.row == kNone) return std::max({earliest, bank.idle, last_activate_ + config_.t_rrd});
  return std::max(earliest, PrechargeTime(bank));
}

void Dram::Refresh() {
  int64_t start = std::max(next_refresh_, ready_);
  bool open = false;
  for (const Bank& bank : banks_) {
    if (bank.row == kNone) continue;
    open = true;
    start = std::max(start, PrechargeTime(bank));
  }
  if (open) start += config_.t_rp;
  for (Bank& bank : banks_) {
    start = std::max(start, bank.idle);
    bank.row = kNone;
  }
  ready_ = start + config_.t_rfc;
  next_refresh_ += config_.t_refi;
  ++stats_.refreshes;
}

DramResponse Dram::Serve(const DramRequest& request) {
  const DramPlace place = PlaceOf(config_, request.address);
  Bank& bank = banks_[static_cast<size_t>(place.bank)];
  int64_t first = FirstCommand(bank, place.row, request.arrival);
  while (config_.t_refi > 0 && first >= next_refresh_) {
    Refresh();
    first = FirstCommand(bank, place.row, request.arrival);
  }
  ready_ = first;

  DramResponse response;
  response.outcome = bank.row == place.row ? RowOutcome::kHit
                     : bank.row == kNone   ? RowOutcome::kMiss
                                           : RowOutcome::kConflict;
  ++(response.outcome == RowOutcome::kHit    ? stats_.hits
     : response.outcome == RowOutcome::kMiss ? stats_.misses
                                             : stats_.conflicts);
  if (response.outcome != RowOutcome::kHit) {
    bank.activated = response.outcome == RowOutcome::kMiss
                         ? first
                         : std::max(first + config_.t_rp, last_activate_ + config_.t_rrd);
    bank.row = place.row;
    last_activate_ = bank.activated;
  }
  response.column =
      std::max({first, bank.activated + config_.t_rcd, last_column_ + config_.t_burst});
  response.done = response.column + config_.t_cl + config_.t_burst;
  bank.column = last_column_ = response.column;
  if (config_.policy == PagePolicy::kClosed) {
    bank.idle = PrechargeTime(bank) + config_.t_rp;
    bank.row = kNone;
  }
  return response;
}

}  // namespace strata::chips::memsys
