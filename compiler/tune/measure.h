// Measure: what a config costs. A Trial is a config with its cost, or with the reason why it has none.
//
// The search knows costs through this interface only: a clock on real kernels (gemm_measure.h), a formula in tests and
// labs (landscape.h).
#ifndef STRATA_COMPILER_TUNE_MEASURE_H_
#define STRATA_COMPILER_TUNE_MEASURE_H_

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

struct Trial {
  Config config;
  double cost = 0;  // seconds, > 0 (or what Measure counts); meaningless when it failed
  // Why there is no cost: it did not compile, gave wrong results, ...; "" otherwise.
  std::string failure;
  // With what follows (Measure::RunWithEpilogue), in the last round; 0: not known.
  double epilogue_cost = 0;

  bool ok() const { return failure.empty(); }
};

struct MeasureContext {
  // The least cost known (infinity at first): what is clearly slower need not be timed to the end.
  double best = std::numeric_limits<double>::infinity();
  // The few that are left are timed in turns: whole and with care. Before, a part of the work may stand for it.
  bool last_round = false;
};

class Measure {
 public:
  virtual ~Measure() = default;

  // The cost of each config, or why it failed, in order: a failure is of its config, the search goes on. Configs are
  // valid and may come again (in the last round they do); what was built for one may be kept.
  virtual std::vector<absl::StatusOr<double>> Run(absl::Span<const Config> configs,
                                                  const MeasureContext& context) = 0;

  // The same, whole and with care, and right after it what is usually done to its results; what a config allows to be one
  // kernel is. Asked once a turn of the last round. Empty: nothing follows.
  virtual std::vector<absl::StatusOr<double>> RunWithEpilogue(absl::Span<const Config>) {
    return {};
  }

  // Seconds that a config of this cost runs in the first turn of the last round, by itself and followed; 0: next to none.
  virtual double TurnSeconds(double /*cost*/) const { return 0; }

  // The cost of what configs have to beat, a library's routine say, timed now; 0 when there is none. Asked once a turn
  // of the last round.
  virtual double RunRival() { return 0; }
};

// Costs from a formula.
class FunctionMeasure : public Measure {
 public:
  using Function = std::function<absl::StatusOr<double>(const Setting&)>;
  // `space` must outlive it.
  FunctionMeasure(const SearchSpace* space, Function cost)
      : space_(space), cost_(std::move(cost)) {}

  std::vector<absl::StatusOr<double>> Run(absl::Span<const Config> configs,
                                          const MeasureContext&) override {
    std::vector<absl::StatusOr<double>> costs;
    for (const Config& config : configs) costs.push_back(cost_(space_->SettingOf(config)));
    calls_ += static_cast<int64_t>(configs.size());
    return costs;
  }
  int64_t calls() const { return calls_; }

 private:
  const SearchSpace* space_;
  Function cost_;
  int64_t calls_ = 0;
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_MEASURE_H_
