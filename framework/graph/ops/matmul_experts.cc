// matmul_experts: matmul_packed where each row names its matrix. For mixtures of experts, and with ids that number the
// heads, for products a head.
#include <algorithm>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/packed_weights.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType &x = call.inputs[0], &w = call.inputs[1], &ids = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckDType(x, "x", chips::F32));
  STRATA_RETURN_IF_ERROR(CheckRank(x, "x", "[R, J, K] or [R, 1, K]", 3));
  STRATA_ASSIGN_OR_RETURN(const PackedWeights weights, PackedWeightsOf(call));
  STRATA_RETURN_IF_ERROR(CheckDType(w, "w", chips::U8));
  STRATA_RETURN_IF_ERROR(CheckRank(w, "w", "[E, rows, bytes]", 3));
  Shape dims = weights.Dims();
  dims.insert(dims.begin(), w.shape[0]);
  STRATA_RETURN_IF_ERROR(CheckShape(w, "w", dims));
  STRATA_RETURN_IF_ERROR(CheckDType(ids, "ids", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(ids, "ids", "[R, J]", 2));
  const bool shared = x.shape[1] == Size(1);
  STRATA_RETURN_IF_ERROR(CheckShape(ids, "ids", {x.shape[0], shared ? ids.shape[1] : x.shape[1]}));
  return std::vector<TensorType>{{chips::F32, {ids.shape[0], ids.shape[1], weights.N}}};
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  STRATA_ASSIGN_OR_RETURN(const PackedWeights weights, PackedWeightsOf(call));
  const int64_t N = weights.N, K = weights.K, J = inputs[2].dims()[1];
  const int64_t experts = inputs[1].dims()[0];
  const int64_t bytes = inputs[1].dims()[1] * inputs[1].dims()[2];
  const bool shared = inputs[0].dims()[1] == 1;
  std::vector<float> row(static_cast<size_t>(K));
  for (int64_t i = 0; i < inputs[2].elements(); ++i) {
    const int32_t expert = inputs[2].data<int32_t>()[i];
    if (expert < 0 || expert >= experts) {
      return absl::OutOfRangeError(absl::StrCat("ids: element ", i, " is ", expert,
                                                "; there are matrices [0, ", experts, ")"));
    }
    const std::vector<double> x =
        RoundedRow(*weights.format, inputs[0].data<float>() + (shared ? i / J : i) * K, K);
    for (int64_t n = 0; n < N; ++n) {
      weights.Row(inputs[1].data<uint8_t>() + expert * bytes, n, row.data());
      double y = 0;
      for (size_t k = 0; k < row.size(); ++k) y += x[k] * static_cast<double>(row[k]);
      outputs[0].data<float>()[i * N + n] = static_cast<float>(y);
    }
  }
  return absl::OkStatus();
}

double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

// A multiply-add a weight and row of x. Reads the matrices that are named: not more than there are ids.
Work WorkOfCall(const OpCall& call) {
  const double products = static_cast<double>(call.outputs[0].elements()) *
                          static_cast<double>(call.inputs[0].dims().back());
  const double experts = static_cast<double>(call.inputs[1].dims()[0]);
  const double ids = static_cast<double>(call.inputs[2].elements());
  const double read = experts > 0 ? std::min(1.0, ids / experts) * Bytes(call.inputs[1]) : 0;
  return {2 * products, Bytes(call.inputs[0]) + read + Bytes(call.inputs[2]),
          Bytes(call.outputs[0])};
}

}  // namespace

void RegisterMatmulExpertsOps(OpRegistry& registry) {
  OpDef def;
  def.name = "matmul_experts";
  def.summary =
      "x [R, J, K] or [R, 1, K] f32, w u8 [E, ...]: n rows of K weights each, ids [R, J] i32 -> "
      "[R, J, n], y[r, j] = w[ids[r, j]] x[r, j]";
  def.min_inputs = def.max_inputs = 3;
  def.attributes = PackedAttributes();
  def.infer = Infer;
  def.reference = Reference;
  def.work = WorkOfCall;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
