// How the ranks of one machine come to share a ShmSegment.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SHM_MEETING_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SHM_MEETING_H_

#include <memory>

#include "base/status.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/shm_segment.h"

namespace strata::distributed {

// Returns when all ranks have come; the process ids stand in the segment. Errors: see ShmWorld().
absl::StatusOr<std::shared_ptr<ShmSegment>> ShareSegment(const LaunchEnv& env);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SHM_MEETING_H_
