#include "chips/npu/isa/assembler.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "chips/npu/isa/spelling.h"

namespace strata::chips::npu {
namespace {

// A piece of the line, and where it starts.
struct Token {
  absl::string_view text;
  size_t column;  // from 1
};

absl::Status At(const Token& token, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(token.column, ": ", what));
}

// What the message quotes: bytes that are no text must not reach a terminal.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text), "'");
}

Token Trimmed(absl::string_view text, size_t column) {
  const size_t before = text.size();
  text = absl::StripLeadingAsciiWhitespace(text);
  return {absl::StripTrailingAsciiWhitespace(text), column + before - text.size()};
}

// "name a, b, c": the name, then what stands between commas.
std::vector<Token> Tokens(absl::string_view line) {
  const Token all = Trimmed(line.substr(0, line.find('#')), 1);
  if (all.text.empty()) return {};
  const size_t end = std::min(all.text.find_first_of(" \t\r"), all.text.size());
  std::vector<Token> tokens = {{all.text.substr(0, end), all.column}};
  const Token rest = Trimmed(all.text.substr(end), all.column + end);
  if (rest.text.empty()) return tokens;
  size_t column = rest.column;
  for (const absl::string_view part : absl::StrSplit(rest.text, ',')) {
    tokens.push_back(Trimmed(part, column));
    column += part.size() + 1;
  }
  return tokens;
}

bool ParseNumber(absl::string_view text, int64_t* value) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  uint64_t magnitude = 0;
  if (absl::StartsWith(text, "0x") || absl::StartsWith(text, "0X")) {
    text.remove_prefix(2);
    if (text.empty() || text.size() > 15) return false;
    for (const char c : text) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
      const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
      magnitude =
          magnitude * 16 + static_cast<uint64_t>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
    }
  } else {
    if (text.empty() || text.size() > 18) return false;
    for (const char c : text) {
      if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
      magnitude = magnitude * 10 + static_cast<uint64_t>(c - '0');
    }
  }
  *value = negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
  return true;
}

// "r7": 7. -1 when it is no register.
int ParseRegister(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "r") || text.empty() || text.size() > 2) return -1;
  int number = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return -1;
    number = number * 10 + (c - '0');
  }
  return number < kRegisters ? number : -1;
}

bool IsName(absl::string_view text) {
  if (text.empty() || absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

class Assembler {
 public:
  Assembler(const Isa& isa, const std::string& name) {
    program_.isa = &isa;
    program_.name = name;
  }

  absl::Status Line(absl::string_view text, int line) {
    const std::vector<Token> tokens = Tokens(text);
    if (tokens.empty()) return absl::OkStatus();
    if (tokens[0].text[0] == '.') return Directive(tokens);
    return Add(tokens, line);
  }

  Program Take() { return std::move(program_); }

 private:
  absl::Status Directive(const std::vector<Token>& tokens) {
    const absl::string_view name = tokens[0].text;
    if (name == ".def") return Define(tokens);
    if (name == ".input") return Declare(tokens, RegionKind::kInput);
    if (name == ".output") return Declare(tokens, RegionKind::kOutput);
    if (name == ".scratch") return Declare(tokens, RegionKind::kScratch);
    return At(tokens[0], absl::StrCat("unknown directive ", Quoted(name),
                                      "; there is: .input, .output, .scratch, .def"));
  }

  absl::Status Define(const std::vector<Token>& tokens) {
    if (tokens.size() != 3) return At(tokens[0], "give a name and a number: .def NAME, NUMBER");
    STRATA_ASSIGN_OR_RETURN(const int64_t value, Number(tokens[2]));
    return Name(tokens[1], value);
  }

  absl::Status Declare(const std::vector<Token>& tokens, RegionKind kind) {
    if (tokens.size() != 4) {
      return At(tokens[0],
                absl::StrCat("give three values: ", tokens[0].text, " NAME, ADDRESS, BYTES"));
    }
    STRATA_ASSIGN_OR_RETURN(const int64_t address, Number(tokens[2]));
    STRATA_ASSIGN_OR_RETURN(const int64_t bytes, Number(tokens[3]));
    if (address < 0) return At(tokens[2], "an address is not negative");
    if (bytes <= 0) return At(tokens[3], "a region has at least one byte");
    STRATA_RETURN_IF_ERROR(Name(tokens[1], address));
    program_.regions.push_back({kind, std::string(tokens[1].text), static_cast<uint64_t>(address),
                                static_cast<uint64_t>(bytes)});
    return absl::OkStatus();
  }

  absl::Status Name(const Token& token, int64_t value) {
    if (!IsName(token.text) || ParseRegister(token.text) >= 0 ||
        program_.isa->FindUnit(token.text) >= 0) {
      return At(token, absl::StrCat(Quoted(token.text),
                                    " is no name; use letters, digits and '_', "
                                    "and not a register's or a unit's name"));
    }
    if (!names_.insert({std::string(token.text), value}).second) {
      return At(token, absl::StrCat(Quoted(token.text), " is defined twice; use another name"));
    }
    return absl::OkStatus();
  }

  absl::Status Add(const std::vector<Token>& tokens, int line) {
    Instruction instruction;
    instruction.line = line;
    instruction.row = program_.isa->Find(tokens[0].text);
    if (instruction.row == nullptr) {
      return At(tokens[0],
                absl::StrCat("unknown instruction ", Quoted(tokens[0].text), "; the nearest is '",
                             NearestInstruction(*program_.isa, tokens[0].text), "'"));
    }
    const std::vector<OperandRow>& rows = instruction.row->operands;
    if (tokens.size() != rows.size() + 1) {
      std::vector<const char*> wanted;
      for (const OperandRow& row : rows) wanted.push_back(row.name);
      return At(tokens[0], absl::StrCat(instruction.row->name, " has ", tokens.size() - 1,
                                        " operands, but takes ", rows.size(), ": ",
                                        absl::StrJoin(wanted, ", ")));
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      STRATA_ASSIGN_OR_RETURN(instruction.operands[i], Operand(rows[i], tokens[i + 1]));
    }
    program_.instructions.push_back(instruction);
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Number(const Token& token) const {
    int64_t value = 0;
    if (ParseNumber(token.text, &value)) return value;
    const auto name = names_.find(std::string(token.text));
    if (name != names_.end()) return name->second;
    return At(token, absl::StrCat(Quoted(token.text),
                                  " is neither a number nor a name defined above; define it with "
                                  ".def or .input"));
  }

  absl::StatusOr<OperandValue> Operand(const OperandRow& row, const Token& token) const {
    OperandValue operand;
    if (row.kind == OperandKind::kAddress) {
      STRATA_ASSIGN_OR_RETURN(operand, Address(token));
    } else if (row.kind == OperandKind::kRegister) {
      operand.value = ParseRegister(token.text);
      if (operand.value < 0) {
        return At(token,
                  absl::StrCat(row.name, ": ", Quoted(token.text), " is no register; r0 to r31"));
      }
    } else if (row.kind == OperandKind::kUnit) {
      operand.value = program_.isa->FindUnit(token.text);
      if (operand.value <= kControlUnit) {
        return At(token, absl::StrCat(row.name, ": ", Quoted(token.text),
                                      " is no unit with a queue; ", UnitNames(*program_.isa)));
      }
    } else {
      STRATA_ASSIGN_OR_RETURN(operand.value, Number(token));
    }
    const OperandRange range = RangeOf(row.kind);
    if (operand.value < range.low || operand.value > range.high) {
      return At(token, absl::StrCat(row.name, ": ", operand.value, " is outside [", range.low, ", ",
                                    range.high, "], what ", KindName(row.kind), " operands hold"));
    }
    return operand;
  }

  absl::StatusOr<OperandValue> Address(const Token& token) const {
    const size_t end = token.text.find_first_of("+-");
    const int base = ParseRegister(absl::StripTrailingAsciiWhitespace(token.text.substr(0, end)));
    OperandValue operand;
    if (base < 0) {
      STRATA_ASSIGN_OR_RETURN(operand.value, Number(token));
      return operand;
    }
    operand.base = static_cast<uint8_t>(base);
    if (end == absl::string_view::npos) return operand;
    const Token offset = Trimmed(token.text.substr(end + 1), token.column + end + 1);
    STRATA_ASSIGN_OR_RETURN(operand.value, Number(offset));
    if (token.text[end] == '-') operand.value = -operand.value;
    return operand;
  }

  Program program_;
  std::map<std::string, int64_t> names_;
};

}  // namespace

absl::StatusOr<Program> Assemble(const Isa& isa, absl::string_view text, const std::string& name) {
  Assembler assembler(isa, name);
  int line = 0;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    ++line;
    const absl::Status status = assembler.Line(part, line);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ":", line, ":", status.message()));
    }
  }
  return assembler.Take();
}

}  // namespace strata::chips::npu
