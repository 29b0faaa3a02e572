// The steps that need no kernel: host calls, copies, collectives. What every host device shares.
#ifndef STRATA_COMPILER_DEVICE_HOST_STEPS_H_
#define STRATA_COMPILER_DEVICE_HOST_STEPS_H_

#include <string>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "compiler/device/host_memory.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/evaluator.h"

namespace strata::compiler {

// Runs the node by its op's reference kernel, or by `evaluator` when it is set.
absl::Status RunHostCall(const plan::Step& step, const HostMemory& memory,
                         graph::Evaluator* evaluator = nullptr);

// Runs what a kernel computes by the reference kernels, in place of the kernel. The buffers have the sizes of the
// region's inputs and outputs, perhaps under other dims (equal kernels are kept once).
absl::Status RunReference(const graph::Graph& region, const plan::Step& step,
                          const HostMemory& memory);

absl::Status RunCopy(const plan::Plan& plan, const plan::Step& step, const HostMemory& memory);

// `collectives` may be null: there is one rank then. FAILED_PRECONDITION when the sizes ask for other ranks.
absl::Status RunCollective(const plan::Step& step, const HostMemory& memory,
                           Collectives* collectives);

// The fault with the step's name and the model line it serves.
absl::Status AtStep(const absl::Status& status, int index, const plan::Step& step);

// "launch", "library", "copy", "collective", "host": the category of the step's event.
std::string CategoryOf(const plan::Step& step);

// One event for a step, without its times.
chips::TimelineEvent EventOf(const plan::Step& step, int index);

// Empties the timeline and gives it its name, source and a lane a stream.
void StartTimeline(const plan::Plan& plan, chips::TimelineSource source, chips::Timeline* timeline);
// Events in the order the contract asks for: by start, then lane.
void SortEvents(chips::Timeline* timeline);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_HOST_STEPS_H_
