// GemmSpace: the configs of one emitted matrix product as a search space, and back.
//
//   const SearchSpace space = GemmSpace(problem, HostIsa());
//   GemmConfigOf(space.SettingOf(space.At(0)));
#ifndef STRATA_COMPILER_TUNE_GEMM_SPACE_H_
#define STRATA_COMPILER_TUNE_GEMM_SPACE_H_

#include <optional>
#include <string>

#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"
#include "compiler/tune/features.h"
#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

// Knobs ROWS, VECTORS, DEPTH, PANELS, PACK_B (0: in blocks, 1: first). Valid: CheckGemmConfig holds and the tile fits
// the ISA's registers. Choices depend on the problem: no tile much higher than C, no depth beyond K.
SearchSpace GemmSpace(const GemmProblem& problem, const std::string& isa);

GemmConfig GemmConfigOf(const Setting& setting);

// The valid config of the space that is nearest to `config`, which may be none of its own. Nothing in an empty space.
std::optional<Config> NearestInSpace(const SearchSpace& space, const GemmConfig& config);

// What is known of such kernels beyond the knobs: the cost that is expected of them (gemm/cost.h), how much of tiles, panels and threads' shares is empty, what lies in
// which cache, arithmetic against loads of a step.
Features::Extra GemmFeatures(const GemmProblem& problem, const std::string& isa, int threads);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_GEMM_SPACE_H_
