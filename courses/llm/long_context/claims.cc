#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "courses/llm/long_context/recall_task.h"
#include "courses/llm/long_context/study.h"

namespace strata::courses {
namespace {

constexpr double kChance = 1.0 / kKeys;
constexpr double kRecalls = 0.95;

const ShapeCount& Shape(const LongContext& study, absl::string_view name) {
  return *std::find_if(study.shapes.begin(), study.shapes.end(),
                       [&](const ShapeCount& s) { return s.shape.name == name; });
}

const Recall& Curve(const LongContext& study, absl::string_view name) {
  return std::find_if(study.curves.begin(), study.curves.end(),
                      [&](const RecallCurve& c) { return c.name == name; })
      ->recall;
}

Claim ClosedForms(const LongContext& study) {
  int same = 0, all = 0;
  std::vector<std::string> different;
  for (const ShapeCount& count : study.shapes) {
    for (size_t i = 0; i < count.token_bytes.size(); ++i, ++all) {
      const int64_t form = count.shape.ClosedForm(kKvFormats[i]);
      if (count.token_bytes[i] == form) {
        ++same;
        continue;
      }
      different.push_back(absl::StrCat(count.shape.name, " ", KvName(kKvFormats[i]), " ",
                                       count.token_bytes[i], " for ", form));
    }
  }
  return {"A token takes the bytes of the textbook's form", same == all,
          absl::StrCat(same, " of ", all, " counts of step graphs", different.empty() ? "" : "; ",
                       absl::StrJoin(different, ", "))};
}

Claim Order(const LongContext& study) {
  const char* const kNames[] = {"MHA", "GQA", "MLA", "MQA"};
  std::vector<std::string> words;
  bool falls = true;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    const int64_t bytes = Shape(study, kNames[i]).token_bytes[1];
    words.push_back(absl::StrCat(kNames[i], " ", bytes));
    falls = falls && (i == 0 || bytes < Shape(study, kNames[i - 1]).token_bytes[1]);
  }
  return {"Shared heads keep less, and a latent vector lies between GQA and MQA", falls,
          absl::StrCat("bytes a token in f16: ", absl::StrJoin(words, ", "))};
}

// Those that keep some tokens keep the same of 4k and of 128k.
Claim Bounded(const LongContext& study) {
  bool bounded = true;
  std::vector<std::string> words;
  for (const ShapeCount& count : study.shapes) {
    const double growth = static_cast<double>(count.KvBytes(*std::prev(std::end(kContexts)), 1)) /
                          static_cast<double>(count.KvBytes(kContexts[0], 1));
    words.push_back(absl::StrFormat("%s %.0f", count.shape.name, growth));
    const double expected =
        count.shape.recent > 0
            ? 1
            : static_cast<double>(*std::prev(std::end(kContexts))) / kContexts[0];
    bounded = bounded && growth == expected;
  }
  return {"Only a window and sinks bound what a text takes", bounded,
          absl::StrCat("growth from 4k to 128k tokens: ", absl::StrJoin(words, ", "))};
}

// What one more token of text adds to the attention of a decode step, between the two longest texts.
double Slope(const ShapeCount& count, double DecodeCost::*what) {
  const DecodeCost &first = *std::prev(count.decode.end(), 2), &last = count.decode.back();
  return (last.*what - first.*what) / static_cast<double>(last.tokens - first.tokens);
}

// A token's keys and values once, and in each layer its number in the list of slots.
Claim Reads(const LongContext& study) {
  bool once = true;
  std::vector<std::string> words;
  for (const ShapeCount& count : study.shapes) {
    if (count.shape.recent > 0) continue;
    const double slope = Slope(count, &DecodeCost::bytes_read);
    const double expected =
        static_cast<double>(count.token_bytes[1] + 4 * count.shape.config.layers());
    words.push_back(absl::StrFormat("%s %.0f", count.shape.name, slope));
    once = once && std::fabs(slope - expected) < 1e-6 * expected;
  }
  return {"A decode step's attention reads each kept token once", once,
          absl::StrCat("bytes of the plans for one token more: ", absl::StrJoin(words, ", "))};
}

Claim FlatWork(const LongContext& study) {
  bool flat = true;
  std::vector<std::string> words;
  for (const ShapeCount& count : study.shapes) {
    const double slope = Slope(count, &DecodeCost::flops);
    words.push_back(absl::StrFormat("%s %.0f", count.shape.name, slope));
    flat = flat && (count.shape.recent > 0 ? slope == 0 : slope > 0);
  }
  return {"Only behind a window and with sinks does a step's attention not grow", flat,
          absl::StrCat("flops for one token more: ", absl::StrJoin(words, ", "))};
}

Claim Intensity(const LongContext& study) {
  const ShapeCount &mha = Shape(study, "MHA"), &gqa = Shape(study, "GQA"),
                   &mqa = Shape(study, "MQA"), &mla = Shape(study, "MLA");
  const auto of = [](const ShapeCount& count) {
    return Slope(count, &DecodeCost::flops) / Slope(count, &DecodeCost::bytes_read);
  };
  const double same = Slope(mha, &DecodeCost::flops);
  return {
      "GQA and MQA save bytes and no work; MLA pays work for bytes",
      Slope(gqa, &DecodeCost::flops) == same && Slope(mqa, &DecodeCost::flops) == same &&
          Slope(mla, &DecodeCost::flops) > same && of(gqa) > of(mha) && of(mqa) > of(gqa) &&
          of(mla) > of(gqa),
      absl::StrFormat("flops a byte: MHA %.1f, GQA %.1f, MQA %.1f, MLA %.1f; flops a token: "
                      "MHA, GQA, MQA %.0f, MLA %.0f",
                      of(mha), of(gqa), of(mqa), of(mla), same, Slope(mla, &DecodeCost::flops))};
}

Claim Recalls(const std::string& claim, const Recall& recall, int64_t first, int64_t last) {
  const double least = recall.Least(first, last);
  return {claim, least >= kRecalls,
          absl::StrFormat("at distances %d to %d at least %.3f of the texts; %.2f is claimed",
                          first, last, least, kRecalls)};
}

Claim Forgets(const std::string& claim, const Recall& recall, int64_t first) {
  const double most = recall.Greatest(first, recall.last());
  return {claim, first <= recall.last() && most <= kChance,
          absl::StrFormat("at distances %d to %d at most %.3f of the texts; chance is %.3f", first,
                          recall.last(), most, kChance)};
}

Claim SameAnswers(const LongContext& study) {
  const Recall &full = Curve(study, "full"), &rounded = Curve(study, "int8");
  size_t same = 0;
  for (size_t i = 0; i < full.answers.size(); ++i) same += full.answers[i] == rounded.answers[i];
  return {"int8 keys and values recall as f32 ones do",
          same == full.answers.size() && rounded.kv_bytes < full.kv_bytes,
          absl::StrFormat("%d of %d answers are the same, of %d bytes for %d", same,
                          full.answers.size(), rounded.kv_bytes, full.kv_bytes)};
}

}  // namespace

std::vector<Claim> ClaimsOf(const LongContext& study) {
  const Recall &full = Curve(study, "full"), &window = Curve(study, "window"),
               &sinks = Curve(study, "sinks");
  return {ClosedForms(study),
          Order(study),
          Bounded(study),
          Reads(study),
          FlatWork(study),
          Intensity(study),
          Recalls("Full attention recalls at every trained distance", full, 0, full.last()),
          Recalls("A window recalls within layers x (window - 1)", window, 0, study.reach),
          Forgets("A window knows nothing beyond", window, study.reach + 1),
          Forgets("So does a full model of which only the last slots are kept",
                  Curve(study, "recent"), study.reach + 1),
          Recalls("Sinks keep the first tokens in reach, whatever follows", sinks, 0, sinks.last()),
          Forgets("But no others: a key behind them goes as with a window",
                  Curve(study, "sinks, key late"), study.reach + 1),
          SameAnswers(study)};
}

}  // namespace strata::courses
