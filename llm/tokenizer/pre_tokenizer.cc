#include "llm/tokenizer/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "inference/engine/utf8.h"

namespace strata::llm {
namespace {

using inference::Utf8Kind;
using inference::Utf8Scan;
using inference::ValidUtf8Prefix;

struct Cut {
  std::string pattern;
  bool literal = false;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
};

constexpr char kPunctuationPattern[] = R"([\p{P}!-/:-@\[-`{-~])";

// The split of a step; none for one that cuts nothing.
std::optional<Cut> CutOf(const PreTokenizerStep& step) {
  switch (step.kind) {
    case PreTokenizerStep::Kind::kSplit:
      return Cut{step.pattern, step.literal, step.behavior, step.invert};
    case PreTokenizerStep::Kind::kByteLevel:
      if (!step.use_regex) return std::nullopt;
      return Cut{kGpt2Pattern};
    case PreTokenizerStep::Kind::kDigits:
      return Cut{step.individual_digits ? R"(\p{N})" : R"(\p{N}+)"};
    case PreTokenizerStep::Kind::kPunctuation:
      return Cut{kPunctuationPattern, false, step.behavior};
    case PreTokenizerStep::Kind::kWhitespace:
      return Cut{R"(\w+|[^\w\s]+)", false, SplitBehavior::kRemoved, true};
    case PreTokenizerStep::Kind::kWhitespaceSplit:
    case PreTokenizerStep::Kind::kBert:  // punctuation is a second step
      return Cut{R"(\s)", false, SplitBehavior::kRemoved};
    case PreTokenizerStep::Kind::kMetaspace:
      if (!step.split) return std::nullopt;
      return Cut{step.replacement, true, SplitBehavior::kMergedWithNext};
  }
  return std::nullopt;
}

// Splitters give pieces without gaps: the same whether matches are pieces or cuts.
bool KeepsMatches(const Cut& cut) {
  return cut.invert ? cut.behavior == SplitBehavior::kRemoved
                    : cut.behavior == SplitBehavior::kIsolated;
}

// Joins the stretches between and inside matches as the behaviour says, one stretch at a time.
class Joiner {
 public:
  Joiner(SplitBehavior behavior, absl::string_view text, PreTokenizer::Sink sink)
      : behavior_(behavior), text_(text), sink_(sink) {}

  void Add(size_t begin, size_t end, bool is_match) {
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (!is_match) Emit({begin, end});
        return;
      case SplitBehavior::kIsolated:
        Emit({begin, end});
        return;
      case SplitBehavior::kContiguous:
        return Hold({begin, end}, is_match, held_ && held_match_ == is_match);
      case SplitBehavior::kMergedWithPrevious:
        return Hold({begin, end}, is_match, held_ && is_match && !held_match_);
      case SplitBehavior::kMergedWithNext:
        return Hold({begin, end}, is_match, held_ && !is_match && held_match_);
    }
  }

  void Finish() {
    if (held_) Emit(*held_);
    held_.reset();
  }

 private:
  // Keeps the stretch back, grown onto the one held or instead of it.
  void Hold(TextRange span, bool is_match, bool grow) {
    if (grow) {
      held_->end = span.end;
    } else {
      Finish();
      held_ = span;
    }
    held_match_ = is_match;
  }

  void Emit(TextRange span) {
    if (span.end > span.begin) sink_(text_.substr(span.begin, span.end - span.begin));
  }

  SplitBehavior behavior_;
  absl::string_view text_;
  PreTokenizer::Sink sink_;
  std::optional<TextRange> held_;
  bool held_match_ = false;
};

}  // namespace

absl::StatusOr<PreTokenizer::Step> PreTokenizer::MakeStep(const PreTokenizerStep& spec) {
  using Kind = PreTokenizerStep::Kind;
  Step step;
  if (spec.kind == Kind::kByteLevel && spec.add_prefix_space) step.prefix = " ";
  if (spec.kind == Kind::kMetaspace) {
    if (spec.replacement.empty()) return absl::InvalidArgumentError("replacement: is empty");
    step.space = spec.replacement;
    if (spec.prepend_scheme != PrependScheme::kNever) step.prefix = spec.replacement;
    step.prefix_first_only = spec.prepend_scheme == PrependScheme::kFirst;
  }
  const std::optional<Cut> cut = CutOf(spec);
  if (!cut.has_value()) return step;
  absl::StatusOr<Regex> regex =
      cut->literal ? Regex::Literal(cut->pattern) : Regex::Compile(cut->pattern);
  STRATA_RETURN_IF_ERROR(Annotate(regex.status(), "pattern"));
  step.regex = *std::move(regex);
  step.behavior = cut->behavior;
  step.invert = cut->invert;
  if (!cut->literal && KeepsMatches(*cut)) step.splitter = FindSplitter(cut->pattern);
  return step;
}

absl::StatusOr<PreTokenizer> PreTokenizer::Create(const std::vector<PreTokenizerStep>& steps) {
  PreTokenizer result;
  for (size_t i = 0; i < steps.size(); ++i) {
    absl::StatusOr<Step> step = MakeStep(steps[i]);
    if (!step.ok()) {
      return absl::Status(step.status().code(),
                          absl::StrCat("[", i, "].", step.status().message()));
    }
    result.steps_.push_back(*std::move(step));
    if (steps[i].kind == PreTokenizerStep::Kind::kBert) {
      PreTokenizerStep punctuation;
      punctuation.kind = PreTokenizerStep::Kind::kPunctuation;
      STRATA_ASSIGN_OR_RETURN(Step second, MakeStep(punctuation));
      result.steps_.push_back(std::move(second));
    }
  }
  return result;
}

void PreTokenizer::ForEachPiece(absl::string_view text, bool first, Sink sink) const {
  bool glued = false;
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    if (valid > 0) Apply(0, {text.substr(0, valid), first, glued}, sink);
    first = false;
    text.remove_prefix(valid);
    size_t bad = 0;
    while (bad < text.size() && Utf8Scan(text.substr(bad)).kind != Utf8Kind::kValid) {
      bad += Utf8Scan(text.substr(bad)).size;
    }
    if (bad > 0) sink(text.substr(0, bad));
    text.remove_prefix(bad);
    glued = true;
  }
}

void PreTokenizer::Apply(size_t index, Part part, Sink sink) const {
  if (part.text.empty()) return;
  if (index == steps_.size()) return sink(part.text);
  const Step& step = steps_[index];
  std::string changed;
  if (!step.space.empty()) {
    changed = absl::StrReplaceAll(part.text, {{" ", step.space}});
    part.text = changed;
  }
  if (!step.prefix.empty() && !part.glued && (part.first || !step.prefix_first_only) &&
      !absl::StartsWith(part.text, step.prefix)) {
    changed = absl::StrCat(step.prefix, part.text);
    part.text = changed;
  }
  const char* begin = part.text.data();
  Split(step, part.text, [&](absl::string_view piece) {
    const bool front = piece.data() == begin;
    Apply(index + 1, {piece, part.first && front, part.glued && front}, sink);
  });
}

void PreTokenizer::Split(const Step& step, absl::string_view text, Sink sink) {
  if (step.splitter != nullptr) return step.splitter(text, sink);
  if (!step.regex.has_value()) return sink(text);
  Joiner joiner(step.behavior, text, sink);
  size_t done = 0;
  size_t start = 0;
  while (start <= text.size()) {
    const std::optional<TextRange> match = step.regex->Find(text, start);
    if (!match.has_value()) break;
    if (match->begin > done) joiner.Add(done, match->begin, step.invert);
    joiner.Add(match->begin, match->end, !step.invert);
    done = match->end;
    start = match->end;
    if (match->begin == match->end)
      start += start < text.size() ? Utf8Scan(text.substr(start)).size : 1;
  }
  if (done < text.size()) joiner.Add(done, text.size(), step.invert);
  joiner.Finish();
}

}  // namespace strata::llm
