// TuningLog: what tuning has found, on disk: one TuningRecord a line (tuning_log.proto), appended and never rewritten.
//
//   STRATA_ASSIGN_OR_RETURN(TuningLog log, TuningLog::Open("gemm.tuning"));     // no file yet: an empty log
//   const TuningRecord* best = log.Best({"gemm f32 NN M=512 N=512 K=512 threads=2", cpu, libraries});
//   STRATA_RETURN_IF_ERROR(log.Append(record));
//
// A record is appended with one write, so that several processes may share a log and a crash leaves at most half a
// last line, which Open() counts and passes over, as it does any line it cannot read. Not thread-safe.
#ifndef STRATA_COMPILER_TUNE_TUNING_LOG_H_
#define STRATA_COMPILER_TUNE_TUNING_LOG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/tune/tuning_log.pb.h"

namespace strata::compiler::tune {

using TuningRecord = strata::tune::TuningRecord;

// What records must agree on to be compared.
struct TuningKey {
  std::string task;
  std::string cpu;
  std::string libraries;
};

// INVALID_ARGUMENT names the field that is not as the contract says.
absl::Status ValidateRecord(const TuningRecord& record);

class TuningLog {
 public:
  // Reads what is there. INVALID_ARGUMENT when `path` is a folder, or no line of a file that is not empty is a record.
  static absl::StatusOr<TuningLog> Open(const std::string& path);
  // Without a file: for a run that keeps nothing.
  static TuningLog InMemory() { return TuningLog(""); }

  absl::Status Append(TuningRecord record);

  // The record with the least cost; records that were re-timed in turns go before others, for theirs are the fairer
  // times, and a config that has failed once is out. nullptr when no other is known. Valid until the next Append.
  const TuningRecord* Best(const TuningKey& key) const;

  // The record with the least epilogue_cost, by the same rules; nullptr where none has any, as in logs of version 1.
  const TuningRecord* BestWithEpilogue(const TuningKey& key) const;

  // All of a key, in order of the file.
  std::vector<const TuningRecord*> Records(const TuningKey& key) const;

  const std::vector<TuningRecord>& records() const { return records_; }
  int unreadable_lines() const { return unreadable_lines_; }
  const std::string& path() const { return path_; }

 private:
  explicit TuningLog(std::string path) : path_(std::move(path)) {}
  absl::Status Parse(absl::string_view text);
  std::vector<const TuningRecord*> Sound(const TuningKey& key) const;

  std::string path_;  // "": in memory
  std::vector<TuningRecord> records_;
  int unreadable_lines_ = 0;
  bool ends_in_line_ = true;  // false: a torn last line has to be ended before the next record
};

// One line without its end.
std::string PrintRecord(const TuningRecord& record);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_TUNING_LOG_H_
