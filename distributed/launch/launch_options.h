// What `strata launch` is told: which ranks of what to start, and what to do when one fails. See launch.h.
#ifndef STRATA_DISTRIBUTED_LAUNCH_LAUNCH_OPTIONS_H_
#define STRATA_DISTRIBUTED_LAUNCH_LAUNCH_OPTIONS_H_

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::distributed {

inline constexpr int kMostRanks = 4096;  // on a machine
inline constexpr int kMostNodes = 65536;

struct LaunchOptions {
  std::vector<std::string> command;  // program (looked up on PATH) and arguments; every rank's
  int ranks = 1;                     // on this machine, [1, kMostRanks]
  int nodes = 1;                     // machines, each with a launcher of its own, [1, kMostNodes]
  int node_rank = 0;                 // this machine's place, [0, nodes)
  std::string master_address;        // of machine 0; "" is 127.0.0.1, for one machine only
  int master_port = 0;               // 0: a free one; with several machines 29500
  std::string transport = "tcp";     // what STRATA_TRANSPORT says
  int timeout_seconds = 0;           // what STRATA_TIMEOUT says, below 10^6; 0: the ranks' own, 300
  int max_restarts = 0;              // >= 0
  int min_ranks = 0;                 // elastic: the fewest a generation may have; 0: `ranks`
  int max_ranks = 0;                 // elastic: the most discovery may bring; 0: `ranks`
  // A shell command that prints how many ranks this machine has room for now. Asked before each generation and once a
  // second; another number ends the generation, at no cost of restarts. "" for none.
  std::string discovery;
  std::chrono::milliseconds discovery_patience{
      5000};  // it is ended then: nobody looks after the ranks meanwhile
  std::chrono::milliseconds grace{5000};
  enum class Output { kAll, kFirst, kNone } output = Output::kAll;  // kFirst: rank 0's only
  bool prefix = true;                                               // "[RANK] " before each line
};

// INVALID_ARGUMENT names the option that is wrong by its flag, its value and what it must be.
absl::Status ValidateLaunchOptions(const LaunchOptions& options);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_LAUNCH_OPTIONS_H_
