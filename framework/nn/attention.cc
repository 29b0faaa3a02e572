#include "framework/nn/attention.h"

#include <cmath>

namespace strata::framework {
namespace {

using graph::Attr;

AttentionOptions WithDefaults(AttentionOptions o) {
  if (o.kv_heads == 0) o.kv_heads = o.heads;
  if (o.head_width == 0 && o.heads > 0) o.head_width = o.width / o.heads;
  return o;
}

absl::Status Check(const AttentionOptions& o) {
  if (o.heads <= 0 || o.kv_heads <= 0 || o.head_width <= 0 || o.heads % o.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(o.name, ": ", o.heads, " heads of width ", o.head_width, " and ", o.kv_heads,
                     " key/value heads: all must be above 0, and the latter divide the former"));
  }
  if (o.fused_qkv && o.kv_heads != o.heads) {
    return absl::InvalidArgumentError(
        absl::StrCat(o.name, ": a fused projection needs as many key/value heads as heads"));
  }
  return absl::OkStatus();
}

// [B, T, heads · D] -> [B, T, heads, D].
Tensor SplitHeads(const Tensor& x, int64_t heads, int64_t head_width) {
  return Reshape(x, {x.dim(0), x.dim(1), heads, head_width});
}

struct Qkv {
  Tensor q, k, v;
};

Qkv Project(const CausalSelfAttention& attention, const Tensor& x, const Location& location) {
  const AttentionOptions& o = attention.options;
  const std::vector<Linear>& to = attention.projections;
  const int64_t width = o.heads * o.head_width;
  Qkv flat;
  if (o.fused_qkv) {
    const Tensor qkv = to[0].Forward(x, location);
    flat = {Slice(qkv, 2, 0, width), Slice(qkv, 2, width, 2 * width),
            Slice(qkv, 2, 2 * width, 3 * width)};
  } else {
    flat = {to[0].Forward(x, location), to[1].Forward(x, location), to[2].Forward(x, location)};
  }
  return {SplitHeads(flat.q, o.heads, o.head_width), SplitHeads(flat.k, o.kv_heads, o.head_width),
          SplitHeads(flat.v, o.kv_heads, o.head_width)};
}

Tensor Rotate(const AttentionOptions& o, const Tensor& x, const Tensor& positions) {
  return Apply("rope", {x, positions},
               {{"theta", Attr(o.rope_theta)}, {"interleaved", Attr(o.rope_interleaved)}});
}

// The cache with the new keys or values in it; the run leaves them in the cache's storage.
Tensor Remember(const Tensor& cache, const Tensor& fresh, const Tensor& start) {
  const Tensor updated = Apply("cache_update", {cache, fresh, start});
  if (updated.valid()) updated.builder()->Update(cache.id(), updated.id());
  return updated;
}

}  // namespace

KvCache MakeKvCache(graph::Builder& builder, const std::string& name, graph::DType dtype,
                    const graph::Shape& shape, const Tensor& start) {
  return {Input(builder, JoinName(name, "k_cache"), {dtype, shape}, graph::STATE),
          Input(builder, JoinName(name, "v_cache"), {dtype, shape}, graph::STATE), start};
}

CausalSelfAttention::CausalSelfAttention(ParameterSet& parameters, const AttentionOptions& given)
    : options(WithDefaults(given)) {
  const AttentionOptions& o = options;
  const absl::Status status = Check(o);
  if (!status.ok()) parameters.builder().Fail(status);
  const int64_t q_width = o.heads * o.head_width, kv_width = o.kv_heads * o.head_width;
  const auto project = [&](const std::string& name, int64_t out) {
    projections.emplace_back(parameters, LinearOptions{JoinName(o.name, name), o.width, out, o.bias,
                                                       o.transposed_weight, o.init});
  };
  if (o.fused_qkv) {
    project(o.qkv_name, 3 * q_width);
  } else {
    project(o.q_name, q_width);
    project(o.k_name, kv_width);
    project(o.v_name, kv_width);
  }
  output.emplace_back(parameters, LinearOptions{JoinName(o.name, o.output_name), q_width, o.width,
                                                o.output_bias, o.transposed_weight, o.output_init});
}

Tensor CausalSelfAttention::Forward(const Tensor& x, const Tensor& positions, const KvCache* cache,
                                    const Location& location) const {
  ModuleScope scope(*output[0].weight.builder(), options.name, location);
  Qkv heads = Project(*this, x, location);
  if (options.rope_theta > 0) {
    heads.q = Rotate(options, heads.q, positions);
    heads.k = Rotate(options, heads.k, positions);
  }
  std::vector<Tensor> inputs = {heads.q, heads.k, heads.v};
  if (cache != nullptr) {
    inputs = {heads.q, Remember(cache->keys, heads.k, cache->start),
              Remember(cache->values, heads.v, cache->start), cache->start};
  }
  const double scale = 1 / std::sqrt(static_cast<double>(options.head_width));
  const Tensor mixed = Apply("attention", inputs, {{"scale", Attr(scale)}, {"causal", Attr(true)}});
  const int64_t width = options.heads * options.head_width;
  return output[0].Forward(Reshape(mixed, {x.dim(0), x.dim(1), width}), location);
}

}  // namespace strata::framework
