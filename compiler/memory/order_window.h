// OrderWindow: the best order of a few nodes that run one after the other somewhere in a longer order. What lives before
// and after them is the same in every order, so that the best order of the window is the best the whole can have there.
#ifndef STRATA_COMPILER_MEMORY_ORDER_WINDOW_H_
#define STRATA_COMPILER_MEMORY_ORDER_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "compiler/memory/execution.h"
#include "compiler/memory/order.h"

namespace strata::compiler {

inline constexpr size_t kLargestWindow = 24;

// `run` has run all that stands before the window. The order of the nodes in `window` with the least peak, then with the
// least sum, of those whose peak is below `limit`; empty when there is none, or when more than `most_states` sets of
// nodes would have to be looked at.
std::vector<int> BestOrderOfWindow(const OrderProblem& problem, const Execution& run,
                                   absl::Span<const int> window, uint64_t limit,
                                   size_t most_states);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_ORDER_WINDOW_H_
