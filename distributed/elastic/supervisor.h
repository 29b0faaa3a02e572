// Supervisor: generations of forked ranks on this machine, until one trains to the end.
//
//   SupervisorOptions options;
//   options.ranks = 4;
//   options.max_restarts = 100;
//   STRATA_ASSIGN_OR_RETURN(auto outcomes, Supervise(options, [](const Seat& seat) -> absl::Status {
//     ... make a transport of seat.ranks ranks (MASTER_ADDR and the rest are in the environment), then TrainElastic()
//   }));
//
// A generation ends when a rank dies or gives up, when one is silent for too long, or when there is room for another
// number of ranks. The rest is ended, and the next generation begins: new processes, a new port to meet at. `strata
// launch --max-restarts` does the same for programs; this is for a process that holds the training itself, restarts in
// milliseconds and can say what each rank did when it died.
#ifndef STRATA_DISTRIBUTED_ELASTIC_SUPERVISOR_H_
#define STRATA_DISTRIBUTED_ELASTIC_SUPERVISOR_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/elastic/board.h"
#include "distributed/launch/process_group.h"

namespace strata::distributed {

// A rank's place in a generation.
struct Seat {
  int generation = 0;
  int rank = 0;
  int ranks = 0;
  Board::Slot* slot = nullptr;  // where it posts
};

struct SupervisorOptions {
  int ranks = 1;                          // of the first generation
  int max_ranks = 0;                      // the most `room` may say; 0: `ranks`
  int max_restarts = 0;                   // after failures
  std::string transport = "shm";          // what STRATA_TRANSPORT says
  std::chrono::milliseconds grace{1000};  // from SIGTERM to SIGKILL, for those a failure leaves
  std::chrono::milliseconds silence{
      0};  // a rank that posts nothing for so long is killed; 0: never
  // How many ranks there is room for, given the generation that runs (or has just failed) and its ranks' steps on the
  // board. Asked about every `poll`; another number ends the generation. By default as many as run.
  std::function<int(int generation, Board& board)> room;
  // Called about every `poll`; for tests, which kill.
  std::function<void(int generation, ProcessGroup& group, Board& board)> inject;
  std::chrono::milliseconds poll{20};
};

struct GenerationOutcome {
  int ranks = 0;
  bool failed = false;
  bool resized = false;
  RankExit first;               // with failed: the first to end
  bool silent = false;          // killed because it was
  Phase phase = Phase::kStart;  // with failed: where `first` was when it ended
  int64_t step = 0;             // that it trained then
  std::string reason;           // a rank's own, when one gave up; first's if it has one
  int culprit = -1;             // the rank that a rank's reason blames
  double seconds = 0;           // from the start to the end of the last process
};

using RankMain = std::function<absl::Status(const Seat& seat)>;

// The generations, the last of which ended well; RESOURCE_EXHAUSTED with the last failure when no restart is left,
// INVALID_ARGUMENT for options out of range. The calling thread must be the only one.
absl::StatusOr<std::vector<GenerationOutcome>> Supervise(const SupervisorOptions& options,
                                                         const RankMain& rank_main);

std::string Describe(const GenerationOutcome& outcome);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_SUPERVISOR_H_
