// cache_write, cache_write_q8: the new keys or values of a ragged batch into their slots of one pool.
// Slot 0 is the bin of padding rows: what names it is dropped, so it keeps what it has. In int8 a
// slot and head has one scale, max|x| / 127, and its elements are x / scale rounded to even. As
// in-place updates of STATE inputs they move only the new elements.
#include <algorithm>
#include <cmath>
#include <set>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

// cache [slots, KV, D], new [R, KV, D] f32, slot [R] i32.
absl::Status CheckWrite(const TensorType& cache, const TensorType& fresh, const TensorType& slot) {
  STRATA_RETURN_IF_ERROR(CheckRank(cache, "cache", "[slots, KV, D]", 3));
  STRATA_RETURN_IF_ERROR(CheckDType(fresh, "new", chips::F32));
  STRATA_RETURN_IF_ERROR(CheckRank(fresh, "new", "[R, KV, D]", 3));
  STRATA_RETURN_IF_ERROR(
      CheckShape(fresh, "new", {fresh.shape[0], cache.shape[1], cache.shape[2]}));
  STRATA_RETURN_IF_ERROR(CheckDType(slot, "slot", chips::I32));
  return CheckShape(slot, "slot", {fresh.shape[0]});
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& cache = call.inputs[0];
  if (cache.dtype != chips::F32 && cache.dtype != chips::F16 && cache.dtype != chips::BF16) {
    return absl::InvalidArgumentError(
        absl::StrCat("cache: is ", cache.ToString(),
                     "; must be of dtype f32, f16 or bf16 (cache_write_q8 "
                     "writes int8)"));
  }
  STRATA_RETURN_IF_ERROR(CheckWrite(cache, call.inputs[1], call.inputs[2]));
  return std::vector<TensorType>{cache};
}

absl::StatusOr<std::vector<TensorType>> InferQ8(const OpCall& call) {
  const TensorType &cache = call.inputs[0], &scale = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckDType(cache, "cache", chips::I8));
  STRATA_RETURN_IF_ERROR(CheckWrite(cache, call.inputs[2], call.inputs[3]));
  STRATA_RETURN_IF_ERROR(CheckDType(scale, "scale", chips::F32));
  STRATA_RETURN_IF_ERROR(CheckShape(scale, "scale", {cache.shape[0], cache.shape[1]}));
  return std::vector<TensorType>{cache, scale};
}

// Rows go to slots of the pool, each but slot 0 at most once.
absl::Status CheckSlots(const HostTensor& slot, int64_t slots) {
  std::set<int32_t> seen;
  for (int64_t r = 0; r < slot.elements(); ++r) {
    const int32_t s = slot.data<int32_t>()[r];
    if (s < 0 || s >= slots) {
      return absl::OutOfRangeError(absl::StrCat("slot: row ", r, " writes slot ", s,
                                                " of a cache of ", slots,
                                                " slots; make the pool larger"));
    }
    if (s != 0 && !seen.insert(s).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "slot: row ", r, " writes slot ", s, ", as an earlier row does; give each its own"));
    }
  }
  return absl::OkStatus();
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<int64_t>& dims = inputs[0].dims();
  STRATA_RETURN_IF_ERROR(CheckSlots(inputs[2], dims[0]));
  std::vector<double> cache = inputs[0].ToDoubles();
  const std::vector<double> fresh = inputs[1].ToDoubles();
  const int64_t token = dims[1] * dims[2];
  for (int64_t r = 0; r < inputs[2].elements(); ++r) {
    const int64_t slot = inputs[2].data<int32_t>()[r];
    if (slot != 0) std::copy_n(fresh.begin() + r * token, token, cache.begin() + slot * token);
  }
  outputs[0].SetFromDoubles(cache);
  return absl::OkStatus();
}

// One head of a token; returns its scale.
float Quantise(const float* x, int64_t n, int8_t* q) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float scale = largest / 127.0f;
  for (int64_t i = 0; i < n; ++i) {
    const float steps = scale > 0 ? std::nearbyint(x[i] / scale) : 0.0f;
    q[i] = static_cast<int8_t>(steps >= 127 ? 127 : steps >= -127 ? steps : -127);
  }
  return scale;
}

absl::Status ReferenceQ8(const OpCall&, absl::Span<const HostTensor> inputs,
                         absl::Span<HostTensor> outputs) {
  const std::vector<int64_t>& dims = inputs[0].dims();
  STRATA_RETURN_IF_ERROR(CheckSlots(inputs[3], dims[0]));
  std::copy_n(inputs[0].data<int8_t>(), inputs[0].elements(), outputs[0].data<int8_t>());
  std::copy_n(inputs[1].data<float>(), inputs[1].elements(), outputs[1].data<float>());
  for (int64_t r = 0; r < inputs[3].elements(); ++r) {
    const int64_t slot = inputs[3].data<int32_t>()[r];
    for (int64_t h = 0; slot != 0 && h < dims[1]; ++h) {
      outputs[1].data<float>()[slot * dims[1] + h] =
          Quantise(inputs[2].data<float>() + (r * dims[1] + h) * dims[2], dims[2],
                   outputs[0].data<int8_t>() + (slot * dims[1] + h) * dims[2]);
    }
  }
  return absl::OkStatus();
}

// In place: reads and writes the new elements only.
Work CountWork(const OpCall& call) {
  const double elements = static_cast<double>(call.inputs[1].elements());
  return {0, static_cast<double>(call.inputs[1].size_bytes() + call.inputs[2].size_bytes()),
          elements * static_cast<double>(chips::SizeOf(call.inputs[0].dtype))};
}

// An element: its magnitude, the maximum, a division, a rounding.
Work CountWorkQ8(const OpCall& call) {
  const double elements = static_cast<double>(call.inputs[2].elements());
  const double heads = static_cast<double>(call.inputs[3].elements() * call.inputs[1].dims()[1]);
  return {4 * elements + heads,
          static_cast<double>(call.inputs[2].size_bytes() + call.inputs[3].size_bytes()),
          elements + 4 * heads};
}

}  // namespace

void RegisterCacheWriteOps(OpRegistry& registry) {
  OpDef write;
  write.name = "cache_write";
  write.summary =
      "cache [slots, KV, D], new [R, KV, D] f32, slot [R] i32 -> cache with row r at slot[r]; rows "
      "of slot 0 are dropped";
  write.min_inputs = write.max_inputs = 3;
  write.infer = Infer;
  write.reference = Reference;
  write.work = CountWork;
  registry.Add(std::move(write));

  OpDef q8;
  q8.name = "cache_write_q8";
  q8.summary =
      "cache [slots, KV, D] i8, scale [slots, KV] f32, new [R, KV, D] f32, slot [R] i32 -> cache, "
      "scale with row r in 8 bits at slot[r]; rows of slot 0 are dropped";
  q8.min_inputs = q8.max_inputs = 4;
  q8.infer = InferQ8;
  q8.reference = ReferenceQ8;
  q8.work = CountWorkQ8;
  registry.Add(std::move(q8));
}

}  // namespace strata::graph
