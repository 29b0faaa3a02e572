#include "courses/llm/long_context/recall.h"

#include <algorithm>
#include <memory>

#include "courses/llm/long_context/recall_task.h"
#include "inference/engine/compiled_step_runner.h"

namespace strata::courses {
namespace {

constexpr int64_t kDraws = 4, kTexts = kDraws * kKeys;
constexpr uint64_t kUnseen = 1000;  // seeds of fillers, of no training

// Where the tokens of a text lie in its part of the pool.
class Ring {
 public:
  Ring(const KeepPolicy& policy, int64_t text)
      : sinks_(policy.recent == 0 ? 0 : policy.sinks),
        recent_(policy.recent == 0 ? kRecallTokens : policy.recent),
        first_(1 + text * slots()) {}  // slot 0 is for padding

  int64_t slots() const { return sinks_ + recent_; }
  int32_t SlotOf(int64_t t) const {
    return static_cast<int32_t>(first_ + (t < sinks_ ? t : sinks_ + (t - sinks_) % recent_));
  }

  // Writes the slots that token t sees; their number.
  int32_t List(int64_t t, absl::Span<int32_t> view) const {
    size_t length = 0;
    for (int64_t i = 0; i < std::min(sinks_, t + 1); ++i) view[length++] = SlotOf(i);
    for (int64_t i = std::max(sinks_, t + 1 - recent_); i <= t; ++i) view[length++] = SlotOf(i);
    return static_cast<int32_t>(length);
  }

 private:
  int64_t sinks_, recent_, first_;
};

int32_t Likeliest(const graph::HostTensor& logits, int64_t row) {
  const float* first = logits.data<float>() + row * kRecallVocabulary;
  return static_cast<int32_t>(std::max_element(first, first + kRecallVocabulary) - first);
}

absl::Status Check(const KeepPolicy& policy, const RecallOptions& options) {
  if (policy.sinks < 0 || policy.recent < 0)
    return absl::InvalidArgumentError("policy: what is kept cannot be negative");
  if (options.place >= 0 && options.place < kRecallTokens) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("place: ", options.place, " is outside [0, ", kRecallTokens, ")"));
}

}  // namespace

double Recall::Least(int64_t first, int64_t last) const {
  return *std::min_element(share.begin() + first, share.begin() + last + 1);
}

double Recall::Greatest(int64_t first, int64_t last) const {
  return *std::max_element(share.begin() + first, share.begin() + last + 1);
}

absl::StatusOr<Recall> MeasureRecall(const inference::DecoderModel& model, const KeepPolicy& policy,
                                     const RecallOptions& options) {
  STRATA_RETURN_IF_ERROR(Check(policy, options));
  const int64_t slots = Ring(policy, 0).slots();
  STRATA_ASSIGN_OR_RETURN(const auto runner,
                          inference::CompiledStepRunner::Create(&model,
                                                                {.slots = 1 + kTexts * slots,
                                                                 .views = kTexts,
                                                                 .view_length = slots,
                                                                 .max_rows = kTexts,
                                                                 .kv = options.kv},
                                                                {}));
  std::vector<std::vector<int32_t>> texts;
  for (int64_t i = 0; i < kTexts; ++i) {
    texts.push_back(RecallText(static_cast<int32_t>(i % kKeys), options.place,
                               kUnseen + static_cast<uint64_t>(i / kKeys)));
  }
  Recall recall;
  recall.kv_bytes = runner->kv_bytes() / (1 + kTexts * slots) * slots;
  for (int64_t t = 0; t < kRecallTokens; ++t) {
    std::vector<inference::StepRow> rows;
    for (int64_t i = 0; i < kTexts; ++i) {
      const Ring ring(policy, i);
      rows.push_back({.token = texts[static_cast<size_t>(i)][static_cast<size_t>(t)],
                      .position = static_cast<int32_t>(t),
                      .slot = ring.SlotOf(t),
                      .view = static_cast<int32_t>(i),
                      .length = ring.List(t, runner->View(i)),
                      .logits = true});
    }
    STRATA_ASSIGN_OR_RETURN(const graph::HostTensor logits, runner->Run(rows));
    if (t < options.place) continue;
    int64_t right = 0;
    for (int64_t i = 0; i < kTexts; ++i) {
      recall.answers.push_back(Likeliest(logits, i));
      right += recall.answers.back() == i % kKeys;
    }
    recall.share.push_back(static_cast<double>(right) / static_cast<double>(kTexts));
  }
  return recall;
}

}  // namespace strata::courses
