#include "compiler/npu/program_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/disassembler.h"
#include "compiler/npu/dispatch_order.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::Instruction;
using chips::npu::InstructionRow;
using chips::npu::Program;
using chips::npu::RegionKind;

constexpr int64_t kRegionAlignment = 4096;

absl::Status CheckRange(const chips::npu::OperandRow& row, int64_t value) {
  const chips::npu::OperandRange range = chips::npu::RangeOf(row.kind);
  if (range.low <= value && value <= range.high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(row.name, ": ", value, " is not within [", range.low, ", ", range.high, "]"));
}

}  // namespace

ProgramBuilder::ProgramBuilder(const Core* core, const std::string& name)
    : core_(core), tracker_(core->memories().size()), barriers_(*core) {
  program_.isa = &core->isa();
  program_.name = name;
}

int64_t ProgramBuilder::AddRegion(RegionKind kind, const std::string& name, int64_t bytes) {
  const int64_t address = dram_;
  program_.regions.push_back(
      {kind, name, static_cast<uint64_t>(address), static_cast<uint64_t>(bytes)});
  dram_ += (bytes + kRegionAlignment - 1) / kRegionAlignment * kRegionAlignment;
  return address;
}

void ProgramBuilder::Emit(uint8_t opcode, std::initializer_list<int64_t> operands) {
  if (!status_.ok()) return;
  status_ = Annotate(Append(opcode, operands),
                     absl::StrCat(program_.name, ": instruction ", steps_.size()));
}

absl::Status ProgramBuilder::Append(uint8_t opcode, std::initializer_list<int64_t> operands) {
  const InstructionRow* row = core_->isa().FindOpcode(opcode);
  if (row == nullptr || row->unit <= chips::npu::kControlUnit) {
    return absl::InvalidArgumentError(absl::StrCat("opcode ", static_cast<int>(opcode),
                                                   " is no instruction of a unit of ",
                                                   core_->isa().name));
  }
  if (operands.size() != row->operands.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(row->name, " has ", row->operands.size(), " operands, not ", operands.size()));
  }
  Step step;
  step.unit = row->unit;
  step.instruction.row = row;
  chips::npu::Resolved resolved;
  resolved.row = row;
  resolved.unit = row->unit;
  resolved.index = steps_.size();
  size_t i = 0;
  for (const int64_t operand : operands) {
    STRATA_RETURN_IF_ERROR(Annotate(CheckRange(row->operands[i], operand), row->name));
    step.instruction.operands[i].value = operand;
    resolved.values[i++] = operand;
  }
  absl::Status status = core_->EffectOf(resolved, &step.effect);
  if (status.ok()) status = CheckAccesses(*core_, program_, step.effect);
  if (!status.ok()) return Annotate(status, Disassemble(core_->isa(), step.instruction));
  step.waits = tracker_.Append(step.unit, step.effect);
  step.barrier = barriers_.Append(step.unit, step.effect);
  for (const size_t wait : step.waits) steps_[wait].signals.push_back(step.unit);
  steps_.push_back(std::move(step));
  return absl::OkStatus();
}

std::vector<size_t> ProgramBuilder::DispatchOrder() const {
  std::vector<TimedStep> timed;
  timed.reserve(steps_.size());
  for (const Step& step : steps_) timed.push_back({step.unit, &step.effect, &step.waits});
  return compiler::DispatchOrder(*core_, timed);
}

void ProgramBuilder::PlaceToken(uint8_t opcode, int from, int to) {
  Instruction token;
  token.row = core_->isa().FindOpcode(opcode);
  token.operands[0].value = from;
  token.operands[1].value = to;
  program_.instructions.push_back(token);
}

void ProgramBuilder::Place(const Step& step) {
  for (const size_t wait : step.waits) {
    PlaceToken(chips::npu::kWait, steps_[wait].unit, step.unit);
  }
  if (step.barrier) {
    Instruction barrier;
    barrier.row = core_->isa().FindOpcode(chips::npu::kBarrier);
    barrier.operands[0].value = step.unit;
    program_.instructions.push_back(barrier);
  }
  program_.instructions.push_back(step.instruction);
  for (const int to : step.signals) PlaceToken(chips::npu::kSignal, step.unit, to);
}

absl::StatusOr<Program> ProgramBuilder::Finish() && {
  STRATA_RETURN_IF_ERROR(status_);
  for (const size_t index : DispatchOrder()) Place(steps_[index]);
  return std::move(program_);
}

}  // namespace strata::compiler
