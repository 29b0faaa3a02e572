#include "framework/graph/ops/packed_weights.h"

#include "chips/numerics/float16.h"
#include "chips/numerics/packed_rows.h"
#include "chips/numerics/q8_row.h"
#include "framework/graph/ops/checks.h"

namespace strata::graph {

using chips::Activations;
using chips::WeightFormat;

std::vector<AttrSpec> PackedAttributes() {
  return {{"format", AttrKind::kString}, {"layout", AttrKind::kString}, {"n", AttrKind::kInt}};
}

Shape PackedWeights::Dims() const {
  if (!rows16) return {N, chips::RowBytes(*format, K)};
  return {chips::PackedGroups(N), chips::GroupBytes(*format, K)};
}

void PackedWeights::Row(const uint8_t* bytes, int64_t n, float* values) const {
  if (rows16) return chips::UnpackRow(*format, bytes, n, K, values);
  chips::DecodeRow(*format, bytes + n * chips::RowBytes(*format, K), K, values);
}

absl::StatusOr<int64_t> CheckWeightCount(const WeightFormat& format, const Size& K) {
  if (!K.is_symbol() && K.size() % format.block == 0) return K.size();
  return absl::InvalidArgumentError(absl::StrCat("rows of ", format.name, " are blocks of ",
                                                 format.block, " weights; a row of ", ToString({K}),
                                                 " is not"));
}

absl::StatusOr<PackedWeights> PackedWeightsOf(const OpCall& call) {
  PackedWeights weights;
  STRATA_ASSIGN_OR_RETURN(weights.format, chips::FindWeightFormat(call.attrs().String("format")));
  const std::string layout = call.attrs().String("layout");
  if (layout != "rows" && layout != "rows16") {
    return absl::InvalidArgumentError(
        absl::StrCat("layout: is \"", layout, "\"; must be \"rows\" or \"rows16\""));
  }
  weights.rows16 = layout == "rows16";
  weights.N = call.attrs().Int("n");
  if (weights.N < 0)
    return absl::InvalidArgumentError(absl::StrCat("n: is ", weights.N, "; must be >= 0"));
  STRATA_ASSIGN_OR_RETURN(weights.K,
                          CheckWeightCount(*weights.format, call.inputs[0].shape.back()));
  return weights;
}

std::vector<double> RoundedRow(const WeightFormat& format, const float* x, int64_t K) {
  std::vector<double> rounded(static_cast<size_t>(K));
  std::vector<int8_t> codes(static_cast<size_t>(K));
  std::vector<float> scales(static_cast<size_t>(K / chips::kQ8Block));
  if (format.activations == Activations::kQ8)
    chips::RoundRowQ8(x, K / chips::kQ8Block, codes.data(), scales.data());
  for (size_t k = 0; k < rounded.size(); ++k) {
    switch (format.activations) {
      case Activations::kQ8:
        rounded[k] = static_cast<double>(scales[k / chips::kQ8Block]) * codes[k];
        break;
      case Activations::kBf16:
        rounded[k] = chips::Bf16ToFloat(chips::FloatToBf16(x[k]));
        break;
      case Activations::kF32:
        rounded[k] = x[k];
        break;
    }
  }
  return rounded;
}

}  // namespace strata::graph
