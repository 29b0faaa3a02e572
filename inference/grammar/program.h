// Program: a grammar as instructions of a machine that reads bytes (matcher.h), one program for all rules.
//
//   STRATA_ASSIGN_OR_RETURN(Program program, Program::Compile(grammar));
//
// As Thompson (1968) made them for regular expressions, with two additions: rules are called and return, and repetitions
// count ("a{2,9000}" is as long as "a{2,3}").
#ifndef STRATA_INFERENCE_GRAMMAR_PROGRAM_H_
#define STRATA_INFERENCE_GRAMMAR_PROGRAM_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "inference/grammar/grammar.h"

namespace strata::inference::grammar {

struct Instruction {
  enum class Op : uint8_t {
    kAccept,  // the whole text is matched
    kBottom,  // the text of which nothing is known goes on (see Matcher)
    kReturn,  // behind the call
    kByte,    // reads a byte in [first, last]
    kSplit,   // goes on with `next` and with `other`
    kCall,    // reads the rule at `other`, then goes on with `next`
    kBegin,   // a repetition of `least` to `most` times begins; `next` is its kLoop
    kLoop     // once more (`next`) or enough (`other`), as the count allows
  };
  Op op = Op::kByte;
  uint8_t first = 0, last = 0;
  int32_t next = 0, other = 0;
  int32_t least = 0, most = 0;
};

struct Program {
  // Where these instructions stand in all programs.
  static constexpr int32_t kAccept = 0, kBottom = 1, kReturn = 2;
  static constexpr size_t kMostInstructions = 400'000;

  std::vector<Instruction> code;
  int32_t root = 0;                       // where the root begins
  std::array<uint8_t, 256> byte_class{};  // bytes of a class are the same to all instructions
  int classes = 0;

  // INVALID_ARGUMENT when the grammar is malformed, is left recursive, has no text at all, or is too large. Choices that
  // no text has (a rule that never ends) are left out.
  static absl::StatusOr<Program> Compile(Grammar grammar);
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_PROGRAM_H_
