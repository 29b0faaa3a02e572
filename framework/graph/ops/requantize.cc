// requantize: sums of products in i32 back to i8, each channel by a multiplier and a shift:
//
//   y[..., c] = clamp(zero_point + floor((x[..., c] m[c] + 2^(s[c] - 1)) / 2^s[c]), low, high)
//
// in 64 bits, where nothing overflows; nothing is added for s = 0. m / 2^s is the ratio of the scales of x and y: Jacob
// et al. 2018 (arXiv:1712.05877), section 2.2, rounding half up. `low` = zero_point is a relu.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"

namespace strata::graph {
namespace {

constexpr int64_t kLowest = -128, kHighest = 127;
constexpr int32_t kMostShift = 62;

struct Range {
  int64_t zero, low, high;
};

Range RangeOf(const OpCall& call) {
  return {call.attrs().Int("zero_point", 0), call.attrs().Int("low", kLowest),
          call.attrs().Int("high", kHighest)};
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& x = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckDType(x, "x", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckMinRank(x, "x", "[..., C]", 1));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[1], "multiplier", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[1], "multiplier", {x.shape.back()}));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[2], "shift", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[2], "shift", {x.shape.back()}));
  const Range range = RangeOf(call);
  if (range.low < kLowest || range.high > kHighest || range.low > range.high) {
    return absl::InvalidArgumentError(absl::StrCat(
        "low, high: are ", range.low, " and ", range.high, "; must be a range within [-128, 127]"));
  }
  if (range.zero < kLowest || range.zero > kHighest) {
    return absl::InvalidArgumentError(
        absl::StrCat("zero_point: is ", range.zero, "; must be in [-128, 127]"));
  }
  return std::vector<TensorType>{{chips::I8, x.shape}};
}

int8_t Requantize(int64_t x, int64_t multiplier, int32_t shift, const Range& range) {
  const int64_t half = shift == 0 ? 0 : int64_t{1} << (shift - 1);
  const int64_t steps =
      (x * multiplier + half) >> shift;  // a shift of a negative number is a floor
  return static_cast<int8_t>(std::clamp(range.zero + steps, range.low, range.high));
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> in,
                       absl::Span<HostTensor> out) {
  const Range range = RangeOf(call);
  const int32_t *x = in[0].data<int32_t>(), *m = in[1].data<int32_t>(), *s = in[2].data<int32_t>();
  const int64_t channels = in[1].elements();
  for (int64_t c = 0; c < channels; ++c) {
    if (s[c] >= 0 && s[c] <= kMostShift) continue;
    return absl::OutOfRangeError(
        absl::StrCat("shift[", c, "]: is ", s[c], "; must be in [0, ", kMostShift, "]"));
  }
  for (int64_t i = 0; i < in[0].elements(); ++i)
    out[0].data<int8_t>()[i] = Requantize(x[i], m[i % channels], s[i % channels], range);
  return absl::OkStatus();
}

}  // namespace

void RegisterRequantizeOps(OpRegistry& registry) {
  OpDef def;
  def.name = "requantize";
  def.summary =
      "x [..., C] i32, multiplier m and shift s [C] i32 -> clamp(zero_point + round(x m / 2^s)) i8";
  def.min_inputs = def.max_inputs = 3;
  def.attributes = {{"zero_point", AttrKind::kInt, false},
                    {"low", AttrKind::kInt, false},
                    {"high", AttrKind::kInt, false}};
  def.infer = Infer;
  def.reference = Reference;
  // A product, two sums, a shift and two comparisons.
  def.flops = [](const OpCall& call) {
    return 6.0 * static_cast<double>(call.outputs[0].elements());
  };
  registry.Add(std::move(def));
}

}  // namespace strata::graph
