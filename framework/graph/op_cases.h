// Small sample graphs of every op: what the tests of the framework sweep through, and what a device
// is compared with the reference on.
//
//   for (const OpCase& c : AllOpCases(chips::F32)) {
//     auto want = Interpreter().Evaluate(c.graph, c.inputs);  // and the same on the device
//     ... |got - want| <= c.tolerance * max(1, |want|) for every element
//   }
#ifndef STRATA_FRAMEWORK_GRAPH_OP_CASES_H_
#define STRATA_FRAMEWORK_GRAPH_OP_CASES_H_

#include <string>
#include <vector>

#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::graph {

struct OpCase {
  std::string name;  // unique: "matmul.transpose_a.17x33"
  Graph graph;       // may hold symbols; the inputs give them sizes
  std::vector<HostTensor> inputs;
  double tolerance = 0;  // derived from the dtype's epsilon and the number of terms that are summed
};

// All cases with float operands of `dtype` (F32, F64, BF16 or F16). Every registered op is in at
// least one.
std::vector<OpCase> AllOpCases(DType dtype);

std::vector<OpCase> PrimitiveOpCases(DType dtype);
std::vector<OpCase> CompositeOpCases(DType dtype);
std::vector<OpCase> PackedOpCases();             // weights in files' formats, f32 beside them
std::vector<OpCase> VisionOpCases(DType dtype);  // of images and of integer arithmetic
std::vector<OpCase> RaggedOpCases(DType dtype);  // of steps over a ragged batch
std::vector<OpCase> MoeOpCases(DType dtype);     // of mixtures of experts

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OP_CASES_H_
