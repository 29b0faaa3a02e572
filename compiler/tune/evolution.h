// Children: what evolution makes of a ranked population: one operator for the "evolutionary" strategy, whose fitness is
// the measured cost, and for the "model", whose fitness is the expected one.
#ifndef STRATA_COMPILER_TUNE_EVOLUTION_H_
#define STRATA_COMPILER_TUNE_EVOLUTION_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

// A valid child of two parents out of `ranked` (the best first, not empty), which are the better of two drawn each:
// crossed one time in two, and mutated. Nothing when none was found.
std::optional<Config> MakeChild(const SearchSpace& space, absl::Span<const Config> ranked,
                                Random* random);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_EVOLUTION_H_
