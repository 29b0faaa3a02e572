#include "inference/engine/text_machine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t z = a * 0x9e3779b97f4a7c15ull + b + 0x632be59bd9b4e019ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

double Unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

TextMachine::TextMachine(const Sizes& sizes, uint64_t style, double habit)
    : sizes_(sizes),
      style_(style),
      habit_(habit),
      slots_(static_cast<size_t>(sizes.slots)),
      views_(static_cast<size_t>(sizes.views * sizes.view_length), -1) {}

absl::Span<int32_t> TextMachine::View(int64_t view) {
  return absl::MakeSpan(views_).subspan(static_cast<size_t>(view * sizes_.view_length),
                                        static_cast<size_t>(sizes_.view_length));
}

void TextMachine::CopySlots(int32_t from, int32_t to, int64_t count) {
  std::copy_n(slots_.begin() + from, count, slots_.begin() + to);
}

void TextMachine::Logits(uint64_t text, int32_t last, int32_t before, float* logits) const {
  const bool habit = Unit(Mix(text, 17)) < habit_;
  const uint64_t state =
      Mix(style_, habit ? Mix(static_cast<uint64_t>(last), static_cast<uint64_t>(before)) : text);
  for (int64_t i = 0; i < sizes_.vocabulary; ++i)
    logits[i] = static_cast<float>(4 * Unit(Mix(state, static_cast<uint64_t>(i))));
}

std::vector<float> TextMachine::LogitsAfter(absl::Span<const int32_t> tokens) const {
  uint64_t text = 0;
  for (int32_t token : tokens) text = Mix(text, static_cast<uint64_t>(token));
  std::vector<float> logits(static_cast<size_t>(sizes_.vocabulary));
  Logits(text, tokens.back(), tokens.size() > 1 ? tokens[tokens.size() - 2] : -1, logits.data());
  return logits;
}

absl::Status TextMachine::Write(const StepRow& row) {
  if (row.slot <= 0 || row.slot >= sizes_.slots)
    return absl::InternalError(absl::StrCat("slot ", row.slot, " is not one to write"));
  if (row.length != row.position + 1 ||
      View(row.view)[static_cast<size_t>(row.position)] != row.slot)
    return absl::InternalError("a row does not see itself last");
  Slot slot{row.token, row.position, 0};
  uint64_t before = 0;
  if (row.position > 0) {
    const int32_t last = View(row.view)[static_cast<size_t>(row.position - 1)];
    before = slots_[static_cast<size_t>(last)].text;
  }
  slot.text = Mix(before, static_cast<uint64_t>(row.token));
  slots_[static_cast<size_t>(row.slot)] = slot;
  return absl::OkStatus();
}

absl::Status TextMachine::Check(const StepRow& row) {
  uint64_t text = 0;
  for (int32_t i = 0; i < row.length; ++i) {
    const Slot& slot = slots_[static_cast<size_t>(View(row.view)[static_cast<size_t>(i)])];
    text = Mix(text, static_cast<uint64_t>(slot.token));
    if (slot.position == i && slot.text == text) continue;
    return absl::InternalError(absl::StrCat("view ", row.view, " is torn at ", i, ": position ",
                                            slot.position, ", length ", row.length));
  }
  return absl::OkStatus();
}

absl::StatusOr<graph::HostTensor> TextMachine::Run(absl::Span<const StepRow> rows) {
  if (failure_.has_value()) return *std::exchange(failure_, std::nullopt);
  if (rows.empty() || static_cast<int64_t>(rows.size()) > sizes_.max_rows)
    return absl::InternalError(absl::StrCat("a step of ", rows.size(), " rows"));
  std::set<int32_t> written;
  for (const StepRow& row : rows) {
    if (!written.insert(row.slot).second)
      return absl::InternalError(absl::StrCat("slot ", row.slot, " is written twice"));
    STRATA_RETURN_IF_ERROR(Write(row));
  }
  auto logits =
      graph::HostTensor::Zeros(chips::F32, {static_cast<int64_t>(rows.size()), sizes_.vocabulary});
  float* next = logits.data<float>();
  for (const StepRow& row : rows) {
    STRATA_RETURN_IF_ERROR(Check(row));
    if (!row.logits) continue;
    const int32_t before =
        row.position == 0
            ? -1
            : slots_[static_cast<size_t>(View(row.view)[static_cast<size_t>(row.position - 1)])]
                  .token;
    Logits(slots_[static_cast<size_t>(row.slot)].text, row.token, before, next);
    next += sizes_.vocabulary;
  }
  return logits;
}

}  // namespace strata::inference
