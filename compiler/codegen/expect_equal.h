// ExpectEmittedEqualsReference: every node of a graph emitted, built and run, against the interpreter.
#ifndef STRATA_COMPILER_CODEGEN_EXPECT_EQUAL_H_
#define STRATA_COMPILER_CODEGEN_EXPECT_EQUAL_H_

#include <string>
#include <vector>

#include "compiler/codegen/emit.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// Uniform in [-2, 2); whole numbers in [-20, 20] for integers, fair coins for bool. Seeded.
graph::HostTensor RandomTensor(chips::DType dtype, const std::vector<int64_t>& dims, unsigned seed);
std::vector<graph::HostTensor> RandomInputs(const graph::Graph& graph, unsigned seed = 1);

struct ExpectOptions {
  // Of the largest magnitude of an output: sums in f32 differ from sums in f64 by a few roundings of their terms.
  double tolerance = 4e-6;
  bool allow_host = false;  // nodes that cannot be emitted run on the interpreter
  std::string isa = HostIsa();
};

// Runs each kernel in one range and in three; both must agree with the interpreter on random inputs.
void ExpectEmittedEqualsReference(const graph::Graph& graph, const ExpectOptions& options = {});

// `reference` computes the expected values in place of `graph` itself (a graph before a pass).
void ExpectEmittedEquals(const graph::Graph& graph, const graph::Graph& reference,
                         const ExpectOptions& options = {});

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_EXPECT_EQUAL_H_
