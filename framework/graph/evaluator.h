// Evaluator: runs a Graph on inputs. The framework declares it; the interpreter here is the default
// and the definition of right, the compiler implements it with speed.
#ifndef STRATA_FRAMEWORK_GRAPH_EVALUATOR_H_
#define STRATA_FRAMEWORK_GRAPH_EVALUATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/registry.h"
#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::graph {

class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // `inputs` in the order of graph.inputs, of the declared dtypes and dims (symbols take their size
  // from the inputs). Returns graph.outputs in order. Inputs named in graph.updates are overwritten
  // in place, and the matching outputs share their storage. INVALID_ARGUMENT names the input that
  // does not fit.
  virtual absl::StatusOr<std::vector<HostTensor>> Evaluate(const Graph& graph,
                                                           absl::Span<const HostTensor> inputs) = 0;
};

// "reference" is always there; the compiler adds its own.
inline Registry<Evaluator>& EvaluatorRegistry() {
  static Registry<Evaluator>* registry = new Registry<Evaluator>("evaluator");
  return *registry;
}

// Checks count, dtypes and dims of `inputs` against a graph and gives every symbol its size.
absl::StatusOr<std::map<std::string, int64_t>> MatchInputs(const Graph& graph,
                                                           absl::Span<const HostTensor> inputs);

// The graph with symbols replaced by sizes, in types, attributes and regions. Sizes must be >= 0;
// symbols without a size stay.
absl::StatusOr<Graph> BindSymbols(const Graph& graph, const std::map<std::string, int64_t>& sizes);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_EVALUATOR_H_
