#include "llm/model/plain_medium.h"

#include <algorithm>
#include <utility>

#include "framework/nn/embedding.h"
#include "llm/model/plain_attention.h"
#include "llm/model/plain_experts.h"
#include "llm/model/rope_frequencies.h"

namespace strata::llm {
namespace {

using framework::Apply;
using framework::Reshape;
using framework::Slice;
using graph::Attr;

// Zeros behind the last axis up to `width`.
Tensor PadTo(const Tensor& x, int64_t width) {
  const int64_t missing = width - x.dim(-1).size();
  return missing > 0 ? framework::Pad(x, 3, 0, missing) : x;
}

}  // namespace

PlainMedium::PlainMedium(framework::ParameterSet& parameters, const DecoderConfig& config,
                         Tensor positions, Tensor start, int64_t cache_length)
    : parameters_(parameters),
      config_(config),
      positions_(std::move(positions)),
      start_(std::move(start)),
      cache_length_(cache_length) {}

Tensor PlainMedium::Parameter(const std::string& name, const std::vector<int64_t>& dims,
                              const framework::Init& init) {
  return parameters_.Create(name, dims, init);
}

Tensor PlainMedium::Multiply(const MatrixSpec& m, const Tensor& x, const Location& location) {
  const framework::Linear linear(parameters_,
                                 {m.name, m.in, m.out, m.bias, !config_.input_major(), m.init});
  return linear.Forward(x, location);
}

Tensor PlainMedium::LookUp(const MatrixSpec& table, const Tensor& ids) {
  return framework::Embedding(parameters_, {table.name, table.out, table.in, table.init})
      .Forward(ids);
}

Tensor PlainMedium::Unembed(const MatrixSpec& table, const Tensor& x) {
  return framework::Embedding(parameters_, {table.name, table.out, table.in, table.init})
      .Unembed(x);
}

// Numbers that the graph holds itself: a scalar a pair.
Tensor PlainMedium::Frequencies(bool local) {
  Tensor& made = frequencies_[local ? 1 : 0];
  if (made.valid()) return made;
  std::vector<Tensor> parts;
  for (double frequency : RopeFrequencies(config_, local))
    parts.push_back(framework::Constant(builder(), frequency, chips::F32, {1}));
  made = framework::Concat(parts, 0);
  return made;
}

Tensor PlainMedium::Turn(bool local, RowSet, const Tensor& x) {
  double theta = 0;
  const bool plain = RopeIsPlain(config_, local, &theta);
  graph::Attributes attributes = {{"theta", Attr(theta)},
                                  {"interleaved", Attr(config_.rope().interleaved())}};
  if (config_.rope().width() != x.dim(-1).size())
    attributes["width"] = Attr(config_.rope().width());
  if (plain) return Apply("rope", {x, positions_}, attributes);
  attributes["magnitude"] = Attr(RopeMagnitude(config_, local));
  return Apply("rope", {x, positions_, Frequencies(local)}, attributes);
}

// A cache [B, S, KV, D] with the new keys or values in it; the run leaves them in the cache's storage.
Tensor PlainMedium::Remember(const std::string& name, const Tensor& fresh) {
  const Tensor cache = framework::Input(
      builder(), name, {fresh.dtype(), {fresh.dim(0), cache_length_, fresh.dim(2), fresh.dim(3)}},
      graph::STATE);
  const Tensor updated = Apply("cache_update", {cache, fresh, start_});
  if (updated.valid()) builder().Update(cache.id(), updated.id());
  return updated;
}

Tensor PlainMedium::Attend(const AttentionSpec& spec, const Heads& heads) {
  if (spec.window > 0 || spec.softcap > 0) {
    if (start_.valid()) {
      builder().Fail(absl::UnimplementedError(
          "a window or a soft cap in a plain step with a cache; build the paged step"));
    }
    return AttendElementary(spec, heads);
  }
  std::vector<Tensor> inputs = {heads.q, heads.k, heads.v};
  if (start_.valid()) {
    inputs = {heads.q, Remember(spec.name + ".k_cache", heads.k),
              Remember(spec.name + ".v_cache", heads.v), start_};
  }
  return Apply("attention", inputs, {{"scale", Attr(spec.scale)}, {"causal", Attr(true)}});
}

Tensor PlainMedium::AttendLatent(const AttentionSpec& spec, const LatentAttention& l,
                                 const MatrixSpec& up, const LatentHeads& in) {
  const graph::Size B = in.kv.dim(0), T = in.kv.dim(1), H = in.q_nope.dim(2);
  const int64_t each = l.nope_width() + l.value_width();
  const Tensor kv = Reshape(Multiply(up, in.kv, Location::current()), {B, T, H, each});
  Heads heads;
  heads.q = framework::Concat({in.q_nope, in.q_rope}, 3);
  heads.k = framework::Concat({Slice(kv, 3, 0, l.nope_width()),
                               framework::BroadcastTo(in.k_rope, {B, T, H, l.rope_width()})},
                              3);
  heads.v = Slice(kv, 3, l.nope_width(), each);
  // The op wants keys and values of one width.
  const int64_t width = std::max(l.nope_width() + l.rope_width(), l.value_width());
  const Tensor mixed =
      Attend(spec, {PadTo(heads.q, width), PadTo(heads.k, width), PadTo(heads.v, width)});
  return Slice(mixed, 3, 0, l.value_width());
}

Tensor PlainMedium::Stack(const StackSpec& stack) {
  return parameters_.Create(stack.matrix.name + ".weight",
                            {stack.count, stack.matrix.out, stack.matrix.in}, stack.matrix.init);
}

Tensor PlainMedium::MixExperts(const Experts& experts, const ExpertsSpec& spec, const Tensor& x,
                               const Tensor& scores, const Tensor& choice) {
  return MixAllExperts(spec.activation, x, ExpertWeights(experts, scores, choice), Stack(spec.gate),
                       Stack(spec.up), Stack(spec.down));
}

}  // namespace strata::llm
