#include "inference/grammar/program.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/grammar/analysis.h"
#include "inference/grammar/utf8_ranges.h"

namespace strata::inference::grammar {
namespace {

using Op = Instruction::Op;

// Writes expressions from behind: each is told where to go on, and tells where it begins.
class Writer {
 public:
  explicit Writer(const Grammar& grammar)
      : grammar_(grammar),
        productive_(ProductiveRules(grammar)),
        small_(SmallRules(grammar)),
        starts_(grammar.rules.size(), kUnwritten) {
    for (Op op : {Op::kAccept, Op::kBottom, Op::kReturn}) Add({.op = op});
  }

  absl::StatusOr<Program> Write() {
    if (!productive_[0]) {
      return absl::InvalidArgumentError(
          absl::StrCat("rule ", grammar_.rules[0].name, ": no text matches; every way is endless"));
    }
    // A rule written out at its end may name others, so those wait in a list.
    program_.root = Start(0);
    while (!open_.empty()) {
      const int rule = open_.back();
      open_.pop_back();
      const int32_t body =
          Expression(grammar_.rules[static_cast<size_t>(rule)].body, Program::kReturn);
      program_.code[static_cast<size_t>(Start(rule))].next = body;
      if (full()) {
        return absl::InvalidArgumentError(
            absl::StrCat("the grammar is too large: more than ", Program::kMostInstructions,
                         " instructions in rule ", grammar_.rules[static_cast<size_t>(rule)].name));
      }
    }
    SkipJumps();
    FindByteClasses();
    return std::move(program_);
  }

 private:
  static constexpr int32_t kUnwritten = -1;

  bool full() const { return program_.code.size() > Program::kMostInstructions; }

  int32_t Add(Instruction instruction) {
    program_.code.push_back(instruction);
    return static_cast<int32_t>(program_.code.size()) - 1;
  }

  // A split of one way, which stands for the rule before it is written.
  int32_t Start(int rule) {
    int32_t& start = starts_[static_cast<size_t>(rule)];
    if (start != kUnwritten) return start;
    open_.push_back(rule);
    return start = Add({.op = Op::kSplit, .other = kUnwritten});
  }

  int32_t Expression(const Expr& expr, int32_t next) {
    if (full()) return next;
    switch (expr.kind) {
      case Expr::Kind::kText:
        for (size_t i = expr.text.size(); i-- > 0;) {
          const auto byte = static_cast<uint8_t>(expr.text[i]);
          next = Add({.op = Op::kByte, .first = byte, .last = byte, .next = next});
        }
        return next;
      case Expr::Kind::kClass:
        return ClassOf(expr, next);
      case Expr::Kind::kSequence:
        for (size_t i = expr.parts.size(); i-- > 0;) next = Expression(expr.parts[i], next);
        return next;
      case Expr::Kind::kChoice:
        return ChoiceOf(expr, next);
      case Expr::Kind::kRepeat:
        return Repetition(expr, next);
      case Expr::Kind::kRule:
        break;
    }
    if (small_[static_cast<size_t>(expr.rule)])
      return Expression(grammar_.rules[static_cast<size_t>(expr.rule)].body, next);
    return Add({.op = Op::kCall, .next = next, .other = Start(expr.rule)});
  }

  int32_t AnyOf(const std::vector<int32_t>& ways) {
    int32_t any = ways.back();
    for (size_t i = ways.size() - 1; i-- > 0;)
      any = Add({.op = Op::kSplit, .next = ways[i], .other = any});
    return any;
  }

  int32_t ChoiceOf(const Expr& expr, int32_t next) {
    std::vector<int32_t> ways;
    for (const Expr& part : expr.parts)
      if (IsProductive(part, productive_)) ways.push_back(Expression(part, next));
    return AnyOf(ways);
  }

  // Ends that characters have in common are written once.
  int32_t ClassOf(const Expr& expr, int32_t next) {
    std::map<std::pair<int32_t, std::pair<uint8_t, uint8_t>>, int32_t> written;
    std::vector<int32_t> ways;
    for (const CodeRange& range : Normalized(expr.ranges)) {
      for (const ByteSequence& sequence : Utf8Ranges(range)) {
        int32_t at = next;
        for (size_t i = sequence.size(); i-- > 0;) {
          const auto [entry, fresh] =
              written.try_emplace({at, {sequence[i].first, sequence[i].last}}, 0);
          if (fresh) {
            entry->second = Add({.op = Op::kByte,
                                 .first = sequence[i].first,
                                 .last = sequence[i].last,
                                 .next = at});
          }
          at = entry->second;
        }
        if (std::find(ways.begin(), ways.end(), at) == ways.end()) ways.push_back(at);
      }
    }
    return AnyOf(ways);
  }

  // The part is never nullable here.
  int32_t Repetition(const Expr& expr, int32_t next) {
    const Expr& part = expr.parts[0];
    if (expr.most == 0 || !IsProductive(part, productive_)) return next;
    if (expr.least == 1 && expr.most == 1) return Expression(part, next);
    if (expr.least == 0 && expr.most == 1) {
      const int32_t once = Expression(part, next);
      return Add({.op = Op::kSplit, .next = once, .other = next});
    }
    const bool counts = expr.most != kNoLimit || expr.least > 1;
    const int32_t loop = Add({.op = counts ? Op::kLoop : Op::kSplit, .other = next});
    const int32_t body = Expression(part, loop);
    program_.code[static_cast<size_t>(loop)].next = body;
    if (!counts) return expr.least == 0 ? loop : body;
    return Add({.op = Op::kBegin, .next = loop, .least = expr.least, .most = expr.most});
  }

  // Splits of one way, the starts of rules, are gone through.
  int32_t Behind(int32_t at) const {
    const Instruction& instruction = program_.code[static_cast<size_t>(at)];
    return instruction.op == Op::kSplit && instruction.other == kUnwritten ? instruction.next : at;
  }

  void SkipJumps() {
    for (Instruction& instruction : program_.code) {
      if (instruction.op == Op::kCall) instruction.other = Behind(instruction.other);
    }
    program_.root = Behind(program_.root);
  }

  void FindByteClasses() {
    std::array<bool, 257> begins{};
    for (const Instruction& instruction : program_.code) {
      if (instruction.op != Op::kByte) continue;
      begins[instruction.first] = begins[static_cast<size_t>(instruction.last) + 1] = true;
    }
    for (size_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && begins[byte]) ++program_.classes;
      program_.byte_class[byte] = static_cast<uint8_t>(program_.classes);
    }
    ++program_.classes;
  }

  const Grammar& grammar_;
  const RuleFlags productive_, small_;
  std::vector<int32_t> starts_;  // by rule
  std::vector<int> open_;        // rules to be written
  Program program_;
};

}  // namespace

absl::StatusOr<Program> Program::Compile(Grammar grammar) {
  STRATA_RETURN_IF_ERROR(CheckShape(grammar));
  STRATA_RETURN_IF_ERROR(CheckLeftRecursion(grammar));
  STRATA_RETURN_IF_ERROR(MakeRepetitionsNonNullable(&grammar));
  return Writer(grammar).Write();
}

}  // namespace strata::inference::grammar
