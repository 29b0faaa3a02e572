// Where the choices of a router go. moe_slots: places in the experts' buffers of a fixed capacity (GShard, Lepikhin et
// al. 2020, arXiv:2006.16668; Switch, Fedus et al. 2021, arXiv:2101.03961). moe_sort: rows sorted by expert, as many as
// there are (MegaBlocks, Gale et al. 2022, arXiv:2211.15841). A group of tokens (the first dim) routes by itself, so that
// ranks that hold groups need not talk before they send tokens.
#include <cstdint>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::Status CheckPositive(const OpCall& call, const char* attribute) {
  const int64_t value = call.attrs().Int(attribute);
  if (value >= 1 && value <= INT32_MAX) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(attribute, ": is ", value, "; must be of [1, 2147483647]"));
}

absl::Status CheckIds(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[0], "ids", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(call.inputs[0], "ids", "[G, N, k]", 3));
  return CheckPositive(call, "experts");
}

absl::StatusOr<std::vector<TensorType>> InferSlots(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckIds(call));
  STRATA_RETURN_IF_ERROR(CheckPositive(call, "capacity"));
  const int64_t experts = call.attrs().Int("experts"), capacity = call.attrs().Int("capacity");
  if (capacity > INT32_MAX / experts) {
    return absl::InvalidArgumentError(absl::StrCat("capacity: ", experts, " experts of ", capacity,
                                                   " slots each have more than an i32 numbers"));
  }
  const TensorType& ids = call.inputs[0];
  return std::vector<TensorType>{ids, {chips::I32, {ids.shape[0], experts}}};
}

absl::StatusOr<std::vector<TensorType>> InferSort(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckIds(call));
  const TensorType& ids = call.inputs[0];
  return std::vector<TensorType>{ids,
                                 {chips::I32, {ids.shape[0], call.attrs().Int("experts") + 1}}};
}

absl::Status CheckId(int64_t element, int64_t id, int64_t experts) {
  if (id < experts) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("ids: element ", element, " is ", id,
                                            "; there are experts [0, ", experts,
                                            "), and a negative one is nowhere"));
}

// All tokens' first choices in order, then all second ones, and so on: who comes late finds no place.
absl::Status SlotsReference(const OpCall& call, absl::Span<const HostTensor> inputs,
                            absl::Span<HostTensor> outputs) {
  const int64_t E = call.attrs().Int("experts"), capacity = call.attrs().Int("capacity");
  const int64_t G = inputs[0].dims()[0], N = inputs[0].dims()[1], k = inputs[0].dims()[2];
  for (int64_t g = 0; g < G; ++g) {
    int32_t* load = outputs[1].data<int32_t>() + g * E;
    for (int64_t e = 0; e < E; ++e) load[e] = 0;
    for (int64_t j = 0; j < k; ++j) {
      for (int64_t n = 0; n < N; ++n) {
        const int64_t i = (g * N + n) * k + j;
        const int32_t e = inputs[0].data<int32_t>()[i];
        STRATA_RETURN_IF_ERROR(CheckId(i, e, E));
        const int64_t place = e < 0 ? capacity : load[e]++;
        outputs[0].data<int32_t>()[i] =
            place < capacity ? static_cast<int32_t>(e * capacity + place) : -1;
      }
    }
  }
  return absl::OkStatus();
}

// By expert, then by token and choice.
absl::Status SortReference(const OpCall& call, absl::Span<const HostTensor> inputs,
                           absl::Span<HostTensor> outputs) {
  const int64_t E = call.attrs().Int("experts");
  const int64_t G = inputs[0].dims()[0], R = inputs[0].dims()[1] * inputs[0].dims()[2];
  for (int64_t g = 0; g < G; ++g) {
    const int32_t* ids = inputs[0].data<int32_t>() + g * R;
    int32_t* slot = outputs[0].data<int32_t>() + g * R;
    int32_t* offsets = outputs[1].data<int32_t>() + g * (E + 1);
    int32_t row = 0;
    for (int64_t i = 0; i < R; ++i) {
      STRATA_RETURN_IF_ERROR(CheckId(g * R + i, ids[i], E));
      slot[i] = -1;
    }
    for (int64_t e = 0; e < E; ++e) {
      offsets[e] = row;
      for (int64_t i = 0; i < R; ++i) {
        if (ids[i] == e) slot[i] = row++;
      }
    }
    offsets[E] = row;
  }
  return absl::OkStatus();
}

// One count a choice.
double Choices(const OpCall& call) { return static_cast<double>(call.inputs[0].elements()); }

}  // namespace

void RegisterMoeSlotsOps(OpRegistry& registry) {
  OpDef slots;
  slots.name = "moe_slots";
  slots.summary =
      "ids [G, N, k] i32 -> slot [G, N, k] i32: expert * capacity + its place there, -1 where "
      "there "
      "is none left; load [G, experts] i32: the choices of each expert, the dropped ones too";
  slots.min_inputs = slots.max_inputs = 1;
  slots.attributes = {{"experts", AttrKind::kInt}, {"capacity", AttrKind::kInt}};
  slots.infer = InferSlots;
  slots.reference = SlotsReference;
  slots.flops = Choices;
  registry.Add(std::move(slots));

  OpDef sort;
  sort.name = "moe_sort";
  sort.summary =
      "ids [G, N, k] i32 -> slot [G, N, k] i32: its row among the choices sorted by expert; "
      "offsets "
      "[G, experts + 1] i32: expert e has the rows [offsets[e], offsets[e + 1])";
  sort.min_inputs = sort.max_inputs = 1;
  sort.attributes = {{"experts", AttrKind::kInt}};
  sort.infer = InferSort;
  sort.reference = SortReference;
  sort.flops = Choices;
  registry.Add(std::move(sort));
}

}  // namespace strata::graph
