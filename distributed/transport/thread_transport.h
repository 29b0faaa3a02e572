// The thread transport: ranks are threads of one process.
//
//   absl::Status status = RunThreadRanks(2, [](Transport& t) { return Train(t); });
//
// Up to 4 KiB a send copies into a slot that the receiver reads (eager), and returns. Above, it
// hands over the address and waits: the receiver copies, or reduces, straight from the sender's
// memory, once (rendezvous). No locks: a slot changes hands by one atomic exchange. Who waits does
// so awake for some 30 us where each rank has a core, then asleep (doorbell.h).
#ifndef STRATA_DISTRIBUTED_TRANSPORT_THREAD_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_THREAD_TRANSPORT_H_

#include <functional>
#include <memory>

#include "base/status.h"
#include "distributed/transport/transport.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

// `ranks` transports that talk to each other (at least 1, else INVALID_ARGUMENT). They may outlive
// the World and one another.
absl::StatusOr<std::unique_ptr<World>> ThreadWorld(int ranks);

// ThreadWorld() and RunRanks(): `body` once a rank, in `ranks` threads.
absl::Status RunThreadRanks(int ranks, const std::function<absl::Status(Transport&)>& body);

// Adds "thread" to WorldRegistry().
void RegisterThreadTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_THREAD_TRANSPORT_H_
