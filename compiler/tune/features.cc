#include "compiler/tune/features.h"

#include <algorithm>
#include <cmath>

namespace strata::compiler::tune {

Features::Features(const SearchSpace* space, Extra extra)
    : space_(space), extra_(std::move(extra)) {
  for (const Knob& knob : space->knobs()) {
    const bool positive = std::all_of(knob.choices.begin(), knob.choices.end(),
                                      [](int64_t choice) { return choice > 0; });
    std::vector<double> scale;
    for (size_t i = 0; i < knob.choices.size(); ++i) {
      scale.push_back(positive ? std::log2(static_cast<double>(knob.choices[i]))
                               : static_cast<double>(i));
    }
    scale_.push_back(std::move(scale));
  }
}

std::vector<double> Features::Of(const Config& config) const {
  std::vector<double> features;
  for (size_t k = 0; k < config.size(); ++k)
    features.push_back(scale_[k][static_cast<size_t>(config[k])]);
  const size_t knobs = features.size();
  for (size_t i = 0; i < knobs; ++i) {
    for (size_t j = i + 1; j < knobs; ++j) {
      features.push_back(features[i] + features[j]);
      features.push_back(features[i] - features[j]);
    }
  }
  if (extra_ != nullptr) {
    const std::vector<double> more = extra_(space_->SettingOf(config));
    features.insert(features.end(), more.begin(), more.end());
  }
  return features;
}

}  // namespace strata::compiler::tune
