// The text of schedules: one line a step.
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {
namespace {

std::string LayoutText(const std::vector<Digit>& layout) {
  return absl::StrCat("[",
                      absl::StrJoin(layout, ", ",
                                    [](std::string* out, const Digit& digit) {
                                      absl::StrAppend(out, "d", digit.dim);
                                      if (digit.divisor != 1)
                                        absl::StrAppend(out, "/", digit.divisor);
                                      if (digit.modulus != 0)
                                        absl::StrAppend(out, "%", digit.modulus);
                                      if (digit.padded != 0)
                                        absl::StrAppend(out, ":", digit.padded);
                                    }),
                      "]");
}

struct StepPrinter {
  std::string operator()(const Split& s) const {
    return absl::StrCat("split ", s.loop, " ", s.factor, " -> ", s.outer, " ", s.inner);
  }
  std::string operator()(const Reorder& s) const {
    return absl::StrCat("reorder ", absl::StrJoin(s.loops, " "));
  }
  std::string operator()(const Tile& s) const {
    return absl::StrCat("tile ", s.loops[0], " ", s.loops[1], " ", s.factors[0], " ", s.factors[1],
                        " -> ", s.outer[0], " ", s.outer[1], " ", s.inner[0], " ", s.inner[1]);
  }
  std::string operator()(const Fuse& s) const {
    return absl::StrCat("fuse ", s.outer, " ", s.inner, " -> ", s.loop);
  }
  std::string operator()(const Mark& s) const {
    const char* name = s.kind == LoopKind::kUnrolled ? "unroll"
                       : s.kind == LoopKind::kVector ? "vectorise"
                                                     : "parallel";
    return absl::StrCat(name, " ", s.loop, s.with.empty() ? "" : " ", s.with);
  }
  std::string operator()(const ComputeAt& s) const {
    return absl::StrCat("compute_at ", s.buffer, " ", s.loop);
  }
  std::string operator()(const CacheRead& s) const {
    return absl::StrCat(s.layout.empty() ? "cache_read " : "pack ", s.buffer, " at ", s.loop,
                        " -> ", s.name, s.layout.empty() ? "" : " ",
                        s.layout.empty() ? "" : LayoutText(s.layout), " ", ScopeName(s.scope));
  }
  std::string operator()(const CacheWrite& s) const {
    return absl::StrCat("cache_write ", s.buffer, " at ", s.loop, " -> ", s.name, " ",
                        ScopeName(s.scope));
  }
  std::string operator()(const Tensorise& s) const {
    return absl::StrCat("tensorise ", s.loop, " ", s.intrinsic);
  }
  std::string operator()(const Prefetch& s) const {
    return absl::StrCat("prefetch ", s.buffer, " at ", s.loop, " ahead ", s.ahead,
                        s.of.empty() ? "" : " of ", absl::StrJoin(s.of, " "),
                        s.over.empty() ? "" : " over ", s.over);
  }
  std::string operator()(const Pad& s) const { return absl::StrCat("pad ", s.loop); }
  std::string operator()(const Reassociate&) const { return "reassociate"; }
};

absl::Status Fault(const std::string& message) { return absl::InvalidArgumentError(message); }

// One line: words, read one after another.
class LineParser {
 public:
  explicit LineParser(absl::string_view line)
      : words_(absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {}

  absl::StatusOr<Step> Run() {
    STRATA_ASSIGN_OR_RETURN(const std::string verb, Word("a step"));
    STRATA_ASSIGN_OR_RETURN(Step step, Read(verb));
    if (at_ < words_.size()) return Fault(absl::StrCat("'", words_[at_], "' is left over"));
    return step;
  }

 private:
  absl::StatusOr<Step> Read(const std::string& verb) {
    if (verb == "split") return ReadSplit();
    if (verb == "reorder") return ReadReorder();
    if (verb == "tile") return ReadTile();
    if (verb == "fuse") return ReadFuse();
    if (verb == "unroll") return ReadMark(LoopKind::kUnrolled);
    if (verb == "vectorise") return ReadMark(LoopKind::kVector);
    if (verb == "parallel") return ReadMark(LoopKind::kParallel);
    if (verb == "compute_at") return ReadComputeAt();
    if (verb == "cache_read" || verb == "pack") return ReadCacheRead(verb == "pack");
    if (verb == "cache_write") return ReadCacheWrite();
    if (verb == "tensorise") return ReadTensorise();
    if (verb == "pad") return ReadPad();
    if (verb == "prefetch") return ReadPrefetch();
    if (verb == "reassociate") return Step(Reassociate{});
    return Fault(
        absl::StrCat("there is no step '", verb,
                     "'; there are: split, reorder, tile, fuse, unroll, vectorise, parallel, "
                     "compute_at, cache_read, cache_write, pack, tensorise, pad, prefetch, "
                     "reassociate"));
  }

  absl::StatusOr<std::string> Word(const char* what) {
    if (at_ == words_.size()) return Fault(absl::StrCat("the line ends before ", what));
    return words_[at_++];
  }
  absl::Status Expect(const std::string& word) {
    if (at_ < words_.size() && words_[at_] == word) {
      ++at_;
      return absl::OkStatus();
    }
    return Fault(absl::StrCat("expected '", word, "', found '",
                              at_ < words_.size() ? words_[at_] : "end of line", "'"));
  }
  absl::StatusOr<int64_t> Positive(const char* what) {
    STRATA_ASSIGN_OR_RETURN(const std::string word, Word(what));
    int64_t value = 0;
    if (!absl::SimpleAtoi(word, &value) || value < 1) {
      return Fault(absl::StrCat(what, ": '", word, "' is no whole number above 0"));
    }
    return value;
  }

  absl::StatusOr<Step> ReadSplit() {
    Split s;
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    STRATA_ASSIGN_OR_RETURN(s.factor, Positive("the factor"));
    STRATA_RETURN_IF_ERROR(Expect("->"));
    STRATA_ASSIGN_OR_RETURN(s.outer, Word("the outer loop"));
    STRATA_ASSIGN_OR_RETURN(s.inner, Word("the inner loop"));
    return Step(s);
  }
  absl::StatusOr<Step> ReadReorder() {
    Reorder s;
    while (at_ < words_.size()) s.loops.push_back(words_[at_++]);
    if (s.loops.size() < 2) return Fault("name two loops or more");
    return Step(s);
  }
  absl::StatusOr<Step> ReadTile() {
    Tile s;
    for (std::string& loop : s.loops) {
      STRATA_ASSIGN_OR_RETURN(loop, Word("a loop"));
    }
    for (int64_t& factor : s.factors) {
      STRATA_ASSIGN_OR_RETURN(factor, Positive("a factor"));
    }
    STRATA_RETURN_IF_ERROR(Expect("->"));
    for (std::string& loop : s.outer) {
      STRATA_ASSIGN_OR_RETURN(loop, Word("an outer loop"));
    }
    for (std::string& loop : s.inner) {
      STRATA_ASSIGN_OR_RETURN(loop, Word("an inner loop"));
    }
    return Step(s);
  }
  absl::StatusOr<Step> ReadFuse() {
    Fuse s;
    STRATA_ASSIGN_OR_RETURN(s.outer, Word("the outer loop"));
    STRATA_ASSIGN_OR_RETURN(s.inner, Word("the inner loop"));
    STRATA_RETURN_IF_ERROR(Expect("->"));
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("the new loop"));
    return Step(s);
  }
  absl::StatusOr<Step> ReadMark(LoopKind kind) {
    Mark s;
    s.kind = kind;
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    if (kind == LoopKind::kParallel && at_ < words_.size()) s.with = words_[at_++];
    return Step(s);
  }
  absl::StatusOr<Step> ReadPad() {
    Pad s;
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    return Step(s);
  }
  absl::StatusOr<Step> ReadComputeAt() {
    ComputeAt s;
    STRATA_ASSIGN_OR_RETURN(s.buffer, Word("a buffer"));
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    return Step(s);
  }

  // "B at L -> T"
  template <typename S>
  absl::Status ReadCopy(S* s) {
    STRATA_ASSIGN_OR_RETURN(s->buffer, Word("a buffer"));
    STRATA_RETURN_IF_ERROR(Expect("at"));
    STRATA_ASSIGN_OR_RETURN(s->loop, Word("a loop"));
    STRATA_RETURN_IF_ERROR(Expect("->"));
    STRATA_ASSIGN_OR_RETURN(s->name, Word("the new buffer"));
    return absl::OkStatus();
  }
  absl::Status ReadScope(Scope* scope) {
    if (at_ == words_.size()) return absl::OkStatus();
    for (Scope s : {Scope::kScratch, Scope::kStack, Scope::kRegister}) {
      if (words_[at_] != ScopeName(s)) continue;
      *scope = s;
      ++at_;
      return absl::OkStatus();
    }
    return Fault(absl::StrCat("'", words_[at_], "' is none of scratch, stack, register"));
  }
  absl::StatusOr<Step> ReadCacheRead(bool pack) {
    CacheRead s;
    STRATA_RETURN_IF_ERROR(ReadCopy(&s));
    if (s.loop == "root") s.scope = Scope::kScratch;
    if (pack) STRATA_RETURN_IF_ERROR(ReadLayout(&s.layout));
    STRATA_RETURN_IF_ERROR(ReadScope(&s.scope));
    return Step(s);
  }
  absl::StatusOr<Step> ReadCacheWrite() {
    CacheWrite s;
    STRATA_RETURN_IF_ERROR(ReadCopy(&s));
    STRATA_RETURN_IF_ERROR(ReadScope(&s.scope));
    return Step(s);
  }
  absl::StatusOr<Step> ReadTensorise() {
    Tensorise s;
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    STRATA_ASSIGN_OR_RETURN(s.intrinsic, Word("an intrinsic"));
    return Step(s);
  }
  absl::StatusOr<Step> ReadPrefetch() {
    Prefetch s;
    STRATA_ASSIGN_OR_RETURN(s.buffer, Word("a buffer"));
    STRATA_RETURN_IF_ERROR(Expect("at"));
    STRATA_ASSIGN_OR_RETURN(s.loop, Word("a loop"));
    STRATA_RETURN_IF_ERROR(Expect("ahead"));
    STRATA_ASSIGN_OR_RETURN(const std::string ahead, Word("the distance"));
    if (!absl::SimpleAtoi(ahead, &s.ahead) || s.ahead < 0) {
      return Fault(absl::StrCat("the distance: '", ahead, "' is no whole number"));
    }
    if (at_ < words_.size() && words_[at_] == "of") {
      for (++at_; at_ < words_.size() && words_[at_] != "over"; ++at_) s.of.push_back(words_[at_]);
      if (s.of.empty()) return Fault("the line ends before a loop");
    }
    if (at_ < words_.size()) {
      STRATA_RETURN_IF_ERROR(Expect("over"));
      STRATA_ASSIGN_OR_RETURN(s.over, Word("a loop"));
    }
    return Step(s);
  }

  // Words up to the one that ends with ']'.
  absl::Status ReadLayout(std::vector<Digit>* layout) {
    std::string text;
    do {
      STRATA_ASSIGN_OR_RETURN(const std::string word, Word("the end of the layout, ']'"));
      text += word;
    } while (text.back() != ']');
    if (text.size() < 3 || text.front() != '[')
      return Fault("a layout is written [d1/32, d0, d1%32]");
    for (absl::string_view part : absl::StrSplit(text.substr(1, text.size() - 2), ',')) {
      STRATA_ASSIGN_OR_RETURN(const Digit digit, ReadDigit(part));
      layout->push_back(digit);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Digit> ReadDigit(absl::string_view part) {
    const absl::Status fault = Fault(
        absl::StrCat("layout: '", part, "' is no digit like d1, d1/32, d1%32, d1/4%8 or d1%14:16"));
    Digit digit;
    absl::string_view rest = part;
    if (!absl::ConsumePrefix(&rest, "d")) return fault;
    int64_t dim = 0;
    if (!Number(&rest, &dim)) return fault;
    digit.dim = static_cast<int>(dim);
    if (absl::ConsumePrefix(&rest, "/") && (!Number(&rest, &digit.divisor) || digit.divisor < 1))
      return fault;
    if (absl::ConsumePrefix(&rest, "%") && (!Number(&rest, &digit.modulus) || digit.modulus < 1))
      return fault;
    if (absl::ConsumePrefix(&rest, ":") && (!Number(&rest, &digit.padded) || digit.padded < 1))
      return fault;
    if (!rest.empty()) return fault;
    return digit;
  }

  static bool Number(absl::string_view* text, int64_t* value) {
    size_t digits = 0;
    while (digits < text->size() &&
           absl::ascii_isdigit(static_cast<unsigned char>((*text)[digits])))
      ++digits;
    const bool ok = digits > 0 && digits < 10 && absl::SimpleAtoi(text->substr(0, digits), value);
    text->remove_prefix(digits);
    return ok;
  }

  const std::vector<std::string> words_;
  size_t at_ = 0;
};

}  // namespace

std::string Print(const Step& step) { return std::visit(StepPrinter(), step); }

std::string Print(const Schedule& schedule) {
  std::string text;
  for (const Step& step : schedule) absl::StrAppend(&text, Print(step), "\n");
  return text;
}

absl::StatusOr<Schedule> ParseSchedule(const std::string& text) {
  Schedule schedule;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    absl::StatusOr<Step> step = LineParser(line).Run();
    if (!step.ok()) return Annotate(step.status(), absl::StrCat("schedule: line ", number));
    schedule.push_back(*std::move(step));
  }
  return schedule;
}

}  // namespace strata::compiler::schedule
