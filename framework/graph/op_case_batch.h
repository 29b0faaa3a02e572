// OpCaseBatch: many op cases as one graph, so that a device or compiler is put through all of them at one go.
//
//   OpCaseBatch batch = MakeOpCaseBatch(AllOpCases(chips::F32));
//   auto outputs = evaluator->Evaluate(batch.graph, batch.CloneInputs());
//   EXPECT_EQ(batch.Compare(*outputs), "");
#ifndef STRATA_FRAMEWORK_GRAPH_OP_CASE_BATCH_H_
#define STRATA_FRAMEWORK_GRAPH_OP_CASE_BATCH_H_

#include <string>
#include <vector>

#include "framework/graph/op_cases.h"

namespace strata::graph {

struct OpCaseBatch {
  Graph graph;  // concrete; the cases do not touch each other
  std::vector<HostTensor> inputs;
  std::vector<HostTensor> expected;     // by output, from the interpreter
  std::vector<std::string> case_names;  // by output
  std::vector<double> tolerances;       // by output

  std::vector<HostTensor> CloneInputs() const;
  // "" when every output is as expected; else one line a wrong output (the first ten): case, element, both numbers.
  std::string Compare(const std::vector<HostTensor>& outputs) const;
};

// Cases with updates keep them. Ends the program when a case does not run on the interpreter: a bug of the table.
OpCaseBatch MakeOpCaseBatch(const std::vector<OpCase>& cases);

// "" when `got` has the type of `want` and |got - want| <= tolerance * max(1, |want|) everywhere (NaN equals NaN).
std::string CompareTensors(const HostTensor& got, const HostTensor& want, double tolerance);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OP_CASE_BATCH_H_
