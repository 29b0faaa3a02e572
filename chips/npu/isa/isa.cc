#include "chips/npu/isa/isa.h"

#include <set>

namespace strata::chips::npu {
namespace {

constexpr int kOpcodeBits = 8;

absl::Status CheckRow(const Isa& isa, const InstructionRow& row) {
  const int units = static_cast<int>(isa.units.size());
  if (row.unit < -1 || row.unit >= units) return absl::InvalidArgumentError("names no unit");
  if (row.opcode == 0) return absl::InvalidArgumentError("opcode 0 is no instruction");
  if (row.operands.size() > kMaxOperands) return absl::InvalidArgumentError("too many operands");
  int bits = kOpcodeBits;
  for (const OperandRow& operand : row.operands) {
    bits += RangeOf(operand.kind).bits;
    const bool address = operand.kind == OperandKind::kAddress;
    const bool common = row.opcode <= kBarrier;
    const int memories = static_cast<int>(isa.memories.size());
    if (address && !common && (operand.memory < 0 || operand.memory >= memories)) {
      return absl::InvalidArgumentError(absl::StrCat(operand.name, ": names no memory"));
    }
  }
  if (bits > kWordBytes * 8) {
    return absl::InvalidArgumentError(absl::StrCat("needs ", bits, " bits of a word"));
  }
  return absl::OkStatus();
}

}  // namespace

const InstructionRow* Isa::Find(absl::string_view name) const {
  for (const InstructionRow& row : instructions) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const InstructionRow* Isa::FindOpcode(uint8_t opcode) const {
  for (const InstructionRow& row : instructions) {
    if (opcode == row.opcode) return &row;
  }
  return nullptr;
}

int Isa::FindUnit(absl::string_view name) const {
  for (size_t i = 0; i < units.size(); ++i) {
    if (name == units[i].name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<OperandRow> CopyOperands(int to, int from) {
  using K = OperandKind;
  return {{"dst", K::kAddress, to, "first byte written"},
          {"src", K::kAddress, from, "first byte read"},
          {"rows", K::kSize, -1, "rows"},
          {"row_bytes", K::kSize, -1, "bytes of a row"},
          {"dst_stride", K::kStride, -1, "from row to row of dst"},
          {"src_stride", K::kStride, -1, "from row to row of src"}};
}

const std::vector<InstructionRow>& CommonRows() {
  using K = OperandKind;
  static const auto& rows = *new std::vector<InstructionRow>{
      {"set",
       kSet,
       kControlUnit,
       {{"rd", K::kRegister, -1, "register to write"}, {"value", K::kImmediate, -1, "its value"}},
       "rd = value",
       "1"},
      {"add",
       kAdd,
       kControlUnit,
       {{"rd", K::kRegister, -1, "register to write"},
        {"rs", K::kRegister, -1, "register to read"},
        {"value", K::kImmediate, -1, "what is added"}},
       "rd = rs + value, 64 bits, modulo 2^64",
       "1"},
      {"loop",
       kLoop,
       kControlUnit,
       {{"count", K::kImmediate, -1, "times; 0 skips to behind the endloop"}},
       "does what stands before the matching endloop count times; at most 8 deep",
       "1, once"},
      {"endloop", kEndLoop, kControlUnit, {}, "ends the innermost loop", "1 a turn"},
      {"fence",
       kFence,
       kControlUnit,
       {},
       "waits until all queues are empty and all instructions complete; orders all before it and "
       "all after it",
       "1 after the last completion"},
      {"signal",
       kSignal,
       -1,
       {{"from", K::kUnit, -1, "the unit whose queue this goes to"},
        {"to", K::kUnit, -1, "the unit that waits"},
        {"token", K::kToken, -1, "index of the counter"}},
       "adds one to the counter (from, to, token) once all earlier instructions of the queue "
       "`from` are complete; does not hold the queue up meanwhile",
       "1"},
      {"wait",
       kWait,
       -1,
       {{"from", K::kUnit, -1, "the unit that signals"},
        {"to", K::kUnit, -1, "the unit whose queue this goes to"},
        {"token", K::kToken, -1, "index of the counter"}},
       "holds the queue `to` until the counter (from, to, token) is above zero, then takes one "
       "from it",
       "1 after the signal"},
  };
  return rows;
}

OperandRange RangeOf(OperandKind kind) {
  constexpr int64_t kOne = 1;
  switch (kind) {
    case OperandKind::kAddress:
      return {41, -(kOne << 35), (kOne << 35) - 1};
    case OperandKind::kSize:
      return {16, 0, (kOne << 16) - 1};
    case OperandKind::kStride:
      return {24, 0, (kOne << 24) - 1};
    case OperandKind::kIndex:
      return {8, 0, 255};
    case OperandKind::kImmediate:
      return {32, -(kOne << 31), (kOne << 31) - 1};
    case OperandKind::kUnit:
      return {4, 0, kMaxUnits - 1};
    case OperandKind::kToken:
      return {4, 0, kTokenIndices - 1};
    case OperandKind::kRegister:
      return {5, 0, kRegisters - 1};
  }
  return {0, 0, 0};
}

const char* KindName(OperandKind kind) {
  switch (kind) {
    case OperandKind::kAddress:
      return "address";
    case OperandKind::kSize:
      return "size";
    case OperandKind::kStride:
      return "stride";
    case OperandKind::kIndex:
      return "index";
    case OperandKind::kImmediate:
      return "immediate";
    case OperandKind::kUnit:
      return "unit";
    case OperandKind::kToken:
      return "token";
    case OperandKind::kRegister:
      return "register";
  }
  return "";
}

absl::Status ValidateIsa(const Isa& isa) {
  if (isa.units.size() > kMaxUnits) return absl::InvalidArgumentError("too many units");
  std::set<std::string> names;
  std::set<int> opcodes;
  for (const InstructionRow& row : isa.instructions) {
    if (!names.insert(row.name).second || !opcodes.insert(row.opcode).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(row.name, ": its name or opcode ", row.opcode, " is in the table twice"));
    }
    STRATA_RETURN_IF_ERROR(Annotate(CheckRow(isa, row), row.name));
  }
  return absl::OkStatus();
}

}  // namespace strata::chips::npu
