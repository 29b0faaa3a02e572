#include "chips/npu/sim/sequencer.h"

namespace strata::chips::npu {
namespace {

// An open loop while the program is read.
struct Open {
  size_t index;
  int64_t times;  // its body is done, outer loops included
};

// How many instructions are dispatched; fills where each loop ends.
absl::StatusOr<int64_t> Count(const Program& program, std::vector<size_t>* after) {
  after->assign(program.instructions.size(), 0);
  std::vector<Open> open;
  int64_t total = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    const auto bad = [&](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat(program.Where(i), ": ", what));
    };
    total += open.empty() ? 1 : open.back().times;
    if (instruction.row->opcode == kLoop) {
      const int64_t count = instruction.operands[0].value;
      if (count < 0) return bad("loop: count is negative");
      if (open.size() == kMaxLoopDepth) return bad("loop: more than 8 loops inside one another");
      open.push_back({i, count * (open.empty() ? 1 : open.back().times)});
    } else if (instruction.row->opcode == kEndLoop) {
      if (open.empty()) return bad("endloop: no loop is open");
      (*after)[open.back().index] = i + 1;
      open.pop_back();
    }
    if (total > kMaxDispatched || (!open.empty() && open.back().times > kMaxDispatched)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(program.Where(i), ": the program is longer than ", kMaxDispatched,
                       " instructions; give smaller loop counts"));
    }
  }
  if (!open.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(program.Where(open.back().index), ": loop: no endloop closes it"));
  }
  return total;
}

}  // namespace

absl::StatusOr<Sequencer> Sequencer::Create(const Program& program) {
  Sequencer sequencer(program);
  STRATA_RETURN_IF_ERROR(Count(program, &sequencer.after_).status());
  return sequencer;
}

int Sequencer::UnitOf(const Instruction& instruction) {
  if (instruction.row->unit >= 0) return instruction.row->unit;
  const size_t operand = instruction.row->opcode == kWait ? 1 : 0;
  return static_cast<int>(instruction.operands[operand].value);
}

bool Sequencer::Next(Resolved* resolved) {
  if (at_ >= program_->instructions.size()) return false;
  const Instruction& instruction = program_->instructions[at_];
  resolved->row = instruction.row;
  resolved->unit = UnitOf(instruction);
  resolved->index = at_++;
  resolved->order = ++order_;
  for (size_t i = 0; i < instruction.row->operands.size(); ++i) {
    const OperandValue& operand = instruction.operands[i];
    resolved->values[i] =
        static_cast<int64_t>(static_cast<uint64_t>(operand.value) + registers_[operand.base]);
  }
  if (resolved->unit == kControlUnit) Control(instruction);
  return true;
}

void Sequencer::Control(const Instruction& instruction) {
  const auto value = [&](size_t i) { return static_cast<uint64_t>(instruction.operands[i].value); };
  switch (instruction.row->opcode) {
    case kSet:
      registers_[value(0)] = value(1);
      break;
    case kAdd:
      registers_[value(0)] = registers_[value(1)] + value(2);
      break;
    case kLoop:
      if (value(0) == 0) {
        at_ = after_[at_ - 1];
      } else {
        turns_.push_back({at_, instruction.operands[0].value});
      }
      break;
    case kEndLoop:
      if (--turns_.back().left > 0) {
        at_ = turns_.back().begin;
      } else {
        turns_.pop_back();
      }
      break;
    default:
      break;
  }
  registers_[0] = 0;
}

}  // namespace strata::chips::npu
