// Runs a program on a core: what it computes, and when.
//
//   STRATA_RETURN_IF_ERROR(Verify(*core, program));
//   STRATA_ASSIGN_OR_RETURN(MemoryImage image, NewImage(*core, program));   // then fill the inputs
//   SimulationOptions options;
//   options.image = &image;                          // unset: timing only; the cycles are the same
//   STRATA_ASSIGN_OR_RETURN(const Simulation run, Simulate(*core, program, options));
//
// The rules of time (all in cycles):
// - The control unit dispatches an instruction a cycle, in order, into its unit's queue. It stands still
//   while that queue is full; an instruction's place is free in the cycle in which it starts. What is
//   dispatched at t can start at t + 1.
// - A unit starts its oldest instruction once the one before it is not busy any more, its token is there
//   (wait), and all banks it touches are free. It holds them while it is busy.
// - Results are there `latency` after the start, and in order. A signal takes a cycle of its queue, and
//   gives its token once all earlier instructions of the queue are complete, at the earliest a cycle
//   after its start. A wait takes a cycle of its queue.
// - A barrier starts once all earlier instructions of its queue are complete, and takes a cycle.
// - A fence is dispatched once all queues are empty and all instructions complete.
// Time goes from start to start, never cycle by cycle: what starts first cannot be changed by what starts
// later, so the earliest start of all queue heads is final. ReferenceSimulate() goes cycle by cycle.
#ifndef STRATA_CHIPS_NPU_SIM_SIMULATOR_H_
#define STRATA_CHIPS_NPU_SIM_SIMULATOR_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

// What a queue's head waited for, before it started.
enum class Stall : uint8_t { kDispatch, kToken, kBank, kDram };
inline constexpr int kStalls = 4;

struct UnitStats {
  int64_t instructions = 0;                  // without tokens
  int64_t busy = 0;                          // cycles, without tokens
  int64_t token_cycles = 0;                  // of signals and waits themselves
  std::array<int64_t, kStalls> stalls = {};  // cycles by Stall
};

// Bytes moved: in DRAM whole bursts.
struct MemoryStats {
  int64_t read_bytes = 0;
  int64_t written_bytes = 0;
};

// One instruction's time, in the order of starts.
struct Span {
  size_t index = 0;  // in Program::instructions
  int unit = 0;
  int64_t ready = 0;  // first cycle in which the queue would have let it start
  int64_t start = 0;
  int64_t end = 0;  // the unit is free
  int64_t macs = 0;
  int64_t bytes = 0;  // of all memories
};

struct Simulation {
  int64_t cycles = 0;  // until all is complete
  int64_t dispatched = 0;
  std::vector<UnitStats> units;       // as Isa::units
  std::vector<MemoryStats> memories;  // as Isa::memories
  std::array<int64_t, kMaxEvents> events = {};
  std::vector<Span> spans;  // only with record_spans
};

struct SimulationOptions {
  MemoryImage* image = nullptr;
  bool record_spans = false;
};

// Memories of zeros; declared memory as far as the regions reach. RESOURCE_EXHAUSTED beyond 4 GiB.
absl::StatusOr<MemoryImage> NewImage(const Core& core, const Program& program);

// Verified programs run to their end. Others stop with INVALID_ARGUMENT at an instruction that the
// machine cannot do or that is out of bounds, or FAILED_PRECONDITION when tokens deadlock; hazards and
// unwritten reads are not looked for here.
absl::StatusOr<Simulation> Simulate(const Core& core, const Program& program,
                                    const SimulationOptions& options);

int64_t Macs(const Core& core, const Simulation& run);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_SIMULATOR_H_
