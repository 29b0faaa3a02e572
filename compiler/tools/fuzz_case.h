// One case of the differential fuzzer: a random program with random settings of the compiler, checked, and reduced when
// it fails.
//
//   STRATA_ASSIGN_OR_RETURN(FuzzCase c, MakeFuzzCase(seed, {}));
//   STRATA_ASSIGN_OR_RETURN(Finding finding, CheckFuzzCase(c));
//   if (IsFault(finding)) STRATA_ASSIGN_OR_RETURN(std::string text, ReducedText(c, finding, {}));
#ifndef STRATA_COMPILER_TOOLS_FUZZ_CASE_H_
#define STRATA_COMPILER_TOOLS_FUZZ_CASE_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "compiler/tools/differential.h"
#include "compiler/tools/random_program.h"
#include "compiler/tools/reducer.h"

namespace strata::compiler {

struct FuzzCase {
  uint32_t seed = 0;
  graph::Graph graph;
  DifferentialOptions
      options;  // instruction set or chip, passes left out, threads: drawn by the seed

  // "isa avx2, 3 threads, without fusion"; "npu edge_16".
  std::string Settings() const;
};

// `device`: "cpu", or "npu": on one of the simulated chips, in half of the cases with matrix products of bf16 operands.
// INVALID_ARGUMENT for others.
absl::StatusOr<FuzzCase> MakeFuzzCase(uint32_t seed, const RandomProgramOptions& options,
                                      const std::string& device = "cpu");

// In a child process; on the inputs of InputsFor(graph, seed).
absl::StatusOr<Finding> CheckFuzzCase(const FuzzCase& fuzz_case);

// Whether the finding is a bug of the compiler (an interpreter that refuses data is none).
bool IsFault(const Finding& finding);

// The case reduced to what still shows a finding of the same kind, as text that `strata reduce` and the tests read: the
// finding, seed and settings in comments, then the graph.
absl::StatusOr<std::string> ReducedText(const FuzzCase& fuzz_case, const Finding& finding,
                                        const ReduceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_FUZZ_CASE_H_
