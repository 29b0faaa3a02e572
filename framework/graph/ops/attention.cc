// attention: softmax(scale · q kᵀ + mask) v a head, with grouped keys and values: query head h
// reads head h / (H / KV). Query i of row b sees key j when not causal, or when j ≤ start[b] + i;
// without `start` the queries are the last T of the S keys. A query that sees no key gives 0, and
// -infinity for its lse. attention_gradient makes the probabilities again from q, k and lse, so
// that none is kept.
#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/graph/builder.h"
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

// q [B, T, H, D], k and v [B, S, KV, D], all of one float dtype; KV divides H.
absl::Status CheckQkv(const OpCall& call) {
  const TensorType &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckFloat(q, "q"));
  STRATA_RETURN_IF_ERROR(CheckRank(q, "q", "[B, T, H, D]", 4));
  STRATA_RETURN_IF_ERROR(CheckDType(k, "k", q.dtype));
  STRATA_RETURN_IF_ERROR(CheckRank(k, "k", "[B, S, KV, D]", 4));
  STRATA_RETURN_IF_ERROR(CheckShape(k, "k", {q.shape[0], k.shape[1], k.shape[2], q.shape[3]}));
  STRATA_RETURN_IF_ERROR(CheckDType(v, "v", q.dtype));
  STRATA_RETURN_IF_ERROR(CheckShape(v, "v", k.shape));
  const Size &heads = q.shape[2], &kv_heads = k.shape[2];
  if (heads == kv_heads) return absl::OkStatus();
  if (heads.is_symbol() || kv_heads.is_symbol() || kv_heads.size() == 0 ||
      heads.size() % kv_heads.size() != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "k: has ", kv_heads.ToString(), " heads, which do not divide q's ", heads.ToString()));
  }
  return absl::OkStatus();
}

TensorType LogSumExpType(const TensorType& q) {
  return {StatisticsType(q.dtype), {q.shape[0], q.shape[2], q.shape[1]}};
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckQkv(call));
  const TensorType& q = call.inputs[0];
  if (call.inputs.size() > 3) {
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[3], "start", chips::I32));
    STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[3], "start", {q.shape[0]}));
  }
  return std::vector<TensorType>{q, LogSumExpType(q)};
}

absl::StatusOr<std::vector<TensorType>> InferGradient(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckQkv(call));
  const TensorType& q = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[3], "out", q.dtype));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[3], "out", q.shape));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[4], "lse", StatisticsType(q.dtype)));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[4], "lse", LogSumExpType(q).shape));
  STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[5], "dout", q.dtype));
  STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[5], "dout", q.shape));
  return std::vector<TensorType>{q, call.inputs[1], call.inputs[2]};
}

// Sizes, and offsets of the vectors [D] of a head.
struct Geometry {
  explicit Geometry(const OpCall& call)
      : B(call.inputs[0].dims()[0]),
        T(call.inputs[0].dims()[1]),
        H(call.inputs[0].dims()[2]),
        D(call.inputs[0].dims()[3]),
        S(call.inputs[1].dims()[1]),
        KV(call.inputs[1].dims()[2]),
        causal(call.attrs().Bool("causal")),
        scale(call.attrs().Float("scale")) {}

  size_t Q(int64_t b, int64_t t, int64_t h) const {
    return static_cast<size_t>(((b * T + t) * H + h) * D);
  }
  size_t K(int64_t b, int64_t s, int64_t h) const {
    return static_cast<size_t>(((b * S + s) * KV + h * KV / H) * D);
  }
  size_t Lse(int64_t b, int64_t t, int64_t h) const {
    return static_cast<size_t>((b * H + h) * T + t);
  }
  // Query t sees the keys [0, Visible).
  int64_t Visible(int64_t start, int64_t t) const {
    return causal ? std::clamp<int64_t>(start + t + 1, 0, S) : S;
  }

  int64_t B, T, H, D, S, KV;
  bool causal;
  double scale;
};

double Dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void AddScaled(double factor, const double* x, int64_t n, double* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

// One query against its keys; returns the log of the sum of exponentials.
double Attend(const Geometry& g, const std::vector<double>& q, const std::vector<double>& k,
              const std::vector<double>& v, int64_t b, int64_t t, int64_t h, int64_t visible,
              double* out) {
  std::vector<double> scores;
  for (int64_t s = 0; s < visible; ++s) {
    scores.push_back(g.scale * Dot(&q[g.Q(b, t, h)], &k[g.K(b, s, h)], g.D));
  }
  if (scores.empty()) return -std::numeric_limits<double>::infinity();
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double score : scores) sum += std::exp(score - top);
  const double lse = top + std::log(sum);
  for (int64_t s = 0; s < visible; ++s) {
    AddScaled(std::exp(scores[static_cast<size_t>(s)] - lse), &v[g.K(b, s, h)], g.D, out);
  }
  return lse;
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const Geometry g(call);
  const std::vector<double> q = inputs[0].ToDoubles(), k = inputs[1].ToDoubles(),
                            v = inputs[2].ToDoubles();
  std::vector<double> out(q.size(), 0.0);
  std::vector<double> lse(static_cast<size_t>(outputs[1].elements()));
  for (int64_t b = 0; b < g.B; ++b) {
    const int64_t start = inputs.size() > 3 ? inputs[3].data<int32_t>()[b] : g.S - g.T;
    for (int64_t t = 0; t < g.T; ++t) {
      for (int64_t h = 0; h < g.H; ++h) {
        lse[g.Lse(b, t, h)] =
            Attend(g, q, k, v, b, t, h, g.Visible(start, t), out.data() + g.Q(b, t, h));
      }
    }
  }
  outputs[0].SetFromDoubles(out);
  outputs[1].SetFromDoubles(lse);
  return absl::OkStatus();
}

// With p = exp(scale q·k - lse):  dv += p dout,  ds = p (dout·v - dout·out),  dq += scale ds k,  dk
// += scale ds q.
absl::Status ReferenceGradient(const OpCall& call, absl::Span<const HostTensor> inputs,
                               absl::Span<HostTensor> outputs) {
  const Geometry g(call);
  std::vector<std::vector<double>> in;
  for (const HostTensor& input : inputs) in.push_back(input.ToDoubles());
  const auto &q = in[0], &k = in[1], &v = in[2], &out = in[3], &lse = in[4], &dout = in[5];
  std::vector<double> dq(q.size(), 0.0), dk(k.size(), 0.0), dv(v.size(), 0.0);
  for (int64_t b = 0; b < g.B; ++b) {
    for (int64_t t = 0; t < g.T; ++t) {
      for (int64_t h = 0; h < g.H; ++h) {
        const size_t i = g.Q(b, t, h);
        for (int64_t s = 0; s < g.Visible(g.S - g.T, t); ++s) {
          const size_t j = g.K(b, s, h);
          const double p = std::exp(g.scale * Dot(&q[i], &k[j], g.D) - lse[g.Lse(b, t, h)]);
          const double ds = p * (Dot(&dout[i], &v[j], g.D) - Dot(&dout[i], &out[i], g.D));
          AddScaled(p, &dout[i], g.D, &dv[j]);
          AddScaled(g.scale * ds, &k[j], g.D, &dq[i]);
          AddScaled(g.scale * ds, &q[i], g.D, &dk[j]);
        }
      }
    }
  }
  outputs[0].SetFromDoubles(dq);
  outputs[1].SetFromDoubles(dk);
  outputs[2].SetFromDoubles(dv);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  if (context.inputs.size() > 3) {
    return absl::UnimplementedError(
        "attention with `start` (a cache) has no gradient; train without a cache");
  }
  if (context.output_gradients[1] != kNoValue) {
    return absl::UnimplementedError(
        "the loss depends on lse, which has no gradient; use `out` only");
  }
  return context.builder.ApplyMulti(
      "attention_gradient",
      {context.inputs[0], context.inputs[1], context.inputs[2], context.outputs[0],
       context.outputs[1], context.output_gradients[0]},
      GetAttributes(*context.call.node));
}

// Pairs of query and key that are computed, over all rows and heads. With `start` the count is that
// of a full cache (start = S - T), for start is known only when it runs.
double Pairs(const OpCall& call) {
  const Geometry g(call);
  double visible = 0;
  for (int64_t t = 0; t < g.T; ++t) visible += static_cast<double>(g.Visible(g.S - g.T, t));
  return visible * static_cast<double>(g.B * g.H);
}

double QueryElements(const OpCall& call) { return static_cast<double>(call.inputs[0].elements()); }

double QueryRows(const OpCall& call) {
  const Geometry g(call);
  return static_cast<double>(g.B * g.T * g.H);
}

// A pair: two dot products' worth of multiply-adds (4 D), scale, max, subtract, exp, add. A query:
// D to normalise, and a reciprocal, a log and an addition.
double Flops(const OpCall& call) {
  return Pairs(call) * (4 * static_cast<double>(Geometry(call).D) + 5) + QueryElements(call) +
         3 * QueryRows(call);
}

// A pair: five dot products' worth (10 D: q·k, dout·v, dv, dq, dk), and scale, subtract, exp,
// subtract, multiply, scale. A query: dout·out.
double FlopsOfGradient(const OpCall& call) {
  return Pairs(call) * (10 * static_cast<double>(Geometry(call).D) + 6) + 2 * QueryElements(call);
}

std::vector<AttrSpec> Specs() { return {{"scale", AttrKind::kFloat}, {"causal", AttrKind::kBool}}; }

}  // namespace

void RegisterAttentionOps(OpRegistry& registry) {
  OpDef attention;
  attention.name = "attention";
  attention.summary =
      "q [B, T, H, D], k, v [B, S, KV, D], optional start [B] i32 -> softmax(scale q kᵀ + mask) v "
      "[B, T, H, D], lse [B, H, T]";
  attention.min_inputs = 3;
  attention.max_inputs = 4;
  attention.attributes = Specs();
  attention.infer = Infer;
  attention.reference = Reference;
  attention.gradient = Gradient;
  attention.flops = Flops;
  registry.Add(std::move(attention));

  OpDef gradient;
  gradient.name = "attention_gradient";
  gradient.summary = "q, k, v, out, lse, dout -> dq, dk, dv";
  gradient.min_inputs = gradient.max_inputs = 6;
  gradient.attributes = Specs();
  gradient.infer = InferGradient;
  gradient.reference = ReferenceGradient;
  gradient.flops = FlopsOfGradient;
  registry.Add(std::move(gradient));
}

}  // namespace strata::graph
