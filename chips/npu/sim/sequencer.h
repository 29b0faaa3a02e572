// The control unit: takes the instructions in program order, resolves registers, turns loops.
//
//   STRATA_ASSIGN_OR_RETURN(Sequencer sequencer, Sequencer::Create(program));
//   Resolved instruction;
//   while (sequencer.Next(&instruction)) ...   // control instructions too: each takes a cycle
#ifndef STRATA_CHIPS_NPU_SIM_SEQUENCER_H_
#define STRATA_CHIPS_NPU_SIM_SEQUENCER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

inline constexpr size_t kMaxLoopDepth = 8;
inline constexpr int64_t kMaxDispatched = int64_t{1} << 27;

// Keeps a reference to the program.
class Sequencer {
 public:
  // INVALID_ARGUMENT: loops that are not closed, not opened, too deep, or of a negative count.
  // RESOURCE_EXHAUSTED: a program of more than kMaxDispatched instructions.
  static absl::StatusOr<Sequencer> Create(const Program& program);

  // The queue that an instruction goes to.
  static int UnitOf(const Instruction& instruction);

  // False at the end.
  bool Next(Resolved* instruction);

 private:
  struct Turn {
    size_t begin;  // behind the loop instruction
    int64_t left;
  };

  explicit Sequencer(const Program& program) : program_(&program) {}
  void Control(const Instruction& instruction);

  const Program* program_;
  std::vector<size_t> after_;  // of a loop: what stands behind its endloop
  std::array<uint64_t, kRegisters> registers_ = {};
  std::vector<Turn> turns_;
  size_t at_ = 0;
  int64_t order_ = 0;
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_SEQUENCER_H_
