// How far rounding may move the results of a graph: the tolerance for comparing two ways to compute it.
//
//   STRATA_ASSIGN_OR_RETURN(Spread spread, RoundingSpread(graph, inputs, {}));
//   FirstOutside(spread, 0, other_outputs[0]);   // "" when every element is within what rounding explains
//
// Monte Carlo arithmetic (D. S. Parker, 1997; after J. Vignes' CESTAC): the graph, taken apart into primitives, is
// interpreted several times, with every result moved at random by as much as a legal implementation may err there: a
// few units in the last place, times the number of terms and the sum of their magnitudes where the op adds up. What the
// outputs spread by is what a compiler may differ by, at the very values at hand: cancellation, steep functions and
// comparisons that could fall either way are seen, and nothing is guessed. An f32 sum that may overflow on the way is
// out of contract (op_rounding.h): what comes of it may be anything.
#ifndef STRATA_COMPILER_TOOLS_ROUNDING_SPREAD_H_
#define STRATA_COMPILER_TOOLS_ROUNDING_SPREAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

struct SpreadOptions {
  int runs = 6;
  uint32_t seed = 1;
};

struct Spread {
  std::vector<graph::HostTensor> outputs;  // the interpreter's, by output
  // By output and element: how far another result may be away; inf where rounding decides
  // between unlike results.
  std::vector<std::vector<double>> allowed;
};

// The graph is concrete and verified; `inputs` are not changed, also where the graph updates them. Errors are the
// interpreter's: data that an op refuses.
absl::StatusOr<Spread> RoundingSpread(const graph::Graph& graph,
                                      absl::Span<const graph::HostTensor> inputs,
                                      const SpreadOptions& options);

// "" or the first element of `got` that is further away from output `index` than allowed, with the numbers. A NaN is
// as good as another, an infinity must be the same one.
std::string FirstOutside(const Spread& spread, size_t index, const graph::HostTensor& got);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_ROUNDING_SPREAD_H_
