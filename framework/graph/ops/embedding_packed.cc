// embedding_packed: rows of a table in a file's format, by id, as fp32.
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/packed_weights.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType &w = call.inputs[0], &ids = call.inputs[1];
  STRATA_ASSIGN_OR_RETURN(const chips::WeightFormat* format,
                          chips::FindWeightFormat(call.attrs().String("format")));
  STRATA_ASSIGN_OR_RETURN(const int64_t K, CheckWeightCount(*format, Size(call.attrs().Int("k"))));
  if (K < 0) return absl::InvalidArgumentError(absl::StrCat("k: is ", K, "; must be >= 0"));
  STRATA_RETURN_IF_ERROR(CheckDType(w, "w", chips::U8));
  STRATA_RETURN_IF_ERROR(CheckRank(w, "w", "[V, bytes of a row]", 2));
  STRATA_RETURN_IF_ERROR(CheckShape(w, "w", {w.shape[0], chips::RowBytes(*format, K)}));
  STRATA_RETURN_IF_ERROR(CheckDType(ids, "ids", chips::I32));
  Shape shape = ids.shape;
  shape.push_back(K);
  return std::vector<TensorType>{{chips::F32, shape}};
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  STRATA_ASSIGN_OR_RETURN(const chips::WeightFormat* format,
                          chips::FindWeightFormat(call.attrs().String("format")));
  const int64_t rows = inputs[0].dims()[0], bytes = inputs[0].dims()[1];
  const int64_t K = call.attrs().Int("k");
  for (int64_t i = 0; i < inputs[1].elements(); ++i) {
    const int32_t id = inputs[1].data<int32_t>()[i];
    if (id < 0 || id >= rows) {
      return absl::OutOfRangeError(
          absl::StrCat("ids: element ", i, " is ", id, "; the table has rows [0, ", rows, ")"));
    }
    chips::DecodeRow(*format, inputs[0].data<uint8_t>() + id * bytes, K,
                     outputs[0].data<float>() + i * K);
  }
  return absl::OkStatus();
}

double Bytes(const TensorType& type) { return static_cast<double>(type.size_bytes()); }

// Reads the ids and one row an id; a multiply a weight.
Work WorkOfCall(const OpCall& call) {
  const double ids = static_cast<double>(call.inputs[1].elements());
  const double row = static_cast<double>(call.inputs[0].dims()[1]);
  return {static_cast<double>(call.outputs[0].elements()), Bytes(call.inputs[1]) + ids * row,
          Bytes(call.outputs[0])};
}

}  // namespace

void RegisterEmbeddingPackedOps(OpRegistry& registry) {
  OpDef def;
  def.name = "embedding_packed";
  def.summary = "w u8 [V, bytes]: rows of k weights in a format, ids [...] i32 -> [..., k] f32";
  def.min_inputs = def.max_inputs = 2;
  def.attributes = {{"format", AttrKind::kString}, {"k", AttrKind::kInt}};
  def.infer = Infer;
  def.reference = Reference;
  def.work = WorkOfCall;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
