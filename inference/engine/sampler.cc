#include "inference/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

// A uniform number in [0, 1) from a counter (SplitMix64 of seed and n; Steele, Lea & Flood, OOPSLA
// 2014).
double Uniform(uint64_t seed, uint64_t n) {
  uint64_t z = seed * 0x9e3779b97f4a7c15ull + (n + 1) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

int32_t ArgMax(absl::Span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double LogSumExp(absl::Span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (float logit : logits) total += std::exp(logit - top);
  return top + std::log(total);
}

}  // namespace

absl::Status ValidateSampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    return absl::InvalidArgumentError(
        absl::StrCat("temperature: ", options.temperature, " is not a number >= 0"));
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("top_p: ", options.top_p, " is outside (0, 1]"));
  }
  if (options.top_k < 0)
    return absl::InvalidArgumentError(absl::StrCat("top_k: ", options.top_k, " is negative"));
  return absl::OkStatus();
}

int32_t SampleToken(absl::Span<const float> logits, const SamplingOptions& options, uint64_t n) {
  if (options.temperature == 0) return ArgMax(logits);
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  size_t kept = order.size();
  if (options.top_k > 0) kept = std::min(kept, static_cast<size_t>(options.top_k));
  if (kept < order.size() || options.top_p < 1) {
    std::partial_sort(order.begin(), order.begin() + static_cast<long>(kept), order.end(), better);
  }
  const double top = logits[static_cast<size_t>(ArgMax(logits))];
  std::vector<double> weights(kept);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    weights[i] = std::exp((logits[static_cast<size_t>(order[i])] - top) / options.temperature);
    total += weights[i];
  }
  if (options.top_p < 1) {  // `order` is sorted here
    double mass = 0;
    size_t i = 0;
    while (i < kept && mass < options.top_p * total) mass += weights[i++];
    kept = i;
    total = mass;
  }
  double left = Uniform(options.seed, n) * total;
  for (size_t i = 0; i < kept; ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[kept - 1];
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
