// Evaluate: what a Tensor is, now. Cuts out the part of the graph that the tensor needs and runs
// it.
//
//   graph::Interpreter interpreter;
//   Tensor y = Constant(b, 2, chips::F32, {3}) + x;
//   Evaluate(y, interpreter, {{"x", HostTensor::FromVector<float>({3}, {1, 2, 3})}});  // f32[3] 3
//   4 5
#ifndef STRATA_FRAMEWORK_TENSOR_EVALUATE_H_
#define STRATA_FRAMEWORK_TENSOR_EVALUATE_H_

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/evaluator.h"
#include "framework/tensor/tensor.h"

namespace strata::framework {

// Inputs that the tensor depends on are bound by name; others are not needed. NOT_FOUND names an
// input that is not bound; a sticky error of the builder comes back as it is. Nothing is updated in
// place.
absl::StatusOr<graph::HostTensor> Evaluate(
    const Tensor& tensor, graph::Evaluator& evaluator,
    const std::map<std::string, graph::HostTensor>& inputs = {});

// The part of `graph` that makes `value`, with `value` as its only output ("value"). Its inputs
// keep their names and order.
graph::Graph ExtractSubgraph(const graph::Graph& graph, graph::ValueId value);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_TENSOR_EVALUATE_H_
