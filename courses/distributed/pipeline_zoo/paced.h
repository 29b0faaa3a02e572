// A paced run: ranks are threads, messages go over a real transport, and a slot sleeps for its
// time. What the simulation leaves out, the ways of messages and of threads that wake, is in it;
// the arithmetic is not.
//
//   STRATA_ASSIGN_OR_RETURN(const chips::Timeline measured,
//                           RunPaced(schedule, times, std::chrono::microseconds(200)));
#ifndef STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_PACED_H_
#define STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_PACED_H_

#include <chrono>
#include <cstdint>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "distributed/schedule/replay.h"
#include "distributed/schedule/schedule.h"

namespace strata::courses {

// What the messages carry: up to 4 KiB the transport takes at once, beyond that a send waits for
// its receiver, and each rank does its actions in the order made for that (schedule::Sends).
enum class PacedMessages { kSmall, kLarge };

// MEASURED, a lane a rank, an event a slot. `unit` is what one unit of `times` takes; slots that
// run together take the sum of both. DATA_LOSS if a message came out of order.
absl::StatusOr<chips::Timeline> RunPaced(const schedule::Schedule& schedule,
                                         const schedule::SlotTimes& times,
                                         std::chrono::nanoseconds unit,
                                         PacedMessages messages = PacedMessages::kSmall);

// When the last event ends.
int64_t EndOf(const chips::Timeline& timeline);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_PIPELINE_ZOO_PACED_H_
