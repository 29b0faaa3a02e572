#include "llm/model/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strata::llm {
namespace {

// Layers with a window may have a theta of their own, and are then not scaled.
bool IsLocal(const Rope& rope, bool local) { return local && rope.local_theta() > 0; }

std::vector<double> Powers(double theta, int64_t width) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < width / 2; ++i) {
    frequencies.push_back(
        std::pow(theta, -2 * static_cast<double>(i) / static_cast<double>(width)));
  }
  return frequencies;
}

// For texts of `factor` times the original context: theta grows so that the lowest frequency is interpolated and the
// highest is kept.
double NtkTheta(const Rope& rope) {
  const double width = static_cast<double>(rope.width()), factor = rope.factor();
  return width > 2 ? rope.theta() * std::pow(factor * factor - (factor - 1), width / (width - 2))
                   : rope.theta();
}

// YaRN: pairs that turn often within the original context keep their frequency, those that turn seldom are
// interpolated, with a ramp between (section 3.2).
void Yarn(const Rope& rope, std::vector<double>* frequencies) {
  const double width = static_cast<double>(rope.width());
  const auto pair_of_turns = [&](double turns) {
    const double wavelength =
        static_cast<double>(rope.original_context()) / (2 * std::numbers::pi * turns);
    return width * std::log(wavelength) / (2 * std::log(rope.theta()));
  };
  const double low = std::max(std::floor(pair_of_turns(rope.beta_fast())), 0.0);
  double high = std::min(std::ceil(pair_of_turns(rope.beta_slow())), width - 1);
  if (high == low) high += 0.001;
  for (size_t i = 0; i < frequencies->size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    (*frequencies)[i] *= (1 - ramp) + ramp / rope.factor();
  }
}

void Llama3(const Rope& rope, std::vector<double>* frequencies) {
  const double original = static_cast<double>(rope.original_context());
  for (double& frequency : *frequencies) {
    const double turns = original * frequency / (2 * std::numbers::pi);
    const double kept = std::clamp(
        (turns - rope.low_freq_factor()) / (rope.high_freq_factor() - rope.low_freq_factor()), 0.0,
        1.0);
    frequency *= kept + (1 - kept) / rope.factor();
  }
}

// YaRN's magnitude for a factor (section 3.3), with DeepSeek's weight.
double YarnMagnitude(double factor, double weight) {
  return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1;
}

}  // namespace

std::vector<double> RopeFrequencies(const DecoderConfig& config, bool local) {
  const Rope& rope = config.rope();
  if (IsLocal(rope, local)) return Powers(rope.local_theta(), rope.width());
  std::vector<double> frequencies =
      Powers(rope.scaling() == ROPE_NTK ? NtkTheta(rope) : rope.theta(), rope.width());
  if (rope.scaling() == ROPE_LINEAR) {
    for (double& frequency : frequencies) frequency /= rope.factor();
  } else if (rope.scaling() == ROPE_YARN) {
    Yarn(rope, &frequencies);
  } else if (rope.scaling() == ROPE_LLAMA3) {
    Llama3(rope, &frequencies);
  } else if (rope.scaling() == ROPE_FACTORS) {
    const auto& factors =
        config.context() > rope.original_context() ? rope.long_factors() : rope.short_factors();
    for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[static_cast<int>(i)];
  }
  return frequencies;
}

double RopeMagnitude(const DecoderConfig& config, bool local) {
  const Rope& rope = config.rope();
  if (IsLocal(rope, local)) return 1;
  if (rope.magnitude() > 0) return rope.magnitude();
  if (rope.scaling() == ROPE_YARN) {
    if (rope.mscale() > 0 && rope.mscale_all_dim() > 0)
      return YarnMagnitude(rope.factor(), rope.mscale()) /
             YarnMagnitude(rope.factor(), rope.mscale_all_dim());
    return YarnMagnitude(rope.factor(), 1);
  }
  if (rope.scaling() == ROPE_FACTORS && config.context() > rope.original_context()) {
    const double original = static_cast<double>(rope.original_context());
    return std::sqrt(1 + std::log(static_cast<double>(config.context()) / original) /
                             std::log(original));
  }
  return 1;
}

bool RopeIsPlain(const DecoderConfig& config, bool local, double* theta) {
  const Rope& rope = config.rope();
  *theta = IsLocal(rope, local) ? rope.local_theta() : rope.theta();
  return IsLocal(rope, local) ||
         (rope.scaling() == ROPE_SCALING_UNSPECIFIED && RopeMagnitude(config, local) == 1);
}

double RopeScoreFactor(const DecoderConfig& config) {
  const Rope& rope = config.rope();
  if (rope.scaling() != ROPE_YARN || !(rope.mscale_all_dim() > 0)) return 1;
  const double magnitude = YarnMagnitude(rope.factor(), rope.mscale_all_dim());
  return magnitude * magnitude;
}

}  // namespace strata::llm
