// World: the ranks of one run that live in this process. All of them for "thread", one for "mpi"
// and "null".
//
//   RegisterThreadTransport();
//   STRATA_ASSIGN_OR_RETURN(auto world, WorldRegistry().Create("thread", /*ranks=*/2));
//   STRATA_RETURN_IF_ERROR(RunRanks(*world, [](Transport& transport) { return Train(transport);
//   }));
//
// So one program trains on threads or under mpirun, by a flag.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_WORLD_H_
#define STRATA_DISTRIBUTED_TRANSPORT_WORLD_H_

#include <functional>
#include <memory>
#include <vector>

#include "base/registry.h"
#include "base/status.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

struct World {
  std::vector<std::unique_ptr<Transport>> local;  // at least one
};

// By the transport's name; the argument is the number of ranks in the whole run, 0 for what the
// launcher says (1 where there is none). INVALID_ARGUMENT when the transport cannot have that many.
inline Registry<World, int>& WorldRegistry() {
  static Registry<World, int>* registry = new Registry<World, int>("transport");
  return *registry;
}

// Runs `body` on every local rank, each in a thread of its own (a single one in this thread), and
// waits for all. A rank leaves the run when its body returns, so that the others do not wait for
// it. The error that came first is returned, with its rank before it. A world runs once.
absl::Status RunRanks(World& world, const std::function<absl::Status(Transport&)>& body);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_WORLD_H_
