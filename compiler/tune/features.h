// Features: a config as numbers that a cost model can split on.
//
// Of each knob its logarithm (its index where a choice is not positive), of each pair of knobs the logarithm of product
// and quotient, because what decides is mostly of that form: a working set is a product of tile sizes, a balance of
// loads and arithmetic a quotient. Further ones may be given by whoever knows the kernel.
#ifndef STRATA_COMPILER_TUNE_FEATURES_H_
#define STRATA_COMPILER_TUNE_FEATURES_H_

#include <functional>
#include <utility>
#include <vector>

#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

class Features {
 public:
  using Extra = std::function<std::vector<double>(const Setting&)>;
  // `space` must outlive it.
  explicit Features(const SearchSpace* space, Extra extra = nullptr);

  // Always as many numbers, all finite unless `extra` gives others.
  std::vector<double> Of(const Config& config) const;

 private:
  const SearchSpace* space_;
  Extra extra_;
  std::vector<std::vector<double>> scale_;  // by knob and choice
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_FEATURES_H_
