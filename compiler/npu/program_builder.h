// ProgramBuilder: a program for a core's queues, written as if it ran one instruction after the other.
//
//   ProgramBuilder builder(core.get(), "scale");
//   const int64_t x = builder.AddRegion(RegionKind::kInput, "b0", 1024);
//   const int64_t y = builder.AddRegion(RegionKind::kOutput, "b1", 1024);
//   for (int64_t i = 0; i < 4; ++i) {
//     const int64_t place = 4096 * (i % 2);                        // double buffering is two places
//     builder.Emit(kLdL1, {place, x + 256 * i, 1, 256, 0, 0});
//     builder.Emit(kVwidenI8, {0, place, 1, 256, 0, 0});
//     ...
//   }
//   STRATA_ASSIGN_OR_RETURN(const Program program, std::move(builder).Finish());
//
// The program does what it would do with a fence behind each instruction. The builder sees which bytes
// each instruction touches (Core::EffectOf), and places a signal behind one and a wait before another
// exactly where two units need it (order_tracker.h); it knows nothing of a core but its table, so that any
// core whose table has CommonRows() will do. Tokens: one counter for each ordered pair of units; the
// n-th wait takes the n-th signal because both stand in the order of their queues. A unit that does not
// see its own results gets barriers (barrier_tracker.h).
//
// The instructions are dispatched in the order in which they could start with queues without end, so
// that a queue's depth holds nobody up who has work: write the simple loop, give each tile two places,
// and the next tile's loads run while this tile is multiplied. Each signal stands before its wait, so
// no queue's depth can make it deadlock.
//
// DRAM addresses of regions follow one another, 4096 bytes aligned, in the order of AddRegion.
#ifndef STRATA_COMPILER_NPU_PROGRAM_BUILDER_H_
#define STRATA_COMPILER_NPU_PROGRAM_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"
#include "compiler/npu/barrier_tracker.h"
#include "compiler/npu/order_tracker.h"

namespace strata::compiler {

class ProgramBuilder {
 public:
  // Keeps the core; `name` stands in messages.
  ProgramBuilder(const chips::npu::Core* core, const std::string& name);

  // The region's DRAM address.
  int64_t AddRegion(chips::npu::RegionKind kind, const std::string& name, int64_t bytes);

  // Appends an instruction; operands in the order of its row, addresses without registers. Control
  // instructions (registers, loops, fence, tokens) are not for callers. The first fault (an opcode or
  // operands that the core does not have, accesses out of bounds) is kept for Finish(), which names it.
  void Emit(uint8_t opcode, std::initializer_list<int64_t> operands);

  const chips::npu::Core& core() const { return *core_; }
  const absl::Status& status() const { return status_; }
  size_t size() const { return steps_.size(); }  // instructions without tokens

  // INVALID_ARGUMENT of the first fault, with the instruction. Verify() accepts what comes out, unless
  // the instructions read what none of them wrote.
  absl::StatusOr<chips::npu::Program> Finish() &&;

 private:
  struct Step {
    chips::npu::Instruction instruction;
    chips::npu::Effect effect;
    int unit = 0;
    bool barrier = false;       // before it
    std::vector<size_t> waits;  // for earlier steps
    std::vector<int> signals;   // units that wait for this one
  };

  absl::Status Append(uint8_t opcode, std::initializer_list<int64_t> operands);
  std::vector<size_t> DispatchOrder() const;
  void Place(const Step& step);
  void PlaceToken(uint8_t opcode, int from, int to);

  const chips::npu::Core* core_;
  chips::npu::Program program_;
  int64_t dram_ = 0;  // where the next region begins
  std::vector<Step> steps_;
  OrderTracker tracker_;
  BarrierTracker barriers_;
  absl::Status status_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PROGRAM_BUILDER_H_
