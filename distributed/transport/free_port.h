// A TCP port of this machine that nobody has: where the ranks of a run are to meet.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_FREE_PORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_FREE_PORT_H_

#include "base/status.h"

namespace strata::distributed {

// One that the system picks. It is free now; another program may take it before the run does.
absl::StatusOr<int> FreePort();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_FREE_PORT_H_
