// matmul_packed: y = x wᵀ with weights in a file's format. x is rounded first, as the format's products are made (to int8
// with a scale for each 32 elements, to bf16, or not); the definition is the exact product of what that gives.
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/packed_weights.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType &x = call.inputs[0], &w = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckDType(x, "x", chips::F32));
  STRATA_RETURN_IF_ERROR(CheckMinRank(x, "x", "[..., K]", 1));
  STRATA_ASSIGN_OR_RETURN(const PackedWeights weights, PackedWeightsOf(call));
  STRATA_RETURN_IF_ERROR(CheckDType(w, "w", chips::U8));
  STRATA_RETURN_IF_ERROR(CheckShape(w, "w", weights.Dims()));
  return std::vector<TensorType>{{chips::F32, WithLastDim(x.shape, weights.N)}};
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  STRATA_ASSIGN_OR_RETURN(const PackedWeights weights, PackedWeightsOf(call));
  const int64_t N = weights.N, K = weights.K, M = N == 0 ? 0 : outputs[0].elements() / N;
  std::vector<std::vector<double>> x;
  for (int64_t m = 0; m < M; ++m)
    x.push_back(RoundedRow(*weights.format, inputs[0].data<float>() + m * K, K));
  std::vector<float> row(static_cast<size_t>(K));
  for (int64_t n = 0; n < N; ++n) {
    weights.Row(inputs[1].data<uint8_t>(), n, row.data());
    for (int64_t m = 0; m < M; ++m) {
      double y = 0;
      for (size_t k = 0; k < row.size(); ++k)
        y += x[static_cast<size_t>(m)][k] * static_cast<double>(row[k]);
      outputs[0].data<float>()[m * N + n] = static_cast<float>(y);
    }
  }
  return absl::OkStatus();
}

// A multiply-add a weight and row of x.
double Flops(const OpCall& call) {
  return 2 * static_cast<double>(call.outputs[0].elements()) *
         static_cast<double>(call.inputs[0].dims().back());
}

}  // namespace

void RegisterMatmulPackedOps(OpRegistry& registry) {
  OpDef def;
  def.name = "matmul_packed";
  def.summary = "x [..., K] f32, w u8: n rows of K weights in a format -> x wᵀ [..., n]";
  def.min_inputs = def.max_inputs = 2;
  def.attributes = PackedAttributes();
  def.infer = Infer;
  def.reference = Reference;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
