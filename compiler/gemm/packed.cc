#include "compiler/gemm/packed.h"

namespace strata::compiler {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t Words(const GemmProblem& problem) {
  return problem.dtype == chips::BF16 ? CeilDiv(problem.K, 2) : problem.K;
}

}  // namespace

PackedShape PackedA(const GemmProblem& problem, const GemmConfig& config) {
  return {CeilDiv(problem.M, config.rows), Words(problem), kGemmRowStride};
}

PackedShape PackedB(const GemmProblem& problem, const GemmConfig& config) {
  return {CeilDiv(problem.N, config.columns()), Words(problem), config.columns()};
}

}  // namespace strata::compiler
