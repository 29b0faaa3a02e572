#include "compiler/driver/padding.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::OpCall;
using graph::Shape;
using graph::TensorType;

// ---- The rules: what each op does along the axes of one symbol.

// One op at work. `repeats`: whether each operand's padded rows repeat its last real row.
struct Site {
  const std::string& symbol;
  const OpCall& call;
  const std::vector<bool>& repeats;

  bool Has(const Shape& shape, size_t d) const {
    return shape[d].is_symbol() && shape[d].symbol() == symbol;
  }
  bool Has(const Shape& shape) const {
    for (size_t d = 0; d < shape.size(); ++d) {
      if (Has(shape, d)) return true;
    }
    return false;
  }
  const Shape& in(size_t i) const { return call.inputs[i].shape; }
};

// What a rule finds: why padded rows may reach real ones ("" when they cannot), and whether the results' padded rows
// repeat the last real row, given that the operands' do.
struct Finding {
  std::string fault;
  bool repeats = true;
};
using Rule = std::function<Finding(const Site&)>;

Finding Fault(std::string why) { return {std::move(why), false}; }

Finding SumsOver(const Site& site, size_t operand, size_t axis) {
  return Fault(absl::StrCat("sums over axis ", axis, " of ", site.call.inputs[operand].ToString()));
}

Finding Apart(const Site&) { return {}; }

// An index into a table must stay in its domain: it has to be what a real row has.
Finding Domain(const Site& site, size_t operand, const char* name) {
  if (site.repeats[operand]) return {};
  return Fault(absl::StrCat(name, ": padded rows could be outside of their domain"));
}

Finding Iota(const Site& site) {
  const Shape& dims = site.call.outputs[0].shape;
  const auto axis =
      graph::NormalizeAxis(site.call.attrs().Int("axis"), site.call.outputs[0].rank());
  return {"", axis.ok() && !site.Has(dims, static_cast<size_t>(*axis))};
}

Finding LastAxisStays(const Site& site) {
  const size_t last = site.in(0).size() - 1;
  return site.Has(site.in(0), last) ? SumsOver(site, 0, last) : Finding{};
}

Finding Reduce(const Site& site) {
  for (int64_t axis : site.call.attrs().Ints("axes")) {
    const size_t d = static_cast<size_t>(axis < 0 ? axis + site.call.inputs[0].rank() : axis);
    if (site.Has(site.in(0), d)) return SumsOver(site, 0, d);
  }
  return {};
}

Finding SumTo(const Site& site) {
  const Shape &from = site.in(0), &to = site.call.outputs[0].shape;
  const size_t added = from.size() - to.size();
  for (size_t d = 0; d < from.size(); ++d) {
    const bool kept = d >= added && from[d] == to[d - added];
    if (!kept && site.Has(from, d)) return SumsOver(site, 0, d);
  }
  return {};
}

// number * symbols of the dims before each axis of the symbol.
std::vector<std::pair<int64_t, std::vector<std::string>>> CountsBefore(const Site& site,
                                                                       const Shape& shape) {
  std::vector<std::pair<int64_t, std::vector<std::string>>> counts;
  int64_t number = 1;
  std::vector<std::string> symbols;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (site.Has(shape, d)) counts.push_back({number, symbols});
    if (!shape[d].is_symbol()) number *= shape[d].size();
    if (!shape[d].is_symbol()) continue;
    symbols.push_back(shape[d].symbol());
    std::sort(symbols.begin(), symbols.end());
  }
  return counts;
}

// Each axis of the symbol has as many elements before it as it had: the reshape works within its slices.
Finding Reshape(const Site& site) {
  if (CountsBefore(site, site.in(0)) == CountsBefore(site, site.call.outputs[0].shape)) return {};
  return Fault(absl::StrCat("mixes the axis ", site.symbol, " of ", site.call.inputs[0].ToString(),
                            " with others in ", site.call.outputs[0].ToString()));
}

Finding Slice(const Site& site) {
  const auto axis = graph::NormalizeAxis(site.call.attrs().Int("axis"), site.call.inputs[0].rank());
  if (axis.ok() && !site.Has(site.in(0), static_cast<size_t>(*axis))) return {};
  return Fault(absl::StrCat("cuts along axis ", site.call.attrs().Int("axis"),
                            ", whose real size must hold the cut"));
}

Finding Matmul(const Site& site) {
  const size_t summed = site.in(0).size() - (site.call.attrs().Bool("transpose_a") ? 2 : 1);
  return site.Has(site.in(0), summed) ? SumsOver(site, 0, summed) : Finding{};
}

Finding ContractLeading(const Site& site) {
  for (size_t d = 0; d + 1 < site.in(0).size(); ++d) {
    if (site.Has(site.in(0), d)) return SumsOver(site, 0, d);
  }
  return {};
}

Finding Embedding(const Site& site) {
  if (site.Has(site.in(0), 0)) return Fault("ids must be rows of the real table");
  return Domain(site, 1, "ids");
}

// x [R, J, K], w [E, ...], ids [R, J].
Finding Experts(const Site& site) {
  if (site.Has(site.in(1))) return Fault("ids must be matrices that are there");
  return Domain(site, 2, "ids");
}

// ids [G, N, k]: tokens of a group compete for places.
Finding MoeSlots(const Site& site) {
  for (size_t axis : {1, 2}) {
    if (site.Has(site.in(0), axis)) return Fault("padded tokens would take places of real ones");
  }
  return Domain(site, 0, "ids");
}

// x [G, N, C], slot [G, N, k].
Finding MoeDispatch(const Site& site) {
  for (size_t axis : {1, 2}) {
    if (site.Has(site.in(1), axis)) return SumsOver(site, 1, axis);
  }
  return Domain(site, 1, "slot");
}

// y [G, E, capacity, C], slot [G, N, k].
Finding MoeCombine(const Site& site) {
  if (site.Has(site.in(0), 1) || site.Has(site.in(0), 2))
    return Fault("slots are numbered along the experts and their capacity");
  return site.Has(site.in(1), 2) ? SumsOver(site, 1, 2) : Domain(site, 1, "slot");
}

Finding MoeWeightGradient(const Site& site) {
  const Finding rows = MoeCombine(site);
  if (!rows.fault.empty()) return rows;
  return site.Has(site.in(0), 3) ? SumsOver(site, 0, 3) : rows;
}

// x [G, R, K], offsets [G, E + 1], w [E, K, F]: padded rows belong to no expert.
Finding GroupedMatmul(const Site& site) {
  if (site.Has(site.in(0), 2)) return SumsOver(site, 0, 2);
  const Finding groups = Domain(site, 1, "offsets");
  return {groups.fault, groups.repeats && !site.Has(site.in(0), 1)};
}

// a [G, R, K], b [G, R, F], offsets [G, E + 1].
Finding GroupedContract(const Site& site) {
  if (site.Has(site.in(0), 0)) return SumsOver(site, 0, 0);
  return Domain(site, 2, "offsets");
}

Finding EmbeddingGradient(const Site& site) {
  if (site.Has(site.in(0))) return Fault("sums over the ids");
  if (site.Has(site.call.outputs[0].shape, 0)) return Fault("ids must be rows of the real table");
  return {};
}

Finding CrossEntropy(const Site& site) {
  const Finding rows = LastAxisStays(site);
  return rows.fault.empty() ? Domain(site, 1, "targets") : rows;
}

// q [B, T, H, D], k [B, S, KV, D]. Keys may only be padded where no query sees them: behind it, in causal attention of
// a sequence to itself.
Finding Attention(const Site& site) {
  const Shape &q = site.in(0), &k = site.in(1);
  if (site.Has(q, 3)) return SumsOver(site, 0, 3);
  const bool causal = site.call.attrs().Bool("causal"), start = site.call.inputs.size() > 3;
  const bool queries = site.Has(q, 1), keys = site.Has(k, 1);
  if (keys && !(queries && causal && !start)) return SumsOver(site, 1, 1);
  if (queries && !keys && causal && !start)
    return Fault("queries are the last of the keys: more of them would shift the mask");
  return {"", !(queries && causal)};
}

Finding AttentionGradient(const Site& site) {
  for (size_t axis : {1, 3}) {
    for (size_t operand : {0, 1}) {
      if (site.Has(site.in(operand), axis)) return SumsOver(site, operand, axis);
    }
  }
  return {};
}

// cache [B, S, KV, D], new [B, T, KV, D], start [B].
Finding CacheUpdate(const Site& site) {
  if (site.Has(site.in(0), 1) || site.Has(site.in(1), 1))
    return Fault("the new tokens must fit the real cache");
  return Domain(site, 2, "start");
}

// cache [slots, KV, D], new [R, KV, D], slot [R]. Padded rows would name the slot of a real one.
Finding CacheWrite(const Site& site) {
  const size_t fresh = site.call.inputs.size() - 2;
  if (site.Has(site.in(fresh), 0)) return Fault("two rows may not write one slot");
  return {};
}

Finding CacheWriteQ8(const Site& site) {
  return site.Has(site.in(0), 2) ? SumsOver(site, 0, 2) : CacheWrite(site);
}

// q [R, H, D], k [slots, KV, D]: rows are apart, and no view names a padded slot.
Finding PagedAttention(const Site& site) {
  if (site.Has(site.in(0), 2)) return SumsOver(site, 0, 2);
  const size_t views = site.call.inputs[1].dtype == chips::I8 ? 5 : 3;
  return Domain(site, views + 1, "row_view");
}

// x [N, H, W, C], w [KH, KW, C / groups, O]. H and W are symbols only where the window is one pixel.
Finding Conv(const Site& site) {
  return site.Has(site.in(0), 3) ? SumsOver(site, 0, 3) : Finding{};
}

// x [N, H, W, C], dy [N, OH, OW, O]: a sum over all places.
Finding ConvGradientWeight(const Site& site) {
  for (size_t axis : {0, 1, 2}) {
    if (site.Has(site.in(0), axis)) return SumsOver(site, 0, axis);
  }
  return {};
}

// x [..., C], multiplier and shift [C].
Finding Requantize(const Site& site) {
  return site.Has(site.in(2)) ? Domain(site, 2, "shift") : Finding{};
}

const std::map<std::string, Rule>& Rules() {
  static const auto& rules = *new std::map<std::string, Rule>{
      {"attention", Attention},
      {"attention_gradient", AttentionGradient},
      {"cache_update", CacheUpdate},
      {"cache_write", CacheWrite},
      {"cache_write_q8", CacheWriteQ8},
      {"concat", Apart},  // along known sizes only
      {"contract_leading", ContractLeading},
      {"conv2d", Conv},
      {"conv2d_gradient_input", Conv},  // dy and w: a sum over O
      {"conv2d_gradient_weight", ConvGradientWeight},
      {"cross_entropy", CrossEntropy},
      {"cross_entropy_gradient", CrossEntropy},
      {"embedding", Embedding},
      {"embedding_gradient", EmbeddingGradient},
      {"embedding_packed", Embedding},
      {"grouped_contract", GroupedContract},
      {"grouped_matmul", GroupedMatmul},
      {"iota", Iota},
      {"layer_norm", LastAxisStays},
      {"matmul", Matmul},
      {"matmul_experts", Experts},
      {"matmul_packed", LastAxisStays},
      {"matmul_packed_group", LastAxisStays},
      {"max_pool2d", Apart},
      {"max_pool2d_gradient", Apart},
      {"moe_combine", MoeCombine},
      {"moe_dispatch", MoeDispatch},
      {"moe_slots", MoeSlots},
      {"moe_sort", MoeSlots},
      {"moe_weight_gradient", MoeWeightGradient},
      {"pad", Apart},  // along known sizes only
      {"paged_attention", PagedAttention},
      {"reduce_max", Reduce},
      {"reduce_mean", Reduce},
      {"reduce_sum", Reduce},
      {"requantize", Requantize},
      {"reshape", Reshape},
      {"rms_norm", LastAxisStays},
      {"rope", Apart},  // a token and head by itself
      {"slice", Slice},
      {"softmax", LastAxisStays},
      {"sum_to", SumTo},
      {"top_k", LastAxisStays},
      {"transpose", Apart},
  };
  return rules;
}

Finding Apply(const Site& site) {
  auto rule = Rules().find(site.call.node->op());
  if (rule != Rules().end()) return rule->second(site);
  const graph::OpDef* def = graph::OpRegistry::Get().Find(site.call.node->op());
  if (def != nullptr && def->op_class == graph::OpClass::kElementwise) return {};
  return Fault("is not known to keep rows apart");
}

// ---- The walk over a graph.

class Walk {
 public:
  Walk(const graph::Graph& graph, const std::string& symbol)
      : graph_(graph), symbol_(symbol), repeats_(static_cast<size_t>(graph.values_size()), true) {}

  absl::Status Run() {
    for (const graph::Update& update : graph_.updates()) {
      const graph::Value& value = graph_.values(static_cast<int>(update.input()));
      if (!Touches(TypeOf(value))) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("input '", value.name(), "' is updated in place and has the dim ", symbol_));
    }
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      STRATA_RETURN_IF_ERROR(Visit(i, graph_.nodes(i)));
    }
    return absl::OkStatus();
  }

 private:
  bool Touches(const TensorType& type) const {
    return std::any_of(type.shape.begin(), type.shape.end(), [&](const graph::Size& size) {
      return size.is_symbol() && size.symbol() == symbol_;
    });
  }

  absl::Status Visit(int i, const graph::Node& node) {
    const OpCall call = CallOf(graph_, node);
    const auto touches = [&](const TensorType& type) { return Touches(type); };
    if (std::none_of(call.inputs.begin(), call.inputs.end(), touches) &&
        std::none_of(call.outputs.begin(), call.outputs.end(), touches)) {
      return absl::OkStatus();
    }
    std::vector<bool> repeats;
    bool all = true;
    for (uint32_t id : node.inputs()) {
      repeats.push_back(repeats_[id]);
      all = all && repeats_[id];
    }
    const Finding finding = Apply({symbol_, call, repeats});
    if (!finding.fault.empty()) {
      const std::string value =
          node.outputs_size() > 0 ? graph_.values(static_cast<int>(node.outputs(0))).name() : "";
      return absl::FailedPreconditionError(
          absl::StrCat("nodes[", i, "] (", node.op(), ", '", value, "'): ", finding.fault));
    }
    // A value without the symbol is what it always was.
    for (size_t o = 0; o < call.outputs.size(); ++o) {
      repeats_[node.outputs(static_cast<int>(o))] =
          !Touches(call.outputs[o]) || (all && finding.repeats);
    }
    return absl::OkStatus();
  }

  const graph::Graph& graph_;
  const std::string& symbol_;
  std::vector<bool> repeats_;  // by value
};

// Copies the row-major box [0, to.dims) from `from`, whose index is clamped to its own dims.
void CopyClamped(const graph::HostTensor& from, size_t axis, const char* source,
                 graph::HostTensor* to, char** target) {
  const size_t rank = to->dims().size();
  int64_t inner = static_cast<int64_t>(chips::SizeOf(from.dtype()));
  for (size_t d = axis + 1; d < rank; ++d) inner *= from.dims()[d];
  if (axis == rank) {
    std::memcpy(*target, source, chips::SizeOf(from.dtype()));
    *target += chips::SizeOf(from.dtype());
    return;
  }
  const bool whole =
      std::equal(from.dims().begin() + static_cast<long>(axis) + 1, from.dims().end(),
                 to->dims().begin() + static_cast<long>(axis) + 1);
  for (int64_t i = 0; i < to->dims()[axis]; ++i) {
    const char* slice = source + std::min(i, from.dims()[axis] - 1) * inner;
    if (whole) {
      std::memcpy(*target, slice, static_cast<size_t>(inner));
      *target += inner;
    } else {
      CopyClamped(from, axis + 1, slice, to, target);
    }
  }
}

graph::HostTensor Resized(const graph::HostTensor& tensor, const std::vector<int64_t>& dims) {
  if (tensor.dims() == dims) return tensor;
  graph::HostTensor result = graph::HostTensor::Allocate(tensor.dtype(), dims);
  char* target = result.data<char>();
  if (result.elements() > 0 && tensor.elements() > 0)
    CopyClamped(tensor, 0, tensor.data<char>(), &result, &target);
  return result;
}

}  // namespace

absl::Status CheckPaddable(const graph::Graph& graph, const std::string& symbol) {
  return Walk(graph, symbol).Run();
}

graph::HostTensor PadTo(const graph::HostTensor& tensor, const std::vector<int64_t>& dims) {
  return Resized(tensor, dims);
}

graph::HostTensor FrontOf(const graph::HostTensor& tensor, const std::vector<int64_t>& dims) {
  return Resized(tensor, dims);
}

}  // namespace strata::compiler
