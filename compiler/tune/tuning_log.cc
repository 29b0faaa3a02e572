#include "compiler/tune/tuning_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace strata::compiler::tune {
namespace {

constexpr uint32_t kVersion = 2;  // that is written; 1 is read too

// A line that is no record is counted, not complained of on standard error.
class Quiet : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

bool ReadRecord(absl::string_view line, TuningRecord* record) {
  Quiet quiet;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&quiet);
  return parser.ParseFromString(std::string(line), record) && ValidateRecord(*record).ok();
}

absl::Status FileError(const std::string& path, const char* what) {
  return absl::UnavailableError(absl::StrCat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

// All bytes or an error.
absl::Status WriteWhole(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(path, "append to it");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AppendBytes(const std::string& path, absl::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return FileError(path, "open it to append");
  // Appends of one write do not mix on a local file; the lock is for those file systems where they would.
  const bool locked = flock(fd, LOCK_EX) == 0;
  const absl::Status status = WriteWhole(fd, bytes, path);
  if (locked) flock(fd, LOCK_UN);
  close(fd);
  return status;
}

bool Matches(const TuningRecord& record, const TuningKey& key) {
  return record.task() == key.task && record.cpu() == key.cpu &&
         record.libraries() == key.libraries;
}

}  // namespace

absl::Status ValidateRecord(const TuningRecord& record) {
  if (record.version() != 1 && record.version() != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("version: is ", record.version(), "; this program knows 1 and ", kVersion));
  }
  if (record.task().empty()) return absl::InvalidArgumentError("task: is not set");
  if (record.config().empty()) return absl::InvalidArgumentError("config: is not set");
  if (record.failure().empty() && !(record.cost() > 0 && std::isfinite(record.cost()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("cost: is ", record.cost(), "; must be above 0, or say the failure"));
  }
  return absl::OkStatus();
}

std::string PrintRecord(const TuningRecord& record) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string line;
  printer.PrintToString(record, &line);
  return std::string(absl::StripTrailingAsciiWhitespace(line));
}

absl::StatusOr<TuningLog> TuningLog::Open(const std::string& path) {
  TuningLog log(path);
  absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return log;
  STRATA_RETURN_IF_ERROR(text.status());
  STRATA_RETURN_IF_ERROR(Annotate(log.Parse(*text), path));
  return log;
}

absl::Status TuningLog::Parse(absl::string_view text) {
  ends_in_line_ = text.empty() || text.back() == '\n';
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    TuningRecord record;
    if (ReadRecord(line, &record)) {
      records_.push_back(std::move(record));
    } else {
      ++unreadable_lines_;
    }
  }
  if (records_.empty() && unreadable_lines_ > 0) {
    return absl::InvalidArgumentError(
        "is no tuning log: none of its lines is a record; give another file, or one that is not "
        "there yet");
  }
  return absl::OkStatus();
}

absl::Status TuningLog::Append(TuningRecord record) {
  record.set_version(kVersion);
  STRATA_RETURN_IF_ERROR(ValidateRecord(record));
  if (!path_.empty()) {
    const std::string line = absl::StrCat(ends_in_line_ ? "" : "\n", PrintRecord(record), "\n");
    STRATA_RETURN_IF_ERROR(AppendBytes(path_, line));
    ends_in_line_ = true;
  }
  records_.push_back(std::move(record));
  return absl::OkStatus();
}

// Those of a key whose config has never failed.
std::vector<const TuningRecord*> TuningLog::Sound(const TuningKey& key) const {
  std::vector<const TuningRecord*> records = Records(key);
  std::set<std::string> failed;
  for (const TuningRecord* record : records) {
    if (!record->failure().empty()) failed.insert(record->config());
  }
  records.erase(std::remove_if(records.begin(), records.end(),
                               [&](const TuningRecord* record) {
                                 return failed.count(record->config()) != 0;
                               }),
                records.end());
  return records;
}

const TuningRecord* TuningLog::BestWithEpilogue(const TuningKey& key) const {
  const TuningRecord* best = nullptr;
  for (const TuningRecord* record : Sound(key)) {
    if (record->epilogue_cost() > 0 &&
        (best == nullptr || record->epilogue_cost() < best->epilogue_cost()))
      best = record;
  }
  return best;
}

const TuningRecord* TuningLog::Best(const TuningKey& key) const {
  const TuningRecord* best = nullptr;
  for (const TuningRecord* record : Sound(key)) {
    const bool fairer = best != nullptr && record->retimed() != best->retimed();
    if (best == nullptr || (fairer ? record->retimed() : record->cost() < best->cost()))
      best = record;
  }
  return best;
}

std::vector<const TuningRecord*> TuningLog::Records(const TuningKey& key) const {
  std::vector<const TuningRecord*> found;
  for (const TuningRecord& record : records_) {
    if (Matches(record, key)) found.push_back(&record);
  }
  return found;
}

}  // namespace strata::compiler::tune
