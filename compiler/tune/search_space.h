// SearchSpace: named knobs with finitely many choices each, and constraints between them.
//
//   STRATA_ASSIGN_OR_RETURN(SearchSpace space, SearchSpace::Create(
//       {{"MR", {6, 8, 12, 14}}, {"NR", {32, 48, 64}}, {"KC", {256, 512, 1024}}},
//       {{"registers", [](const Setting& s) { return s["MR"] * s["NR"] / 16 + s["NR"] / 16 < 32; }}}));
//   const Config config = space.At(7);
//   space.Print(config);             // "MR=6 NR=64 KC=512"
//   space.SettingOf(config)["KC"];   // 512
//
// Immutable, so thread-safe. Settings point into their space.
#ifndef STRATA_COMPILER_TUNE_SEARCH_SPACE_H_
#define STRATA_COMPILER_TUNE_SEARCH_SPACE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/tune/random.h"

namespace strata::compiler::tune {

struct Knob {
  std::string name;  // [A-Za-z_][A-Za-z0-9_]*, unique
  // One or more, distinct; in their natural order, so that neighbours are alike.
  std::vector<int64_t> choices;
};

// A point of the space: for each knob the index of its choice.
using Config = std::vector<int>;

// The values of a config by name.
class Setting {
 public:
  Setting(const std::vector<Knob>* knobs, const Config* config) : knobs_(knobs), config_(config) {}
  // `knob` must be one of the space (checked by assert).
  int64_t operator[](absl::string_view knob) const;

 private:
  const std::vector<Knob>* knobs_;
  const Config* config_;
};

struct Constraint {
  std::string name;  // what must hold, for messages
  std::function<bool(const Setting&)> holds;
};

class SearchSpace {
 public:
  // INVALID_ARGUMENT names the knob that is empty, double, or badly named.
  static absl::StatusOr<SearchSpace> Create(std::vector<Knob> knobs,
                                            std::vector<Constraint> constraints = {});

  const std::vector<Knob>& knobs() const { return knobs_; }
  // Points in all, valid or not; saturates at 2^62.
  int64_t size() const { return size_; }

  // The i-th point, 0 <= i < size(); the last knob turns fastest.
  Config At(int64_t i) const;
  // Name of the first constraint that does not hold; "" for a valid config.
  std::string WhyInvalid(const Config& config) const;
  bool IsValid(const Config& config) const { return WhyInvalid(config).empty(); }
  Setting SettingOf(const Config& config) const { return Setting(&knobs_, &config); }
  Setting SettingOf(Config&&) const = delete;  // it would point at what is gone

  // "MR=6 NR=64 KC=512", and back. INVALID_ARGUMENT names what is unknown, missing or not a choice.
  std::string Print(const Config& config) const;
  absl::StatusOr<Config> Parse(absl::string_view text) const;

  // A valid point, uniformly; nothing when a thousand draws hit no valid one.
  std::optional<Config> Draw(Random* random) const;
  // A valid neighbour: one knob, sometimes two, at another choice, mostly the next one. Nothing when none was found.
  std::optional<Config> Mutate(const Config& config, Random* random) const;
  // A valid child: each knob from one of the parents. Nothing when none was found.
  std::optional<Config> Cross(const Config& a, const Config& b, Random* random) const;

 private:
  SearchSpace(std::vector<Knob> knobs, std::vector<Constraint> constraints);
  std::vector<Knob> knobs_;
  std::vector<Constraint> constraints_;
  int64_t size_ = 1;
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_SEARCH_SPACE_H_
