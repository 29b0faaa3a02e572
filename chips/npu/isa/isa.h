// The table an instruction set is made of. Everything that knows instructions reads it: the text
// assembler, the disassembler, the binary encoding, the verifier and the reference document.
//
//   const Isa& isa = ArrayIsa();                       // the systolic array's core
//   const InstructionRow* row = isa.Find("mm.i8");     // row->unit, row->operands, row->cycles
//
// A core is a set of units. Each unit but the control unit has a queue and works through it in order;
// units order each other only by tokens (decoupled access-execute: Smith 1982; tokens between queues:
// Moreau et al., "A Hardware-Software Blueprint for Flexible Deep Learning Specialization", IEEE
// Micro 2019). A token is named by the unit that signals it, the unit that waits for it, and an index,
// so that each counter has one producer and one consumer: the n-th wait is for the n-th signal,
// whatever the timing. Rows that all cores share (registers, loops, fence, tokens) are CommonRows().
#ifndef STRATA_CHIPS_NPU_ISA_ISA_H_
#define STRATA_CHIPS_NPU_ISA_ISA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::chips::npu {

inline constexpr int kRegisters = 32;     // r0 reads as zero
inline constexpr int kTokenIndices = 16;  // of each ordered pair of units
inline constexpr int kMaxOperands = 9;
inline constexpr int kMaxUnits = 8;
inline constexpr int kWordBytes = 32;
inline constexpr int kControlUnit = 0;

enum class OperandKind : uint8_t {
  kAddress,    // register (5 bits) + signed offset (36 bits): "r3+64"
  kSize,       // 16 bits, unsigned
  kStride,     // 24 bits, unsigned: bytes from one row to the next
  kIndex,      // 8 bits, unsigned
  kImmediate,  // 32 bits, signed
  kUnit,       // 4 bits: a unit's name
  kToken,      // 4 bits
  kRegister,   // 5 bits: "r3"
};

struct OperandRow {
  const char* name;
  OperandKind kind;
  int memory;  // of a kAddress: index into Isa::memories; else -1
  const char* meaning;
};

struct InstructionRow {
  const char* name;
  uint8_t opcode;  // never 0: a word of zeros is no instruction
  int unit;        // the queue; -1: the queue that an operand names (wait, signal, barrier)
  std::vector<OperandRow> operands;
  const char* meaning;
  const char* cycles;
};

struct NamedRow {
  const char* name;
  const char* meaning;
};

// Opcodes of CommonRows().
enum CommonOpcode : uint8_t {
  kSet = 1,
  kAdd = 2,
  kLoop = 3,
  kEndLoop = 4,
  kFence = 5,
  kSignal = 6,
  kWait = 7,
  kBarrier = 8,  // only in the tables of cores that need it (Core::SeesItself)
};

struct Isa {
  const char* name;
  uint8_t id;  // in the header of a binary program
  const char* title;
  const char* renewal;          // the command that writes the reference document
  std::vector<NamedRow> units;  // [0] is the control unit
  std::vector<NamedRow> memories;
  std::vector<InstructionRow> instructions;
  std::vector<NamedRow> rules;  // what the document says beside the table

  // nullptr when there is none.
  const InstructionRow* Find(absl::string_view name) const;
  const InstructionRow* FindOpcode(uint8_t opcode) const;
  int FindUnit(absl::string_view name) const;  // -1 when there is none
};

// All but kBarrier. Other cores may have signal and wait by other names, with the same opcodes and
// operands: what handles any core looks for opcodes, not for names.
const std::vector<InstructionRow>& CommonRows();

// Of an instruction that copies rows of bytes from one memory to another, by index of Isa::memories.
std::vector<OperandRow> CopyOperands(int to, int from);

// Orders queues rather than work: signal, wait, barrier.
inline bool IsToken(uint8_t opcode) { return opcode >= kSignal && opcode <= kBarrier; }

// Bits of an operand in the word, and the least and greatest value (of an address: of its offset).
struct OperandRange {
  int bits;
  int64_t low, high;
};
OperandRange RangeOf(OperandKind kind);
const char* KindName(OperandKind kind);

// A table's own faults: names and opcodes twice, words too long, units and memories that do not exist.
absl::Status ValidateIsa(const Isa& isa);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ISA_H_
