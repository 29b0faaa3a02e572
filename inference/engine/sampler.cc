#include "inference/engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/numerics/philox.h"

namespace strata::inference {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallest = std::numeric_limits<float>::min();

float Greatest(absl::Span<const float> logits) {
  constexpr size_t kLanes = 16;  // chains that do not wait for each other
  float lanes[kLanes];
  std::fill(std::begin(lanes), std::end(lanes), -kInfinity);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes)
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = std::max(lanes[j], logits[i + j]);
  for (; i < logits.size(); ++i) lanes[0] = std::max(lanes[0], logits[i]);
  return *std::max_element(std::begin(lanes), std::end(lanes));
}

int32_t ArgMax(absl::Span<const float> logits) {
  return static_cast<int32_t>(std::find(logits.begin(), logits.end(), Greatest(logits)) -
                              logits.begin());
}

double LogSumExp(absl::Span<const float> logits) {
  const double top = Greatest(logits);
  double total = 0;
  for (float logit : logits) total += std::exp(logit - top);
  return top + std::log(total);
}

double Unit(uint32_t high, uint32_t low) {
  return static_cast<double>((static_cast<uint64_t>(high) << 32 | low) >> 11) * 0x1p-53;
}

absl::Status Outside(const char* field, double value, const char* domain) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, " is outside ", domain));
}

absl::Status CheckFinite(absl::Span<const float> logits) {
  bool bad = false;
  for (float logit : logits) bad |= !(logit < kInfinity);  // NaN as well
  if (!bad && Greatest(logits) > -kInfinity) return absl::OkStatus();
  return absl::InternalError(
      "the model's logits are not finite: the weights are broken, or sums overflow");
}

// Weights of all tokens, in order of id.
Choices AllTokens(absl::Span<const float> logits, double temperature) {
  const double top = Greatest(logits);
  Choices all;
  all.weights.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    all.weights[i] = std::exp((logits[i] - top) / temperature);
    all.total += all.weights[i];
  }
  return all;
}

// The best tokens of `all`, best first, ties by id: as many as top_k and min_p allow and as top_p needs.
Choices Filter(const Choices& all, const SamplingOptions& options) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < all.weights.size(); ++i) {
    if (all.weights[i] >= options.min_p && all.weights[i] > 0)
      order.push_back(static_cast<int32_t>(i));
  }
  const auto weight = [&](int32_t token) { return all.weights[static_cast<size_t>(token)]; };
  const auto worse = [&](int32_t a, int32_t b) {
    return weight(a) != weight(b) ? weight(a) < weight(b) : a > b;
  };
  const auto better = [&](int32_t a, int32_t b) { return worse(b, a); };
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < order.size()) {
    std::partial_sort(order.begin(), order.begin() + options.top_k, order.end(), better);
    order.resize(static_cast<size_t>(options.top_k));
  }
  double enough = std::numeric_limits<double>::infinity();
  if (options.top_p < 1) {
    double left = 0;
    for (int32_t token : order) left += weight(token);
    enough = options.top_p * left;
  }
  Choices kept;
  std::make_heap(order.begin(), order.end(), worse);  // few of many are taken out
  while (!order.empty() && kept.total < enough) {
    std::pop_heap(order.begin(), order.end(), worse);
    kept.tokens.push_back(order.back());
    kept.weights.push_back(weight(order.back()));
    kept.total += kept.weights.back();
    order.pop_back();
  }
  return kept;
}

}  // namespace

absl::Status ValidateSampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    return absl::InvalidArgumentError(
        absl::StrCat("temperature: ", options.temperature, " is not a number >= 0"));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) return Outside("top_p", options.top_p, "(0, 1]");
  if (options.top_k < 0)
    return absl::InvalidArgumentError(absl::StrCat("top_k: ", options.top_k, " is negative"));
  if (!(options.min_p >= 0 && options.min_p <= 1)) return Outside("min_p", options.min_p, "[0, 1]");
  if (!(options.repetition_penalty > 0) || !std::isfinite(options.repetition_penalty))
    return Outside("repetition_penalty", options.repetition_penalty, "(0, infinity)");
  if (!(std::fabs(options.presence_penalty) <= 2))
    return Outside("presence_penalty", options.presence_penalty, "[-2, 2]");
  if (!(std::fabs(options.frequency_penalty) <= 2))
    return Outside("frequency_penalty", options.frequency_penalty, "[-2, 2]");
  for (const auto& [token, bias] : options.logit_bias) {
    if (token >= 0 && std::isfinite(bias)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("logit_bias[", token, "]: needs a token id >= 0 and a finite number"));
  }
  if (options.min_tokens < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_tokens: ", options.min_tokens, " is negative"));
  }
  return absl::OkStatus();
}

Choices ChooseTokens(absl::Span<const float> logits, const SamplingOptions& options) {
  if (options.temperature == 0) return {{ArgMax(logits)}, {1.0}, 1.0};
  Choices all = AllTokens(logits, options.temperature);
  if (options.top_k == 0 && options.top_p == 1 && options.min_p == 0) return all;
  return Filter(all, options);
}

int32_t Draw(const Choices& choices, double uniform) {
  double left = uniform * choices.total;
  const auto token = [&](size_t i) {
    return choices.tokens.empty() ? static_cast<int32_t>(i) : choices.tokens[i];
  };
  size_t last = 0;
  for (size_t i = 0; i < choices.weights.size(); ++i) {
    if (choices.weights[i] == 0) continue;
    left -= choices.weights[i];
    if (left < 0) return token(i);
    last = i;
  }
  return token(last);
}

Uniforms UniformsAt(uint64_t seed, uint64_t n) {
  const std::array<uint32_t, 4> words = chips::RandomBits(seed).Block(n);
  return {Unit(words[0], words[1]), Unit(words[2], words[3])};
}

int32_t SampleToken(absl::Span<const float> logits, const SamplingOptions& options, uint64_t n) {
  if (options.temperature == 0) return ArgMax(logits);
  return Draw(ChooseTokens(logits, options), UniformsAt(options.seed, n).draw);
}

Sampler::Sampler(SamplingOptions options, absl::Span<const int32_t> prompt,
                 std::vector<int32_t> ends, std::shared_ptr<const grammar::TokenGrammar> grammar)
    : options_(std::move(options)),
      ends_(std::move(ends)),
      penalties_(options_.repetition_penalty != 1 || options_.presence_penalty != 0 ||
                 options_.frequency_penalty != 0) {
  if (options_.repetition_penalty != 1) seen_.insert(prompt.begin(), prompt.end());
  if (grammar != nullptr) matcher_.emplace(std::move(grammar));
}

bool Sampler::Adjusts() const {
  return penalties_ || matcher_.has_value() || !options_.logit_bias.empty() ||
         count_ < static_cast<uint64_t>(options_.min_tokens);
}

void Sampler::Penalise() {
  const auto at = [&](int32_t token) -> float& { return adjusted_[static_cast<size_t>(token)]; };
  const auto by = static_cast<float>(
      std::clamp<double>(options_.repetition_penalty, kSmallest, kLargest));  // not 0 as a float
  if (by != 1) {
    for (int32_t token : seen_)
      at(token) = at(token) > 0 ? std::min(at(token) / by, kLargest) : at(token) * by;
  }
  for (const auto& [token, count] : counts_) {
    at(token) -= static_cast<float>(options_.frequency_penalty * static_cast<double>(count) +
                                    options_.presence_penalty);
  }
}

bool Sampler::Ends(int32_t token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

// Forbids what the grammar does not allow.
absl::Status Sampler::Mask() {
  STRATA_RETURN_IF_ERROR(matched_);
  STRATA_ASSIGN_OR_RETURN(const auto mask, matcher_->Mask());
  std::vector<std::pair<size_t, float>> ends;  // these are not the mask's business
  for (int32_t token : ends_) {
    const auto i = static_cast<size_t>(token);
    if (i < adjusted_.size()) ends.push_back({i, matcher_->may_end() ? adjusted_[i] : -kInfinity});
  }
  for (size_t first = 0; first < adjusted_.size(); first += 64) {
    const uint64_t allowed = mask->word(first / 64);
    if (allowed == ~uint64_t{0}) continue;
    const size_t count = std::min<size_t>(64, adjusted_.size() - first);
    for (size_t i = 0; i < count; ++i)
      if ((allowed >> i & 1) == 0) adjusted_[first + i] = -kInfinity;
  }
  for (const auto& [token, logit] : ends) adjusted_[token] = logit;
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const float>> Sampler::Adjust(absl::Span<const float> logits) {
  if (!Adjusts()) return logits;
  adjusted_.assign(logits.begin(), logits.end());
  const auto within = [&](int32_t token) { return static_cast<size_t>(token) < logits.size(); };
  for (const auto& [token, bias] : options_.logit_bias) {
    if (within(token)) {
      float& logit = adjusted_[static_cast<size_t>(token)];
      logit = std::min(logit + static_cast<float>(std::clamp<double>(bias, -kLargest, kLargest)),
                       kLargest);
    }
  }
  if (count_ < static_cast<uint64_t>(options_.min_tokens)) {
    for (int32_t token : ends_)
      if (within(token)) adjusted_[static_cast<size_t>(token)] = -kInfinity;
  }
  if (matcher_.has_value()) STRATA_RETURN_IF_ERROR(Mask());
  if (penalties_) Penalise();
  if (matcher_.has_value() && Greatest(adjusted_) == -kInfinity) {
    return absl::InvalidArgumentError(
        "the grammar allows no token here: the vocabulary cannot write what must follow, or "
        "another option forbids it");
  }
  return absl::MakeConstSpan(adjusted_);
}

absl::StatusOr<int32_t> Sampler::Sample(absl::Span<const float> logits) {
  STRATA_RETURN_IF_ERROR(CheckFinite(logits));
  STRATA_ASSIGN_OR_RETURN(const absl::Span<const float> adjusted, Adjust(logits));
  return SampleToken(adjusted, options_, count_);
}

absl::StatusOr<Choices> Sampler::Distribution(absl::Span<const float> logits) {
  STRATA_RETURN_IF_ERROR(CheckFinite(logits));
  STRATA_ASSIGN_OR_RETURN(const absl::Span<const float> adjusted, Adjust(logits));
  return ChooseTokens(adjusted, options_);
}

void Sampler::Record(int32_t token) {
  ++count_;
  if (matcher_.has_value() && !Ends(token)) matched_.Update(matcher_->Accept(token));
  if (!penalties_) return;
  seen_.insert(token);
  ++counts_[token];
}

size_t Sampler::Allowed(absl::Span<const int32_t> tokens) const {
  if (!matcher_.has_value()) return tokens.size();
  grammar::TokenMatcher matcher = *matcher_;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (Ends(tokens[i])) return matcher.may_end() ? i + 1 : i;
    if (!matcher.Accept(tokens[i]).ok()) return i;
  }
  return tokens.size();
}

double LogProbability(absl::Span<const float> logits, int32_t token) {
  return logits[static_cast<size_t>(token)] - LogSumExp(logits);
}

std::vector<TokenLogProbability> TopLogProbabilities(absl::Span<const float> logits,
                                                     int64_t count) {
  if (count <= 0) return {};
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t kept = std::min(order.size(), static_cast<size_t>(count));
  std::partial_sort(
      order.begin(), order.begin() + static_cast<long>(kept), order.end(),
      [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const double total = LogSumExp(logits);
  std::vector<TokenLogProbability> top;
  for (size_t i = 0; i < kept; ++i)
    top.push_back({order[i], logits[static_cast<size_t>(order[i])] - total});
  return top;
}

}  // namespace strata::inference
