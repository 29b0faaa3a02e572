// Peer: another program that does one step whenever it is asked, so that both are measured in turn on the same machine.
#ifndef STRATA_LLM_BENCH_PEER_H_
#define STRATA_LLM_BENCH_PEER_H_

#include <cstdio>
#include <memory>
#include <string>

#include "base/status.h"

namespace strata::llm {

class Peer {
 public:
  // Starts a shell command that prints one line when it is ready, and then answers each line on its standard input with
  // a line that holds `"seconds": <number>`. UNAVAILABLE when it ends instead.
  static absl::StatusOr<std::unique_ptr<Peer>> Start(const std::string& command);
  ~Peer();

  // Seconds of one step, by the peer's own clock.
  absl::StatusOr<double> Step();

 private:
  Peer() = default;
  absl::StatusOr<std::string> ReadLine();
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  int pid_ = 0;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_BENCH_PEER_H_
