#include "compiler/gemm/problem.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 48;

bool Fits(int64_t rows, int64_t columns) { return rows == 0 || columns <= kMaxElements / rows; }

int64_t LeadingOf(const std::vector<int64_t>& dims, size_t trailing) {
  int64_t product = 1;
  for (size_t d = 0; d + trailing < dims.size(); ++d) product *= dims[d];
  return product;
}

GemmProblem ContractLeading(const graph::OpCall& call) {  // [R, M], [R, N]: a transposed product
  const std::vector<int64_t> a = call.inputs[0].dims(), b = call.inputs[1].dims();
  return {.M = a.back(), .N = b.back(), .K = LeadingOf(a, 1), .transpose_a = true};
}

std::optional<GemmProblem> Matmul(const graph::OpCall& call) {
  const std::vector<int64_t> a = call.inputs[0].dims(), b = call.inputs[1].dims();
  GemmProblem p{.transpose_a = call.attrs().Bool("transpose_a"),
                .transpose_b = call.attrs().Bool("transpose_b")};
  const int64_t rows = a[a.size() - 2], columns = a.back(), batch = LeadingOf(a, 2);
  p.M = p.transpose_a ? columns : rows;
  p.K = p.transpose_a ? rows : columns;
  p.N = p.transpose_b ? b[b.size() - 2] : b.back();
  if (batch == 1) return p;
  if (b.size() != 2 || p.transpose_a) return std::nullopt;
  p.M *= batch;
  return p;
}

}  // namespace

std::string GemmLayout(const GemmProblem& problem) {
  return absl::StrCat(problem.transpose_a ? "t" : "n", problem.transpose_b ? "t" : "n");
}

std::string GemmName(const GemmProblem& problem) {
  return absl::StrCat(problem.dtype == chips::BF16 ? "bf16_" : "f32_", GemmLayout(problem), "_",
                      problem.M, "x", problem.N, "x", problem.K,
                      problem.result == chips::BF16 ? "_bf16" : "");
}

absl::Status CheckGemm(const GemmProblem& p) {
  if (p.M < 0 || p.N < 0 || p.K < 0 || !Fits(p.M, p.K) || !Fits(p.K, p.N) || !Fits(p.M, p.N)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a product of ", p.M, " x ", p.N, " x ", p.K,
                     ": sizes must be 0 or more, operands below 2^48 elements"));
  }
  const bool known = p.dtype == chips::F32 || p.dtype == chips::BF16;
  if (!known || (p.result != chips::F32 && p.result != p.dtype)) {
    return absl::UnimplementedError(
        "emitted products take f32 or bf16, and give f32 or the type of their operands");
  }
  return absl::OkStatus();
}

std::optional<GemmProblem> GemmOf(const graph::OpCall& call) {
  const std::string& op = call.node->op();
  std::optional<GemmProblem> problem;
  if (op == "contract_leading") problem = ContractLeading(call);
  if (op == "matmul") problem = Matmul(call);
  if (!problem) return std::nullopt;
  problem->dtype = call.inputs[0].dtype;
  problem->result = call.outputs[0].dtype;
  if (!CheckGemm(*problem).ok()) return std::nullopt;
  return problem;
}

}  // namespace strata::compiler
