// Random programs: graphs of every kind of op, dtype and shape, for a fuzzer to compile and to interpret.
//
//   STRATA_ASSIGN_OR_RETURN(graph::Graph program, MakeRandomProgram(/*seed=*/7, {}));
//   std::vector<graph::HostTensor> inputs = InputsFor(program, 7);
//
// A program grows node by node: an op is drawn, then operands among the values there are (or new inputs of the types it
// needs), then attributes; the interpreter runs the node on the program's inputs, and a node whose result is refused,
// not finite or far too large is dropped, so that what is left computes numbers worth comparing. Shapes come from few
// sizes a program, so that values meet: 1 and 0, odd sizes, multiples of a vector and one more. Some programs are
// differentiated, some update state, some hold infinities and NaN on purpose ("edge" and "huge" inputs; see
// fuzz_inputs.h). Every op of the registry is made, or is in OpsLeftOut with the reason.
// The same seed and options give the same graph.
#ifndef STRATA_COMPILER_TOOLS_RANDOM_PROGRAM_H_
#define STRATA_COMPILER_TOOLS_RANDOM_PROGRAM_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct RandomProgramOptions {
  int nodes = 24;               // about; a differentiated program has more
  int64_t max_elements = 4096;  // of a value
  std::string family = "";      // of OpFamilies: most nodes are of it; "": as they come
};

// Families of ops, by name: "unary", "packed", "convolution", ...
std::vector<std::string> OpFamilies();
// Ops that no program holds, and why.
const std::map<std::string, std::string>& OpsLeftOut();

// Verified and concrete. INVALID_ARGUMENT for an unknown family; another error is a bug of the generator.
absl::StatusOr<graph::Graph> MakeRandomProgram(uint32_t seed, const RandomProgramOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_RANDOM_PROGRAM_H_
