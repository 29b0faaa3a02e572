// What an emitted matrix product should cost, from the sizes of caches and registers: picks a config without measuring,
// and ranks configs so that few need to be measured.
//
//   const GemmMachine machine = GemmMachineOf(chip, HostIsa());
//   GemmConfig config = DefaultGemmConfig(problem, machine);
#ifndef STRATA_COMPILER_GEMM_COST_H_
#define STRATA_COMPILER_GEMM_COST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chips/spec/chip.pb.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"

namespace strata::compiler {

// The part of a machine that matters here; the defaults are those of a server core of the 2020s.
struct GemmMachine {
  int64_t registers = 32;  // of `lanes` floats
  int64_t lanes = 16;
  int64_t l2_bytes = 1 << 20;  // of one core
};

// What memory moves in the time of one vector instruction of a core; both grow with the threads.
inline constexpr double kGemmBytesFromMemory = 5;

// Cache sizes from the chip (levels it does not tell keep the defaults), registers from the instruction set.
GemmMachine GemmMachineOf(const chips::Chip& chip, const std::string& isa);

// Instructions that a core must issue one after the other, all threads' together: of tiles, of packing, and of waiting
// for what does not stay in the second-level cache. Comparable between configs of one problem.
double GemmCost(const GemmProblem& problem, const GemmConfig& config, const GemmMachine& machine);

// Valid configs for the problem, the best by GemmCost first; never empty.
std::vector<GemmConfig> GemmCandidates(const GemmProblem& problem, const GemmMachine& machine);

// The first of them.
GemmConfig DefaultGemmConfig(const GemmProblem& problem, const GemmMachine& machine);

// The best by GemmCost of those whose tiles hold whole sums, as an epilogue needs: depth >= K. Nothing where a sum is too
// long for that.
std::optional<GemmConfig> WholeSumConfig(const GemmProblem& problem, const GemmMachine& machine);

// `config`, of whole sums, for an epilogue that moves `bytes` of matrices [M, N]: with threads that share rows where that
// traffic counts beside the product (the update of a large parameter), there are rows enough to share evenly, and a
// packed B stays close; else as it is.
GemmConfig WithRowsShared(const GemmProblem& problem, const GemmConfig& config, double bytes,
                          const GemmMachine& machine);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_COST_H_
