#include "compiler/tune/search_space.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace strata::compiler::tune {
namespace {

constexpr int kDraws = 1000;
constexpr int64_t kMostPoints = int64_t{1} << 62;

bool IsName(const std::string& name) {
  return !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
         });
}

absl::Status CheckKnob(const Knob& knob) {
  if (!IsName(knob.name))
    return absl::InvalidArgumentError(absl::StrCat("knob '", knob.name, "': is not a name"));
  if (knob.choices.empty())
    return absl::InvalidArgumentError(absl::StrCat("knob ", knob.name, ": has no choices"));
  const std::set<int64_t> distinct(knob.choices.begin(), knob.choices.end());
  if (distinct.size() != knob.choices.size())
    return absl::InvalidArgumentError(absl::StrCat("knob ", knob.name, ": has a choice twice"));
  return absl::OkStatus();
}

}  // namespace

int64_t Setting::operator[](absl::string_view knob) const {
  for (size_t i = 0; i < knobs_->size(); ++i) {
    const Knob& k = (*knobs_)[i];
    if (k.name == knob) return k.choices[static_cast<size_t>((*config_)[i])];
  }
  assert(false && "no such knob");
  return 0;
}

SearchSpace::SearchSpace(std::vector<Knob> knobs, std::vector<Constraint> constraints)
    : knobs_(std::move(knobs)), constraints_(std::move(constraints)) {
  for (const Knob& knob : knobs_) {
    const int64_t n = static_cast<int64_t>(knob.choices.size());
    size_ = size_ > kMostPoints / n ? kMostPoints : size_ * n;
  }
}

absl::StatusOr<SearchSpace> SearchSpace::Create(std::vector<Knob> knobs,
                                                std::vector<Constraint> constraints) {
  std::set<std::string> names;
  for (const Knob& knob : knobs) {
    STRATA_RETURN_IF_ERROR(CheckKnob(knob));
    if (!names.insert(knob.name).second)
      return absl::InvalidArgumentError(absl::StrCat("knob ", knob.name, ": is there twice"));
  }
  return SearchSpace(std::move(knobs), std::move(constraints));
}

Config SearchSpace::At(int64_t i) const {
  Config config(knobs_.size());
  for (size_t k = knobs_.size(); k-- > 0;) {
    const int64_t n = static_cast<int64_t>(knobs_[k].choices.size());
    config[k] = static_cast<int>(i % n);
    i /= n;
  }
  return config;
}

std::string SearchSpace::WhyInvalid(const Config& config) const {
  for (const Constraint& constraint : constraints_) {
    if (!constraint.holds(SettingOf(config))) return constraint.name;
  }
  return "";
}

std::string SearchSpace::Print(const Config& config) const {
  std::vector<std::string> parts;
  for (size_t k = 0; k < knobs_.size(); ++k) {
    parts.push_back(
        absl::StrCat(knobs_[k].name, "=", knobs_[k].choices[static_cast<size_t>(config[k])]));
  }
  return absl::StrJoin(parts, " ");
}

absl::StatusOr<Config> SearchSpace::Parse(absl::string_view text) const {
  Config config(knobs_.size(), -1);
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    auto knob = std::find_if(knobs_.begin(), knobs_.end(),
                             [&](const Knob& k) { return k.name == pair.first; });
    if (knob == knobs_.end())
      return absl::InvalidArgumentError(absl::StrCat("no knob '", pair.first, "'"));
    int64_t value = 0;
    const bool number = absl::SimpleAtoi(pair.second, &value);
    auto choice = std::find(knob->choices.begin(), knob->choices.end(), value);
    if (!number || choice == knob->choices.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          knob->name, ": '", pair.second, "' is not one of ", absl::StrJoin(knob->choices, ", ")));
    }
    config[static_cast<size_t>(knob - knobs_.begin())] =
        static_cast<int>(choice - knob->choices.begin());
  }
  for (size_t k = 0; k < knobs_.size(); ++k) {
    if (config[k] < 0)
      return absl::InvalidArgumentError(absl::StrCat("knob ", knobs_[k].name, " has no value"));
  }
  return config;
}

std::optional<Config> SearchSpace::Draw(Random* random) const {
  for (int draw = 0; draw < kDraws; ++draw) {
    Config config;
    for (const Knob& knob : knobs_)
      config.push_back(static_cast<int>(random->Below(static_cast<int64_t>(knob.choices.size()))));
    if (IsValid(config)) return config;
  }
  return std::nullopt;
}

std::optional<Config> SearchSpace::Mutate(const Config& config, Random* random) const {
  if (knobs_.empty()) return std::nullopt;
  for (int draw = 0; draw < kDraws; ++draw) {
    Config mutant = config;
    const int changes = random->Uniform() < 0.3 ? 2 : 1;
    for (int change = 0; change < changes; ++change) {
      const size_t k = static_cast<size_t>(random->Below(static_cast<int64_t>(knobs_.size())));
      const int n = static_cast<int>(knobs_[k].choices.size());
      if (random->Uniform() < 0.7) {
        mutant[k] = std::clamp(mutant[k] + (random->Uniform() < 0.5 ? 1 : -1), 0, n - 1);
      } else {
        mutant[k] = static_cast<int>(random->Below(n));
      }
    }
    if (mutant != config && IsValid(mutant)) return mutant;
  }
  return std::nullopt;
}

std::optional<Config> SearchSpace::Cross(const Config& a, const Config& b, Random* random) const {
  for (int draw = 0; draw < 16; ++draw) {
    Config child = a;
    for (size_t k = 0; k < child.size(); ++k) {
      if (random->Uniform() < 0.5) child[k] = b[k];
    }
    if (IsValid(child)) return child;
  }
  return std::nullopt;
}

}  // namespace strata::compiler::tune
