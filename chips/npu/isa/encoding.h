// Binary programs: words of 256 bits, and a file of them.
//
// Word: bits 0 to 7 the opcode, then each operand of the table's row in order, in as many bits as its
// kind has (RangeOf), two's complement where the kind is signed; an address is 5 bits of register, then
// 36 of offset. All bits behind are zero. Bit i of the word is bit i % 8 of byte i / 8.
//
// File, little-endian: "SNPU", version (1 byte, 1), ISA id (1), 2 bytes 0, #regions (4), #words (4); a
// region: kind (1), length of its name (1), 6 bytes 0, address (8), bytes (8), name; then the words.
#ifndef STRATA_CHIPS_NPU_ISA_ENCODING_H_
#define STRATA_CHIPS_NPU_ISA_ENCODING_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/npu/isa/program.h"

namespace strata::chips::npu {

inline constexpr char kProgramMagic[] = "SNPU";  // what a file begins with

using Word = std::array<uint8_t, kWordBytes>;

// INVALID_ARGUMENT names an operand outside its kind's range.
absl::StatusOr<Word> EncodeInstruction(const Instruction& instruction);

// INVALID_ARGUMENT: an unknown opcode, bits set behind the operands, a unit that does not exist.
absl::StatusOr<Instruction> DecodeInstruction(const Isa& isa, const Word& word);

absl::StatusOr<std::string> EncodeProgram(const Program& program);

// `name` stands in messages: "gemm.bin: word 3 at byte 112: opcode 0xff is no instruction".
absl::StatusOr<Program> DecodeProgram(const Isa& isa, absl::string_view bytes,
                                      const std::string& name);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ENCODING_H_
