#include "llm/model/decoder.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/nn/attention.h"
#include "framework/nn/embedding.h"
#include "framework/nn/mlp.h"
#include "framework/nn/normalization.h"

namespace strata::llm {
namespace {

using framework::CausalSelfAttention;
using framework::Init;
using framework::KvCache;
using framework::ParameterSet;
using framework::Tensor;
using graph::Attr;
using graph::Builder;

// Names of Hugging Face's files for one family.
struct Names {
  std::string embedding, positions, layers, attention_norm, attention, mlp_norm, mlp, final_norm,
      head;
};

Names NamesOf(Family family) {
  if (family == GPT2) return {"wte", "wpe", "h", "ln_1", "attn", "ln_2", "mlp", "ln_f", ""};
  return {"model.embed_tokens",       "",    "model.layers", "input_layernorm", "self_attn",
          "post_attention_layernorm", "mlp", "model.norm",   "lm_head"};
}

// Either normalisation behind one Forward.
struct Norm {
  Norm(ParameterSet& parameters, const DecoderConfig& config, const std::string& name) {
    const framework::NormOptions options{name, config.width(), config.norm_epsilon()};
    if (config.family() == GPT2) {
      layer.emplace(parameters, options);
    } else {
      rms.emplace(parameters, options);
    }
  }
  Tensor Forward(const Tensor& x) const { return layer ? layer->Forward(x) : rms->Forward(x); }

  std::optional<framework::LayerNorm> layer;
  std::optional<framework::RmsNorm> rms;
};

// Either feed-forward block behind one Forward.
struct FeedForward {
  FeedForward(ParameterSet& parameters, const DecoderConfig& config, const std::string& name,
              Init init, Init residual) {
    if (config.family() == GPT2) {
      plain.emplace(parameters, framework::MlpOptions{.name = name,
                                                      .width = config.width(),
                                                      .hidden = config.mlp_width(),
                                                      .init = init,
                                                      .down_init = residual});
    } else {
      gated.emplace(parameters, framework::GatedMlpOptions{.name = name,
                                                           .width = config.width(),
                                                           .hidden = config.mlp_width(),
                                                           .init = init,
                                                           .down_init = residual});
    }
  }
  Tensor Forward(const Tensor& x) const { return plain ? plain->Forward(x) : gated->Forward(x); }

  std::optional<framework::Mlp> plain;
  std::optional<framework::GatedMlp> gated;
};

framework::AttentionOptions AttentionOptionsOf(const DecoderConfig& config, const std::string& name,
                                               Init init, Init residual) {
  framework::AttentionOptions options;
  options.name = name;
  options.width = config.width();
  options.heads = config.heads();
  options.kv_heads = config.kv_heads();
  options.init = init;
  options.output_init = residual;
  if (config.family() == GPT2) {
    options.fused_qkv = true;
    options.output_name = "c_proj";
  } else {
    options.bias = options.output_bias = false;
    options.transposed_weight = true;
    options.rope_theta = config.rope_theta();
  }
  return options;
}

// x + attention(norm(x)), then x + mlp(norm(x)).
struct Block {
  Block(ParameterSet& parameters, const DecoderConfig& config, const Names& names,
        const std::string& layer_name)
      : name(layer_name),
        init(Init::Normal(config.init_std())),
        residual(Init::Normal(config.init_std() /
                              std::sqrt(2.0 * static_cast<double>(config.layers())))),
        attention_norm(parameters, config, absl::StrCat(name, ".", names.attention_norm)),
        attention(parameters, AttentionOptionsOf(config, absl::StrCat(name, ".", names.attention),
                                                 init, residual)),
        mlp_norm(parameters, config, absl::StrCat(name, ".", names.mlp_norm)),
        mlp(parameters, config, absl::StrCat(name, ".", names.mlp), init, residual) {}

  Tensor Forward(Tensor x, const Tensor& positions, const KvCache* cache) const {
    const Builder::Scope scope(*x.builder(), name);
    x = x + attention.Forward(attention_norm.Forward(x), positions, cache);
    return x + mlp.Forward(mlp_norm.Forward(x));
  }

  std::string name;
  Init init, residual;
  Norm attention_norm;
  CausalSelfAttention attention;
  Norm mlp_norm;
  FeedForward mlp;
};

class Decoder {
 public:
  Decoder(ParameterSet& parameters, const DecoderConfig& config)
      : config_(config),
        names_(NamesOf(config.family())),
        embedding_(parameters, {names_.embedding, config.vocab_size(), config.width(),
                                Init::Normal(config.init_std())}) {
    if (config.family() == GPT2) {
      positions_.emplace(
          parameters, framework::EmbeddingOptions{names_.positions, config.context(),
                                                  config.width(), Init::Normal(config.init_std())});
    }
    for (int64_t i = 0; i < config.layers(); ++i) {
      blocks_.emplace_back(parameters, config, names_, absl::StrCat(names_.layers, ".", i));
    }
    final_norm_.emplace(parameters, config, names_.final_norm);
    if (!config.tie_embeddings()) {
      head_.emplace(parameters,
                    framework::LinearOptions{names_.head, config.width(), config.vocab_size(),
                                             false, true, Init::Normal(config.init_std())});
    }
  }

  // Hidden states [B, T, C] of `tokens` [B, T] at `positions` [B, T]; `caches` is empty or one a layer.
  Tensor Hidden(const Tensor& tokens, const Tensor& positions,
                const std::vector<KvCache>& caches) const {
    Tensor x = embedding_.Forward(tokens);
    if (positions_) x = x + positions_->Forward(positions);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i].Forward(x, positions_ ? Tensor() : positions,
                             caches.empty() ? nullptr : &caches[i]);
    }
    return final_norm_->Forward(x);
  }

  Tensor Logits(const Tensor& hidden) const {
    return head_ ? head_->Forward(hidden) : embedding_.Unembed(hidden);
  }

  const std::string& LayerName(int64_t i) const { return blocks_[static_cast<size_t>(i)].name; }

 private:
  const DecoderConfig& config_;
  Names names_;
  framework::Embedding embedding_;
  std::optional<framework::Embedding> positions_;
  std::vector<Block> blocks_;
  std::optional<Norm> final_norm_;
  std::optional<framework::Linear> head_;
};

// 0, 1, 2, ... along the second of two dims.
Tensor Counting(Builder& builder, const graph::Size& rows, int64_t columns) {
  return Tensor(builder, builder.Apply("iota", {},
                                       {{"dtype", Attr(chips::I32)},
                                        {"dims", Attr(graph::Shape{rows, columns})},
                                        {"axis", Attr(int64_t{1})}}));
}

}  // namespace

std::vector<framework::ParameterSpec> DecoderParameters(const DecoderConfig& config) {
  Builder builder("parameters");
  ParameterSet parameters(builder, chips::F32);
  const Decoder decoder(parameters, config);
  return parameters.specs();
}

DecoderLoss BuildDecoderLoss(Builder& builder, const DecoderConfig& config, int64_t sequence) {
  const Tensor tokens =
      framework::Input(builder, "tokens", {chips::I32, {"B", sequence}}, graph::DATA);
  const Tensor targets =
      framework::Input(builder, "targets", {chips::I32, {"B", sequence}}, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  const Decoder decoder(parameters, config);
  const Builder::Scope scope(builder, config.family() == GPT2 ? "gpt" : "llama");
  const Tensor hidden = decoder.Hidden(tokens, Counting(builder, "B", sequence), {});
  const Tensor losses = framework::CrossEntropy(decoder.Logits(hidden), targets);
  const Tensor loss = framework::Mean(losses);
  if (loss.valid()) builder.Rename(loss.id(), "loss");
  return {loss.id(), parameters.ids()};
}

absl::StatusOr<graph::Graph> BuildDecoderStep(const DecoderConfig& config, int64_t batch,
                                              int64_t tokens, int64_t cache_length) {
  Builder builder(absl::StrCat("decode_", tokens));
  const Tensor ids =
      framework::Input(builder, "tokens", {chips::I32, {batch, tokens}}, graph::DATA);
  const Tensor start = framework::Input(builder, "start", {chips::I32, {batch}}, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  const Decoder decoder(parameters, config);
  std::vector<KvCache> caches;
  const int64_t head_width = config.width() / config.heads();
  for (int64_t i = 0; i < config.layers(); ++i) {
    caches.push_back(framework::MakeKvCache(builder, decoder.LayerName(i), chips::F32,
                                            {batch, cache_length, config.kv_heads(), head_width},
                                            start));
  }
  const Builder::Scope scope(builder, config.family() == GPT2 ? "gpt" : "llama");
  const Tensor positions = Counting(builder, batch, tokens) + framework::Reshape(start, {batch, 1});
  const Tensor hidden = decoder.Hidden(ids, positions, caches);
  const Tensor last =
      framework::Reshape(framework::Slice(hidden, 1, tokens - 1, tokens), {batch, config.width()});
  const Tensor logits = decoder.Logits(last);
  // The logits come first among the outputs; the caches' updates were listed as they were made.
  builder.Output(logits.id(), "logits", graph::SHARDED);
  absl::StatusOr<graph::Graph> graph = std::move(builder).Build();
  if (!graph.ok()) return graph.status();
  auto* outputs = graph->mutable_outputs();
  for (int i = outputs->size() - 1; i > 0; --i) outputs->SwapElements(i, i - 1);
  return graph;
}

}  // namespace strata::llm
