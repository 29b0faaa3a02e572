// Check of the Timeline contract, made once where a message enters.
//
// Errors are INVALID_ARGUMENT: "timeline 'step 3': events[7].lane: is 2, but there are 2 lanes; ...".
#ifndef STRATA_CHIPS_TIMELINE_VALIDATE_H_
#define STRATA_CHIPS_TIMELINE_VALIDATE_H_

#include <cstdint>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"

namespace strata::chips {

inline constexpr uint32_t kTimelineVersion = 1;

// Each field's own domain; events ordered by (start_ns, lane); no overlap within a lane. An event may
// start when the one before it ends.
absl::Status ValidateTimeline(const Timeline& timeline);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_TIMELINE_VALIDATE_H_
