#include "llm/model/decoder_body.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "llm/model/config.h"
#include "llm/model/rope_frequencies.h"

namespace strata::llm {
namespace {

using framework::Apply;
using framework::Init;
using framework::Reshape;
using framework::Slice;
using graph::Attr;
using graph::Builder;
using Role = TensorRole;

// c tanh(x / c); x itself without a cap.
Tensor SoftCap(const Tensor& x, double cap) {
  return cap > 0 ? framework::Tanh(x * (1 / cap)) * cap : x;
}

Tensor Times(const Tensor& x, double factor) { return factor == 1 ? x : x * factor; }

// [B, T, heads * D] -> [B, T, heads, D].
Tensor SplitHeads(const Tensor& x, int64_t heads, int64_t head_width) {
  return Reshape(x, {x.dim(0), x.dim(1), heads, head_width});
}

const Architecture& RowOf(const DecoderConfig& config) {
  return **FindArchitecture(config.architecture());  // complete configs name a row
}

}  // namespace

DecoderBody::DecoderBody(Medium& medium, const DecoderConfig& config)
    : medium_(medium), config_(config), row_(RowOf(config)) {}

std::string DecoderBody::Name(TensorRole role, int64_t layer) const {
  const absl::string_view pattern = HfPattern(row_, role);
  if (pattern.empty()) {
    medium_.builder().Fail(
        absl::InvalidArgumentError(absl::StrCat(row_.name, ": has no name for '", GgufPattern(role),
                                                "', which the config's features need")));
  }
  return FillName(pattern, layer);
}

// Matrices that write into the residual stream start smaller by sqrt(2 layers), as GPT-2's.
MatrixSpec DecoderBody::Matrix(TensorRole role, int64_t layer, int64_t in, int64_t out, bool bias,
                               bool residual) const {
  const double deviation =
      config_.init_std() /
      (residual ? std::sqrt(2.0 * static_cast<double>(config_.layers())) : 1.0);
  return {Name(role, layer), in, out, bias, Init::Normal(deviation)};
}

Tensor DecoderBody::Norm(TensorRole role, int64_t layer, const Tensor& x) const {
  const std::string name = Name(role, layer);
  const int64_t width = x.dim(-1).size();
  const framework::ModuleScope scope(medium_.builder(), name, Location::current());
  const bool offset = config_.norm_offset() != 0;
  Tensor weight =
      medium_.Parameter(name + ".weight", {width}, offset ? Init::Zeros() : Init::Ones());
  if (offset) weight = weight + config_.norm_offset();
  const graph::Attributes epsilon = {{"epsilon", Attr(config_.norm_epsilon())}};
  if (config_.norm() == RMS_NORM) return Apply("rms_norm", {x, weight}, epsilon);
  const Tensor bias = medium_.Parameter(name + ".bias", {width}, Init::Zeros());
  return Apply("layer_norm", {x, weight, bias}, epsilon);
}

Tensor DecoderBody::Hidden(const Tensor& tokens, const Tensor& positions) const {
  const int64_t width = config_.width();
  Tensor x = medium_.LookUp(Matrix(Role::kEmbedding, 0, width, config_.vocab_size()), tokens);
  if (config_.scale_embedding()) x = x * config_.embedding_scale();
  if (config_.learned_positions()) {
    const std::string name = Name(Role::kPositions);
    const framework::ModuleScope scope(medium_.builder(), name, Location::current());
    const Tensor table = medium_.Parameter(name + ".weight", {config_.context(), width},
                                           Init::Normal(config_.init_std()));
    x = x + framework::Embed(table, positions);
  }
  for (int64_t layer = 0; layer < config_.layers(); ++layer)
    x = Layer(layer, layer + 1 < config_.layers() ? RowSet::kAll : RowSet::kWanted, x);
  return x;
}

Tensor DecoderBody::Logits(const Tensor& x) const {
  const Tensor hidden = Norm(Role::kFinalNorm, 0, x);
  const int64_t width = config_.width();
  const Role role = config_.tie_embeddings() ? Role::kEmbedding : Role::kHead;
  const MatrixSpec head = Matrix(role, 0, width, config_.vocab_size());
  const Tensor logits = config_.tie_embeddings()
                            ? medium_.Unembed(head, hidden)
                            : medium_.Multiply(head, hidden, Location::current());
  return SoftCap(Times(logits, config_.logit_scale()), config_.logit_softcap());
}

Tensor DecoderBody::Of(RowSet rows, const Tensor& x) const {
  return rows == RowSet::kAll ? x : medium_.Wanted(x);
}

template <typename Block>
Tensor DecoderBody::Residual(TensorRole before, TensorRole after, int64_t layer, RowSet rows,
                             const Tensor& x, Block block) const {
  const NormPlacement placement = config_.norm_placement();
  Tensor y = block(placement == NORM_AFTER ? x : Norm(before, layer, x));
  if (placement != NORM_BEFORE) y = Norm(after, layer, y);
  return Of(rows, x) + y;
}

Tensor DecoderBody::Layer(int64_t layer, RowSet rows, Tensor x) const {
  const Builder::Scope scope(medium_.builder(), FillName(row_.hf_layer, layer));
  const auto attention = [&](const Tensor& in) {
    return config_.has_latent() ? LatentAttentionOf(layer, rows, in) : Attention(layer, rows, in);
  };
  x = Residual(Role::kAttentionNorm, Role::kAttentionPostNorm, layer, rows, x, attention);
  return Residual(Role::kMlpNorm, Role::kMlpPostNorm, layer, RowSet::kAll, x,
                  [&](const Tensor& in) { return FeedForward(layer, in); });
}

AttentionSpec DecoderBody::SpecOf(int64_t layer, RowSet queries) const {
  AttentionSpec spec;
  spec.name = FillName(row_.hf_layer, layer) + ".attention";
  spec.scale = config_.attention_scale() * RopeScoreFactor(config_);
  spec.window = LayerHasWindow(config_, layer) ? config_.window() : 0;
  spec.softcap = config_.attention_softcap();
  spec.queries = queries;
  return spec;
}

Heads DecoderBody::Project(int64_t layer, RowSet rows, const Tensor& x) const {
  const int64_t C = config_.width(), D = config_.head_width();
  const int64_t q_width = config_.heads() * D, kv_width = config_.kv_heads() * D;
  const bool bias = config_.qkv_bias();
  Heads flat;
  if (config_.fused_qkv()) {
    const int64_t all = q_width + 2 * kv_width;
    const Tensor qkv =
        medium_.Multiply(Matrix(Role::kQkv, layer, C, all, bias), x, Location::current());
    flat = {Of(rows, Slice(qkv, 2, 0, q_width)), Slice(qkv, 2, q_width, q_width + kv_width),
            Slice(qkv, 2, q_width + kv_width, all)};
  } else {
    flat.q = medium_.Multiply(Matrix(Role::kQuery, layer, C, q_width, bias), Of(rows, x),
                              Location::current());
    flat.k = medium_.Multiply(Matrix(Role::kKey, layer, C, kv_width, bias), x, Location::current());
    flat.v =
        medium_.Multiply(Matrix(Role::kValue, layer, C, kv_width, bias), x, Location::current());
  }
  return {SplitHeads(flat.q, config_.heads(), D), SplitHeads(flat.k, config_.kv_heads(), D),
          SplitHeads(flat.v, config_.kv_heads(), D)};
}

Tensor DecoderBody::HeadNorm(TensorRole role, int64_t layer, const Tensor& x) const {
  return config_.qk_norm() ? Norm(role, layer, x) : x;
}

Tensor DecoderBody::Attention(int64_t layer, RowSet rows, const Tensor& x) const {
  Heads heads = Project(layer, rows, x);
  heads.q = HeadNorm(Role::kQueryNorm, layer, heads.q);
  heads.k = HeadNorm(Role::kKeyNorm, layer, heads.k);
  if (!config_.learned_positions()) {
    const bool local = LayerHasWindow(config_, layer);
    heads.q = medium_.Turn(local, rows, heads.q);
    heads.k = medium_.Turn(local, RowSet::kAll, heads.k);
  }
  const Tensor mixed = medium_.Attend(SpecOf(layer, rows), heads);
  const int64_t width = config_.heads() * config_.head_width();
  return medium_.Multiply(
      Matrix(Role::kAttentionOutput, layer, width, config_.width(), config_.output_bias(), true),
      Reshape(mixed, {mixed.dim(0), mixed.dim(1), width}), Location::current());
}

Tensor DecoderBody::LatentAttentionOf(int64_t layer, RowSet rows, const Tensor& x) const {
  const LatentAttention& l = config_.latent();
  const int64_t C = config_.width(), H = config_.heads();
  const int64_t q_width = H * (l.nope_width() + l.rope_width());
  const bool local = LayerHasWindow(config_, layer);

  Tensor q = Of(rows, x);
  if (l.query_rank() > 0) {
    const Tensor down = medium_.Multiply(Matrix(Role::kQueryDown, layer, C, l.query_rank()), q,
                                         Location::current());
    q = medium_.Multiply(Matrix(Role::kQueryUp, layer, l.query_rank(), q_width),
                         Norm(Role::kQueryDownNorm, layer, down), Location::current());
  } else {
    q = medium_.Multiply(Matrix(Role::kQuery, layer, C, q_width), q, Location::current());
  }
  q = SplitHeads(q, H, l.nope_width() + l.rope_width());
  const int64_t both = l.kv_rank() + l.rope_width();
  const Tensor kv = medium_.Multiply(Matrix(Role::kKvDown, layer, C, both), x, Location::current());

  LatentHeads heads;
  heads.q_nope = Slice(q, 3, 0, l.nope_width());
  heads.q_rope =
      medium_.Turn(local, rows, Slice(q, 3, l.nope_width(), l.nope_width() + l.rope_width()));
  heads.kv = Norm(Role::kKvDownNorm, layer, Slice(kv, 2, 0, l.kv_rank()));
  heads.k_rope = medium_.Turn(local, RowSet::kAll,
                              SplitHeads(Slice(kv, 2, l.kv_rank(), both), 1, l.rope_width()));
  const MatrixSpec up =
      Matrix(Role::kKvUp, layer, l.kv_rank(), H * (l.nope_width() + l.value_width()));
  const Tensor mixed = medium_.AttendLatent(SpecOf(layer, rows), l, up, heads);
  const int64_t width = H * l.value_width();
  return medium_.Multiply(Matrix(Role::kAttentionOutput, layer, width, C, false, true),
                          Reshape(mixed, {mixed.dim(0), mixed.dim(1), width}), Location::current());
}

Tensor DecoderBody::FeedForward(int64_t layer, const Tensor& x) const {
  return LayerHasExperts(config_, layer) ? Mixture(layer, x) : Mlp(layer, x);
}

Tensor DecoderBody::Mlp(int64_t layer, const Tensor& x) const {
  const int64_t C = config_.width(), F = config_.mlp_width();
  const bool bias = config_.mlp_bias();
  Tensor hidden;
  if (config_.fused_gate_up()) {
    const Tensor both =
        medium_.Multiply(Matrix(Role::kGateUp, layer, C, 2 * F, bias), x, Location::current());
    hidden = Activate(config_.activation(), Slice(both, 2, 0, F)) * Slice(both, 2, F, 2 * F);
  } else {
    Tensor gate;
    if (config_.gated_mlp())
      gate = medium_.Multiply(Matrix(Role::kGate, layer, C, F, bias), x, Location::current());
    const Tensor up =
        medium_.Multiply(Matrix(Role::kUp, layer, C, F, bias), x, Location::current());
    hidden = config_.gated_mlp() ? Activate(config_.activation(), gate) * up
                                 : Activate(config_.activation(), up);
  }
  return medium_.Multiply(Matrix(Role::kDown, layer, F, C, bias, true), hidden,
                          Location::current());
}

Tensor DecoderBody::Mixture(int64_t layer, const Tensor& x) const {
  const Experts& e = config_.experts();
  const int64_t C = config_.width(), F = e.width();
  const Tensor logits =
      medium_.Multiply(Matrix(Role::kRouter, layer, C, e.count()), x, Location::current());
  // Softmax over the chosen is softmax over all, divided by the sum of the chosen: FinishWeights() does the latter.
  const Tensor scores =
      e.router() == SIGMOID_WITH_BIAS ? framework::Sigmoid(logits) : framework::Softmax(logits);
  Tensor choice = scores;
  if (e.router() == SIGMOID_WITH_BIAS)
    choice = scores + medium_.Parameter(Name(Role::kRouterBias, layer), {e.count()}, Init::Zeros());

  ExpertsSpec spec;
  spec.gate = {Matrix(Role::kExpertGate, layer, C, F), e.count()};
  spec.up = {Matrix(Role::kExpertUp, layer, C, F), e.count()};
  spec.down = {Matrix(Role::kExpertDown, layer, F, C, false, true), e.count()};
  spec.activation = config_.activation();
  Tensor y = medium_.MixExperts(e, spec, x, scores, choice);
  if (e.shared() == 0) return y;
  const int64_t S = e.shared() * F;
  const Tensor gate =
      medium_.Multiply(Matrix(Role::kSharedGate, layer, C, S), x, Location::current());
  const Tensor up = medium_.Multiply(Matrix(Role::kSharedUp, layer, C, S), x, Location::current());
  return y + medium_.Multiply(Matrix(Role::kSharedDown, layer, S, C, false, true),
                              Activate(config_.activation(), gate) * up, Location::current());
}

Tensor Activate(Activation activation, const Tensor& x) {
  return activation == SILU ? framework::Silu(x) : framework::Gelu(x, activation == GELU_TANH);
}

Tensor FinishWeights(const Experts& experts, const Tensor& weights) {
  const bool normalize = experts.normalize() || experts.router() == TOP_K_THEN_SOFTMAX;
  const Tensor whole =
      normalize ? weights / (framework::Sum(weights, {-1}, /*keep_dims=*/true) + 1e-20) : weights;
  return Times(whole, experts.scale());
}

}  // namespace strata::llm
