// cache_update: writes the new keys or values of each row into its place of the cache. As an
// in-place update of a STATE input it moves only the new elements.
#include <algorithm>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType &cache = call.inputs[0], &fresh = call.inputs[1], &start = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckFloat(cache, "cache"));
  STRATA_RETURN_IF_ERROR(CheckRank(cache, "cache", "[B, S, KV, D]", 4));
  STRATA_RETURN_IF_ERROR(CheckDType(fresh, "new", cache.dtype));
  STRATA_RETURN_IF_ERROR(CheckRank(fresh, "new", "[B, T, KV, D]", 4));
  STRATA_RETURN_IF_ERROR(
      CheckShape(fresh, "new", {cache.shape[0], fresh.shape[1], cache.shape[2], cache.shape[3]}));
  STRATA_RETURN_IF_ERROR(CheckDType(start, "start", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(start, "start", {cache.shape[0]}));
  const Size &slots = cache.shape[1], &tokens = fresh.shape[1];
  if (!slots.is_symbol() && !tokens.is_symbol() && tokens.size() > slots.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "new: has ", tokens.ToString(), " tokens; the cache has room for ", slots.ToString()));
  }
  return std::vector<TensorType>{cache};
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  std::vector<double> cache = inputs[0].ToDoubles();
  const std::vector<double> fresh = inputs[1].ToDoubles();
  const std::vector<int64_t>& dims = inputs[0].dims();
  const int64_t slots = dims[1], token = dims[2] * dims[3], tokens = inputs[1].dims()[1];
  for (int64_t b = 0; b < dims[0]; ++b) {
    const int64_t start = inputs[2].data<int32_t>()[b];
    if (start < 0 || start + tokens > slots) {
      return absl::OutOfRangeError(absl::StrCat("start: row ", b, " writes [", start, ", ",
                                                start + tokens, ") of a cache of ", slots,
                                                " slots; make the cache longer"));
    }
    std::copy_n(fresh.begin() + b * tokens * token, tokens * token,
                cache.begin() + (b * slots + start) * token);
  }
  outputs[0].SetFromDoubles(cache);
  return absl::OkStatus();
}

// In place: reads and writes the new elements only.
Work CountWork(const OpCall& call) {
  const double fresh = static_cast<double>(call.inputs[1].size_bytes());
  return {0, fresh + static_cast<double>(call.inputs[2].size_bytes()), fresh};
}

}  // namespace

void RegisterCacheUpdateOps(OpRegistry& registry) {
  OpDef def;
  def.name = "cache_update";
  def.summary =
      "cache [B, S, KV, D], new [B, T, KV, D], start [B] i32 -> cache with row b's new at "
      "[start[b], start[b] + T)";
  def.min_inputs = def.max_inputs = 3;
  def.infer = Infer;
  def.reference = Reference;
  def.work = CountWork;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
