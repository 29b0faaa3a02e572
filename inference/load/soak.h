// Soak: random requests, cancels, disconnects and malformed bodies on a server for a while, and what must hold then.
//
//   STRATA_ASSIGN_OR_RETURN(SoakReport report, Soak("127.0.0.1", 8000, {.seconds = 600}));
//   if (!report.faults.empty()) ...
//
// Some clients send what a seed draws: completions and chats, streamed and whole, good and bad, read to the end or left
// in the middle. Others ask the same greedy question again and again. It must hold:
//   * the greedy text is the same each time, and as it was before the load: no one disturbs another;
//   * each answer has a status that its request can have, and an error object when it is bad;
//   * no answer takes longer than `stall_seconds`;
//   * afterwards no request runs or waits and no page of the KV cache is held (/metrics), within `stall_seconds`;
//   * memory after the second half is what it was after the first, within `memory_growth` (process_resident_memory_bytes);
//   * no file descriptor is left open beyond a few.
// What did not hold is in `faults`, in words. UNAVAILABLE when no server is there.
#ifndef STRATA_INFERENCE_LOAD_SOAK_H_
#define STRATA_INFERENCE_LOAD_SOAK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::inference {

struct SoakOptions {
  double seconds = 600;
  int64_t most_requests = 0;  // of the random clients; 0: as many as the time holds
  int clients = 6;            // that send random requests
  int watchers = 2;           // that ask the same question
  uint64_t seed = 1;
  int64_t most_tokens = 48;    // of prompts and answers
  double stall_seconds = 60;   // more is a stall
  double memory_growth = 0.1;  // share that memory may grow by from half-time on, and 16 MiB
  std::function<void(const std::string&)> on_progress = {};  // a line now and then; may be empty
};

struct SoakReport {
  int64_t requests = 0;      // random ones
  int64_t answered = 0;      // with 200
  int64_t refused = 0;       // with an error that was due
  int64_t left = 0;          // by their client
  int64_t same_answers = 0;  // to the same question
  double slowest_seconds = 0;
  double memory_half_time = 0, memory_end = 0;  // bytes; 0 when the server does not say
  std::vector<std::string> faults;              // at most 20
};

absl::StatusOr<SoakReport> Soak(const std::string& host, int port, const SoakOptions& options);

// One line of figures, and the faults.
std::string SoakText(const SoakReport& report);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_SOAK_H_
