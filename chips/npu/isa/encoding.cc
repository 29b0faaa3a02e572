#include "chips/npu/isa/encoding.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace strata::chips::npu {
namespace {

constexpr uint64_t kVersion = 1;
constexpr int kOpcodeBits = 8;
constexpr int kRegisterBits = 5;

// Writes bits one behind another.
class BitWriter {
 public:
  explicit BitWriter(Word* word) : word_(word) { word_->fill(0); }
  void Put(uint64_t value, int bits) {
    for (int i = 0; i < bits; ++i, ++at_) {
      if ((value >> i) & 1) (*word_)[at_ / 8] |= static_cast<uint8_t>(1u << (at_ % 8));
    }
  }

 private:
  Word* word_;
  size_t at_ = 0;
};

class BitReader {
 public:
  explicit BitReader(const Word& word) : word_(word) {}
  uint64_t Get(int bits) {
    uint64_t value = 0;
    for (int i = 0; i < bits; ++i, ++at_) {
      value |= static_cast<uint64_t>((word_[at_ / 8] >> (at_ % 8)) & 1) << i;
    }
    return value;
  }
  int64_t GetSigned(int bits) {
    const uint64_t sign = uint64_t{1} << (bits - 1);
    return static_cast<int64_t>((Get(bits) ^ sign) - sign);
  }
  bool RestIsZero() {
    while (at_ < kWordBytes * 8) {
      if (Get(1) != 0) return false;
    }
    return true;
  }

 private:
  const Word& word_;
  size_t at_ = 0;
};

// Little-endian numbers, one behind another.
void Append(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}
  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  // Nothing is left of a number that is cut short.
  absl::StatusOr<uint64_t> Number(size_t count) {
    STRATA_ASSIGN_OR_RETURN(const absl::string_view text, Bytes(count));
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      value |= static_cast<uint64_t>(static_cast<uint8_t>(text[i])) << (8 * i);
    }
    return value;
  }
  absl::StatusOr<absl::string_view> Bytes(size_t count) {
    if (count > left()) {
      return absl::InvalidArgumentError(
          absl::StrCat("byte ", at_, ": ", count, " bytes should follow, but the file ends after ",
                       left(), "; it is cut short"));
    }
    const absl::string_view part = bytes_.substr(at_, count);
    at_ += count;
    return part;
  }

 private:
  absl::string_view bytes_;
  size_t at_ = 0;
};

absl::StatusOr<Region> DecodeRegion(ByteReader* reader) {
  Region region;
  STRATA_ASSIGN_OR_RETURN(const uint64_t kind, reader->Number(1));
  STRATA_ASSIGN_OR_RETURN(const uint64_t length, reader->Number(1));
  STRATA_ASSIGN_OR_RETURN(const uint64_t zero, reader->Number(6));
  if (kind < 1 || kind > 3 || zero != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("byte ", reader->at() - 8, ": ", kind, " is no kind of region"));
  }
  region.kind = static_cast<RegionKind>(kind);
  STRATA_ASSIGN_OR_RETURN(region.address, reader->Number(8));
  STRATA_ASSIGN_OR_RETURN(region.bytes, reader->Number(8));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view name, reader->Bytes(length));
  region.name = std::string(name);
  return region;
}

struct Header {
  uint64_t regions = 0;
  uint64_t words = 0;
};

absl::StatusOr<Header> DecodeHeader(const Isa& isa, ByteReader* reader) {
  STRATA_ASSIGN_OR_RETURN(const absl::string_view magic, reader->Bytes(4));
  if (magic != kProgramMagic) {
    return absl::InvalidArgumentError("byte 0: no binary program, which starts with 'SNPU'");
  }
  STRATA_ASSIGN_OR_RETURN(const uint64_t version, reader->Number(1));
  if (version != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("byte 4: version is ", version, "; this build reads version ", kVersion));
  }
  STRATA_ASSIGN_OR_RETURN(const uint64_t id, reader->Number(1));
  if (id != isa.id) {
    return absl::InvalidArgumentError(absl::StrCat("byte 5: is for instruction set ", id, ", not ",
                                                   isa.id, " ('", isa.name, "')"));
  }
  STRATA_ASSIGN_OR_RETURN(const uint64_t zero, reader->Number(2));
  if (zero != 0) return absl::InvalidArgumentError("byte 6: is not zero");
  Header header;
  STRATA_ASSIGN_OR_RETURN(header.regions, reader->Number(4));
  STRATA_ASSIGN_OR_RETURN(header.words, reader->Number(4));
  return header;
}

absl::StatusOr<Program> DecodeAll(const Isa& isa, absl::string_view bytes) {
  ByteReader reader(bytes);
  STRATA_ASSIGN_OR_RETURN(const Header header, DecodeHeader(isa, &reader));
  Program program;
  program.isa = &isa;
  for (uint64_t i = 0; i < header.regions; ++i) {
    STRATA_ASSIGN_OR_RETURN(Region region, DecodeRegion(&reader));
    program.regions.push_back(std::move(region));
  }
  for (uint64_t i = 0; i < header.words; ++i) {
    const size_t at = reader.at();
    STRATA_ASSIGN_OR_RETURN(const absl::string_view text, reader.Bytes(kWordBytes));
    Word word;
    std::copy(text.begin(), text.end(), word.begin());
    absl::StatusOr<Instruction> instruction = DecodeInstruction(isa, word);
    STRATA_RETURN_IF_ERROR(
        Annotate(instruction.status(), absl::StrCat("word ", i, " at byte ", at)));
    program.instructions.push_back(*instruction);
  }
  if (reader.left() != 0) {
    return absl::InvalidArgumentError(absl::StrCat("byte ", reader.at(), ": ", reader.left(),
                                                   " bytes stand behind the last word"));
  }
  return program;
}

}  // namespace

absl::StatusOr<Word> EncodeInstruction(const Instruction& instruction) {
  Word word;
  BitWriter bits(&word);
  bits.Put(instruction.row->opcode, kOpcodeBits);
  for (size_t i = 0; i < instruction.row->operands.size(); ++i) {
    const OperandRow& row = instruction.row->operands[i];
    const OperandValue& operand = instruction.operands[i];
    const OperandRange range = RangeOf(row.kind);
    if (operand.value < range.low || operand.value > range.high) {
      return absl::InvalidArgumentError(absl::StrCat(instruction.row->name, ": ", row.name, ": ",
                                                     operand.value, " is outside [", range.low,
                                                     ", ", range.high, "]"));
    }
    if (operand.base >= kRegisters) {
      return absl::InvalidArgumentError(absl::StrCat(instruction.row->name, ": ", row.name, ": r",
                                                     operand.base, " is no register"));
    }
    const bool address = row.kind == OperandKind::kAddress;
    if (address) bits.Put(operand.base, kRegisterBits);
    bits.Put(static_cast<uint64_t>(operand.value), range.bits - (address ? kRegisterBits : 0));
  }
  return word;
}

absl::StatusOr<Instruction> DecodeInstruction(const Isa& isa, const Word& word) {
  BitReader bits(word);
  Instruction instruction;
  const uint8_t opcode = static_cast<uint8_t>(bits.Get(kOpcodeBits));
  instruction.row = isa.FindOpcode(opcode);
  if (instruction.row == nullptr) {
    return absl::InvalidArgumentError(absl::StrFormat("opcode 0x%02x is no instruction", opcode));
  }
  for (size_t i = 0; i < instruction.row->operands.size(); ++i) {
    const OperandRow& row = instruction.row->operands[i];
    OperandValue& operand = instruction.operands[i];
    const OperandRange range = RangeOf(row.kind);
    const bool address = row.kind == OperandKind::kAddress;
    if (address) operand.base = static_cast<uint8_t>(bits.Get(kRegisterBits));
    const int width = range.bits - (address ? kRegisterBits : 0);
    operand.value = range.low < 0 ? bits.GetSigned(width) : static_cast<int64_t>(bits.Get(width));
    const int64_t units = static_cast<int64_t>(isa.units.size());
    if (row.kind == OperandKind::kUnit &&
        (operand.value == kControlUnit || operand.value >= units)) {
      return absl::InvalidArgumentError(absl::StrCat(instruction.row->name, ": ", row.name, ": ",
                                                     operand.value, " is no unit with a queue"));
    }
  }
  if (!bits.RestIsZero()) {
    return absl::InvalidArgumentError(
        absl::StrCat(instruction.row->name, ": bits are set behind the operands"));
  }
  return instruction;
}

absl::StatusOr<std::string> EncodeProgram(const Program& program) {
  std::string out = kProgramMagic;
  Append(kVersion, 1, &out);
  Append(program.isa->id, 1, &out);
  Append(0, 2, &out);
  Append(program.regions.size(), 4, &out);
  Append(program.instructions.size(), 4, &out);
  for (const Region& region : program.regions) {
    if (region.name.size() > 255) {
      return absl::InvalidArgumentError(
          absl::StrCat(program.name, ": region '", region.name, "': a name has at most 255 bytes"));
    }
    Append(static_cast<uint64_t>(region.kind), 1, &out);
    Append(region.name.size(), 1, &out);
    Append(0, 6, &out);
    Append(region.address, 8, &out);
    Append(region.bytes, 8, &out);
    out += region.name;
  }
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const absl::StatusOr<Word> word = EncodeInstruction(program.instructions[i]);
    STRATA_RETURN_IF_ERROR(Annotate(word.status(), program.Where(i)));
    out.append(word->begin(), word->end());
  }
  return out;
}

absl::StatusOr<Program> DecodeProgram(const Isa& isa, absl::string_view bytes,
                                      const std::string& name) {
  absl::StatusOr<Program> program = DecodeAll(isa, bytes);
  STRATA_RETURN_IF_ERROR(Annotate(program.status(), name));
  program->name = name;
  return program;
}

}  // namespace strata::chips::npu
