// Streams: lets collectives run beside the steps that do not need their results.
//
//   StreamCollectives(request, &plan);   // before the memory is planned: who runs beside
//   PlanMemory(request, &plan);          // keeps what a running collective reads
//   OrderStreams(&plan);                 // after it: who waits for whom
//
// Stream 0 computes, stream 1 moves bytes between ranks, in the order of the steps, so that all ranks make the same calls.
#ifndef STRATA_COMPILER_MEMORY_STREAMS_H_
#define STRATA_COMPILER_MEMORY_STREAMS_H_

#include "compiler/memory/memory_plan.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// Whether the step moves bytes between ranks (shard and rank_index do not).
bool MovesBytesBetweenRanks(const plan::Step& step);

// Puts the collectives on a stream of their own, when there is one whose result is not read by the very next step.
// Otherwise all stays on stream 0.
void StreamCollectives(const MemoryRequest& request, plan::Plan* plan);

// The first step after `step` that reads what it writes; the number of steps when none does.
int FirstReader(const MemoryRequest& request, const plan::Plan& plan, int step);

// Fills Step.wait_for between the streams, by the storage that the steps share.
void OrderStreams(plan::Plan* plan);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_STREAMS_H_
