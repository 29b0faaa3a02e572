// paged_attention: attention of a ragged batch over one pool of slots. Row r attends to the keys at
// the slots views[row_view[r], j] for j in [max(0, row_length[r] - window), row_length[r]):
//   s_j = softcap(scale · q_r k_j),  p = softmax over j (and the head's sink, if any),  y = Σ p_j v_j
// where softcap(s) = c tanh(s / c), and a sink is one more score whose value is zero. A row of length
// 0 gives 0: padding. Query head h reads key head h / (H / KV). In int8 the elements of a slot and
// head share a scale. With value_width the values are the first elements of v: in multi-head latent
// attention v is k, read once.
// Kwon et al., "Efficient Memory Management for LLM Serving with PagedAttention", arXiv:2309.06180.
#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

// Where the inputs are: int8 caches bring their scales.
struct Inputs {
  explicit Inputs(const OpCall& call)
      : quantised(call.inputs[1].dtype == chips::I8), views(quantised ? 5 : 3) {}
  size_t row_view() const { return views + 1; }
  size_t row_length() const { return views + 2; }
  size_t sinks() const { return views + 3; }

  bool quantised;
  size_t views;  // its index; k_scale and v_scale are 3 and 4
};

int64_t ValueWidth(const OpCall& call) {
  return call.attrs().Int("value_width", call.inputs[2].shape[2].size());
}

absl::Status CheckHeads(const TensorType& q, const TensorType& k) {
  const Size &heads = q.shape[1], &kv_heads = k.shape[1];
  if (heads == kv_heads) return absl::OkStatus();
  if (!heads.is_symbol() && !kv_heads.is_symbol() && kv_heads.size() != 0 &&
      heads.size() % kv_heads.size() == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "k: has ", kv_heads.ToString(), " heads, which do not divide q's ", heads.ToString()));
}

// k [slots, KV, D], v [slots, KV, Dv] and their scales.
absl::Status CheckCaches(const OpCall& call) {
  const TensorType &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  if (k.dtype != chips::F32 && k.dtype != chips::F16 && k.dtype != chips::BF16 &&
      k.dtype != chips::I8) {
    return absl::InvalidArgumentError(
        absl::StrCat("k: is ", k.ToString(), "; must be of dtype f32, f16, bf16 or i8"));
  }
  STRATA_RETURN_IF_ERROR(CheckRank(k, "k", "[slots, KV, D]", 3));
  STRATA_RETURN_IF_ERROR(CheckShape(k, "k", {k.shape[0], k.shape[1], q.shape[2]}));
  STRATA_RETURN_IF_ERROR(CheckHeads(q, k));
  STRATA_RETURN_IF_ERROR(CheckDType(v, "v", k.dtype));
  STRATA_RETURN_IF_ERROR(CheckRank(v, "v", "[slots, KV, Dv]", 3));
  STRATA_RETURN_IF_ERROR(CheckShape(v, "v", {k.shape[0], k.shape[1], v.shape[2]}));
  for (size_t i = 3; i < Inputs(call).views; ++i) {
    const char* name = i == 3 ? "k_scale" : "v_scale";
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[i], name, chips::F32));
    STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[i], name, {k.shape[0], k.shape[1]}));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const OpCall& call) {
  const size_t needed = Inputs(call).sinks();
  if (call.inputs.size() == needed || call.inputs.size() == needed + 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("inputs: are ", call.inputs.size(), "; must be q, k, v, ",
                   Inputs(call).quantised ? "k_scale, v_scale (the cache is int8), " : "",
                   "views, row_view, row_length and perhaps sinks"));
}

absl::Status CheckRows(const OpCall& call) {
  const Inputs in(call);
  const TensorType &q = call.inputs[0], &views = call.inputs[in.views];
  STRATA_RETURN_IF_ERROR(CheckDType(views, "views", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckRank(views, "views", "[V, L]", 2));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[in.row_view()], "row_view", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[in.row_view()], "row_view", {q.shape[0]}));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[in.row_length()], "row_length", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[in.row_length()], "row_length", {q.shape[0]}));
  if (call.inputs.size() <= in.sinks()) return absl::OkStatus();
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[in.sinks()], "sinks", chips::F32));
  return CheckShape(call.inputs[in.sinks()], "sinks", {q.shape[1]});
}

absl::Status CheckAttributes(const OpCall& call) {
  if (call.attrs().Int("window") < 0)
    return absl::InvalidArgumentError("window: is negative; 0 is no window");
  if (!(call.attrs().Float("softcap") >= 0))
    return absl::InvalidArgumentError("softcap: is negative; 0 is no cap");
  const Size& width = call.inputs[2].shape[2];
  if (!call.attrs().Has("value_width")) return absl::OkStatus();
  if (width.is_symbol() || ValueWidth(call) < 0 || ValueWidth(call) > width.size()) {
    return absl::InvalidArgumentError(absl::StrCat("value_width: is ", ValueWidth(call), "; v has ",
                                                   width.ToString(), " elements"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& q = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckDType(q, "q", chips::F32));
  STRATA_RETURN_IF_ERROR(CheckRank(q, "q", "[R, H, D]", 3));
  STRATA_RETURN_IF_ERROR(CheckCount(call));
  STRATA_RETURN_IF_ERROR(CheckCaches(call));
  STRATA_RETURN_IF_ERROR(CheckRows(call));
  STRATA_RETURN_IF_ERROR(CheckAttributes(call));
  const Size width =
      call.attrs().Has("value_width") ? Size(ValueWidth(call)) : call.inputs[2].shape[2];
  return std::vector<TensorType>{{chips::F32, {q.shape[0], q.shape[1], width}}};
}

// The cache as numbers: [slots, KV, width].
std::vector<double> Widen(const OpCall& call, absl::Span<const HostTensor> inputs, size_t i) {
  std::vector<double> cache = inputs[i].ToDoubles();
  if (!Inputs(call).quantised) return cache;
  const std::vector<double> scale = inputs[i + 2].ToDoubles();
  const size_t width = static_cast<size_t>(inputs[i].dims()[2]);
  for (size_t e = 0; e < cache.size(); ++e) cache[e] *= scale[e / width];
  return cache;
}

// The keys of one row, as slots.
absl::StatusOr<std::vector<int64_t>> KeysOf(const OpCall& call, absl::Span<const HostTensor> inputs,
                                            int64_t row) {
  const Inputs in(call);
  const HostTensor& views = inputs[in.views];
  const int64_t V = views.dims()[0], L = views.dims()[1], slots = inputs[1].dims()[0];
  const int64_t view = inputs[in.row_view()].data<int32_t>()[row],
                length = inputs[in.row_length()].data<int32_t>()[row];
  if (length < 0 || length > L) {
    return absl::OutOfRangeError(
        absl::StrCat("row_length: row ", row, " has ", length, "; views hold [0, ", L, "] slots"));
  }
  std::vector<int64_t> keys;
  if (length == 0) return keys;
  if (view < 0 || view >= V) {
    return absl::OutOfRangeError(
        absl::StrCat("row_view: row ", row, " has ", view, "; there are ", V, " views"));
  }
  const int64_t window = call.attrs().Int("window");
  for (int64_t j = window > 0 ? std::max<int64_t>(0, length - window) : 0; j < length; ++j) {
    keys.push_back(views.data<int32_t>()[view * L + j]);
    if (keys.back() >= 0 && keys.back() < slots) continue;
    return absl::OutOfRangeError(absl::StrCat("views: element [", view, ", ", j, "] is ",
                                              keys.back(), "; the cache has ", slots, " slots"));
  }
  return keys;
}

// What one head of one row attends to.
struct Head {
  const double *q, *k, *v;    // q [D]; k and v at slot 0 of the key head
  int64_t D, k_step, v_step;  // elements between slots
  double scale, softcap;
};

double Score(const Head& h, int64_t slot) {
  double score = 0;
  for (int64_t d = 0; d < h.D; ++d) score += h.q[d] * h.k[slot * h.k_step + d];
  score *= h.scale;
  return h.softcap > 0 ? h.softcap * std::tanh(score / h.softcap) : score;
}

// `sink` is -infinity where there is none. y [width] starts at 0.
void Attend(const Head& h, const std::vector<int64_t>& keys, double sink, int64_t width,
            double* y) {
  if (keys.empty()) return;
  std::vector<double> weights;
  for (int64_t slot : keys) weights.push_back(Score(h, slot));
  const double top = std::max(sink, *std::max_element(weights.begin(), weights.end()));
  double sum = std::exp(sink - top);
  for (double& weight : weights) sum += weight = std::exp(weight - top);
  for (size_t j = 0; j < keys.size(); ++j) {
    for (int64_t d = 0; d < width; ++d) y[d] += weights[j] / sum * h.v[keys[j] * h.v_step + d];
  }
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const Inputs in(call);
  const std::vector<double> q = inputs[0].ToDoubles(), k = Widen(call, inputs, 1),
                            v = Widen(call, inputs, 2);
  const std::vector<int64_t>& dims = inputs[0].dims();  // [R, H, D]
  const int64_t H = dims[1], D = dims[2], KV = inputs[1].dims()[1], Dv = inputs[2].dims()[2];
  const int64_t width = outputs[0].dims()[2];
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()), 0.0);
  for (int64_t r = 0; r < dims[0]; ++r) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> keys, KeysOf(call, inputs, r));
    for (int64_t h = 0; h < H; ++h) {
      const int64_t kv = h * KV / H;
      const Head head = {q.data() + (r * H + h) * D,
                         k.data() + kv * D,
                         v.data() + kv * Dv,
                         D,
                         KV * D,
                         KV * Dv,
                         call.attrs().Float("scale"),
                         call.attrs().Float("softcap")};
      const double sink = inputs.size() > in.sinks()
                              ? static_cast<double>(inputs[in.sinks()].data<float>()[h])
                              : -std::numeric_limits<double>::infinity();
      Attend(head, keys, sink, width, y.data() + (r * H + h) * width);
    }
  }
  outputs[0].SetFromDoubles(y);
  return absl::OkStatus();
}

// Rows as long as their views, for lengths are known only when it runs. A pair of query and key: two
// dot products' worth of multiply-adds, scale, max, subtract, exp, add, and three for the cap. A
// query: a reciprocal, and Dv to normalise. Slots are read once a view.
// Latent attention's keys are its values too: an operand that is named a second time is read once.
bool NamedBefore(const OpCall& call, size_t input) {
  const auto& ids = call.node->inputs();
  const auto here = ids.begin() + static_cast<int>(input);
  return here < ids.end() && std::find(ids.begin(), here, *here) != here;
}

Work CountWork(const OpCall& call) {
  const Inputs in(call);
  const std::vector<int64_t> q = call.inputs[0].dims(), views = call.inputs[in.views].dims();
  const double queries = static_cast<double>(q[0] * q[1]), D = static_cast<double>(q[2]),
               Dv = static_cast<double>(call.outputs[0].dims()[2]);
  const int64_t window = call.attrs().Int("window");
  const int64_t keys = window > 0 ? std::min(window, views[1]) : views[1];
  const double pair = 2 * D + 2 * Dv + 5 + (call.attrs().Float("softcap") > 0 ? 3 : 0);
  double read = 0;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (NamedBefore(call, i)) continue;
    const bool cache = i > 0 && i < in.views;
    const double bytes = static_cast<double>(call.inputs[i].size_bytes());
    const double slots = static_cast<double>(std::max<int64_t>(call.inputs[1].dims()[0], 1));
    read += cache ? bytes * std::min(1.0, static_cast<double>(views[0] * keys) / slots) : bytes;
  }
  return {queries * (static_cast<double>(keys) * pair + Dv + 1), read,
          static_cast<double>(call.outputs[0].size_bytes())};
}

}  // namespace

void RegisterPagedAttentionOps(OpRegistry& registry) {
  OpDef def;
  def.name = "paged_attention";
  def.summary =
      "q [R, H, D], k [slots, KV, D], v [slots, KV, Dv] (int8: k_scale, v_scale [slots, KV]), "
      "views "
      "[V, L] i32, row_view [R] i32, row_length [R] i32, optional sinks [H] -> each row's "
      "attention "
      "to the first row_length slots of its view, [R, H, Dv]";
  def.min_inputs = 6;
  def.max_inputs = 9;
  def.attributes = {{"scale", AttrKind::kFloat},
                    {"window", AttrKind::kInt, /*required=*/false},
                    {"softcap", AttrKind::kFloat, /*required=*/false},
                    {"value_width", AttrKind::kInt, /*required=*/false}};
  def.infer = Infer;
  def.reference = Reference;
  def.work = CountWork;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
