// Roster: who takes part in a generation, and where its ranks meet. One machine decides alone; several agree first.
#ifndef STRATA_DISTRIBUTED_LAUNCH_ROSTER_H_
#define STRATA_DISTRIBUTED_LAUNCH_ROSTER_H_

#include <memory>
#include <string>

#include "base/status.h"

namespace strata::distributed {

// This machine's part of a generation.
struct Generation {
  int number = 0;
  int world_size = 0;  // ranks on all machines
  int first_rank = 0;  // on this machine; the others follow
  int ranks = 0;       // on this machine
  int node_rank = 0;   // of this machine among those that take part
  std::string master_address;
  int master_port = 0;
};

class Roster {
 public:
  virtual ~Roster() = default;
  // Waits until generation `number` can begin; this machine brings `ranks`.
  virtual absl::StatusOr<Generation> Next(int number, int ranks) = 0;
  // Readable when another machine's trouble ends the generation; -1 for never.
  virtual int trouble_fd() const { return -1; }
  virtual std::string TakeTrouble() { return ""; }  // what it was
  // This machine's part of the generation has ended: its ranks are gone.
  virtual void Ended(bool /*failed*/, const std::string& /*why*/) {}
};

// One machine, or several that are all known beforehand: machine `node_rank` of `nodes`, each with as many ranks. With
// port 0 each generation has a free one.
std::unique_ptr<Roster> FixedRoster(int nodes, int node_rank, const std::string& master_address,
                                    int master_port);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_ROSTER_H_
