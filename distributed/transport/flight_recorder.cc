#include "distributed/transport/flight_recorder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"

namespace strata::distributed {
namespace {

using State = FlightRecord::State;

const char* NameOf(State state) {
  switch (state) {
    case State::kRunning:
      return "running";
    case State::kDone:
      return "done";
    case State::kFailed:
      return "failed";
  }
  return "";
}

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Within quotes. What is not plain ASCII is a message's foreign text: its bytes become \u00XX.
std::string Quoted(absl::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&json, "\\u%04x", byte);
    } else {
      json += c;
    }
  }
  return json + '"';
}

std::string LineOf(int64_t number, const FlightRecord& record) {
  std::string line =
      absl::StrFormat("  #%-5d %-60s %-8s %.6f s", number, Describe(record.operation),
                      NameOf(record.state), Seconds(record.start));
  if (record.state != State::kRunning) {
    absl::StrAppendFormat(&line, " + %.1f us", 1e6 * Seconds(record.end - record.start));
  }
  if (!record.error.empty()) absl::StrAppend(&line, "\n         ", record.error);
  return absl::StrCat(line, "\n");
}

std::string JsonOf(int64_t number, const FlightRecord& record) {
  const Operation& op = record.operation;
  std::string json = absl::StrCat(
      "{\"number\": ", number, ", \"name\": ", Quoted(op.name), ", \"group\": ", Quoted(op.group),
      ", \"sequence\": ", op.sequence, ", \"pair\": ", op.pair ? "true" : "false",
      ", \"count\": ", op.count, ", \"dtype\": ", Quoted(chips::DTypeName(op.dtype)),
      ", \"detail\": ", Quoted(op.detail), ", \"peer_or_root\": ", op.number,
      ", \"state\": ", Quoted(NameOf(record.state)), ", \"start_ns\": ", record.start.count());
  if (record.state != State::kRunning) absl::StrAppend(&json, ", \"end_ns\": ", record.end.count());
  if (!record.error.empty()) absl::StrAppend(&json, ", \"error\": ", Quoted(record.error));
  return absl::StrCat(json, "}");
}

}  // namespace

std::string Describe(const Operation& operation) {
  std::string text = operation.name;
  if (operation.dtype != chips::DTYPE_UNSPECIFIED) {
    absl::StrAppend(&text, " of ");
    if (operation.count >= 0) absl::StrAppend(&text, operation.count, " ");
    absl::StrAppend(&text, chips::DTypeName(operation.dtype));
  }
  std::string detail = operation.detail;
  if (operation.number >= 0) {
    absl::StrAppend(&detail, detail.empty() ? "" : " ", operation.number);
  }
  if (!detail.empty()) absl::StrAppend(&text, " (", detail, ")");
  if (!operation.group.empty()) absl::StrAppend(&text, ", group '", operation.group, "'");
  if (operation.sequence > 0) absl::StrAppend(&text, " #", operation.sequence);
  return text;
}

FlightRecorder::FlightRecorder(Options options)
    : options_(std::move(options)),
      begin_(std::chrono::steady_clock::now()),
      ring_(static_cast<size_t>(std::max<int64_t>(1, options_.capacity))) {}

std::chrono::nanoseconds FlightRecorder::Now() const {
  return std::chrono::steady_clock::now() - begin_;
}

int64_t FlightRecorder::Begin(Operation operation) {
  FlightRecord& record = At(++count_);
  record.operation = std::move(operation);
  record.state = State::kRunning;
  record.error.clear();
  record.start = Now();
  return count_;
}

void FlightRecorder::End(int64_t number, const absl::Status& status) {
  if (number < first() || number > count_) return;
  FlightRecord& record = At(number);
  record.end = Now();
  record.state = status.ok() ? State::kDone : State::kFailed;
  if (!status.ok()) record.error = status.ToString();
}

int64_t FlightRecorder::first() const {
  return std::max<int64_t>(1, count_ - static_cast<int64_t>(ring_.size()) + 1);
}

const FlightRecord* FlightRecorder::last() const { return count_ == 0 ? nullptr : &At(count_); }

std::vector<const FlightRecord*> FlightRecorder::records() const {
  std::vector<const FlightRecord*> kept;
  for (int64_t number = first(); number <= count_; ++number) kept.push_back(&At(number));
  return kept;
}

std::string FlightRecorder::ToText() const {
  std::string text = absl::StrCat("rank ", options_.rank, ": the last ", count_ - first() + 1,
                                  " of ", count_, " operations\n");
  for (int64_t number = first(); number <= count_; ++number) {
    absl::StrAppend(&text, LineOf(number, At(number)));
  }
  return text;
}

std::string FlightRecorder::ToJson() const {
  std::vector<std::string> records;
  for (int64_t number = first(); number <= count_; ++number) {
    records.push_back(JsonOf(number, At(number)));
  }
  return absl::StrCat("{\"rank\": ", options_.rank, ", \"operations\": ", count_,
                      ", \"records\": [", absl::StrJoin(records, ",\n"), "]}\n");
}

absl::Status FlightRecorder::Dump() const {
  if (options_.dump_directory.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(options_.dump_directory, error);
  const std::string stem = absl::StrCat(options_.dump_directory, "/flight_rank", options_.rank);
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(stem + ".txt", ToText()));
  return WriteFileAtomic(stem + ".json", ToJson());
}

}  // namespace strata::distributed
