#include "distributed/testing/tiny_models.h"

#include <cmath>
#include <random>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/autodiff/gradients.h"
#include "framework/nn/attention.h"
#include "framework/nn/embedding.h"
#include "framework/nn/linear.h"
#include "framework/nn/mlp.h"
#include "framework/nn/moe.h"
#include "framework/nn/normalization.h"
#include "framework/nn/parameters.h"
#include "framework/optim/adamw.h"
#include "framework/tensor/tensor.h"

namespace strata::distributed {
namespace {

using framework::BroadcastTo;
using framework::Cast;
using framework::Init;
using framework::Less;
using framework::LessEqual;
using framework::MatMul;
using framework::ParameterSet;
using framework::Reshape;
using framework::Sum;
using framework::Tensor;
using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::Shape;

Tensor Counting(Builder& builder, graph::DType dtype, const Shape& dims, int64_t axis) {
  return Tensor(
      builder, builder.Apply("iota", {},
                             {{"dtype", Attr(dtype)}, {"dims", Attr(dims)}, {"axis", Attr(axis)}}));
}

// 1 for the k largest of the last axis (size n), 0 for the others; equal ones are taken in order. An element's rank is
// the number of those that go before it.
Tensor LargestMask(const Tensor& x, int64_t k) {
  Builder& builder = *x.builder();
  const graph::Size B = x.dim(0), T = x.dim(1), n = x.dim(2);
  const Tensor mine = Reshape(x, {B, T, n, 1}), others = Reshape(x, {B, T, 1, n});
  const Tensor earlier =
      Cast(Less(Counting(builder, chips::F32, {n, n}, 1), Counting(builder, chips::F32, {n, n}, 0)),
           chips::F32);
  const Tensor before = Cast(LessEqual(mine, others), chips::F32) * earlier +
                        Cast(Less(mine, others), chips::F32) * (1 - earlier);
  const double limit = static_cast<double>(k) - 0.5;
  return Cast(Less(Sum(before, {-1}), framework::Constant(builder, limit, chips::F32)), chips::F32);
}

// Every expert sees every token, the weights of those not chosen are 0: the definition of right. x [B, T, C].
Tensor MixtureOfExperts(ParameterSet& parameters, const TinyModel& model, const std::string& name,
                        const Tensor& x) {
  const framework::ModuleScope scope(parameters.builder(), name, framework::Location::current());
  const int64_t C = model.width, F = model.hidden, E = model.experts;
  const graph::Size B = x.dim(0), T = x.dim(1);
  const framework::Linear router(
      parameters,
      {.name = name + ".router", .in = C, .out = E, .bias = false, .init = Init::Normal(0.5)});
  const auto stack = [&](const std::string& part, int64_t in, int64_t out) {
    const Tensor weight =
        parameters.Create(absl::StrCat(name, ".experts.", part), {E, in, out}, Init::Normal(0.2));
    return BroadcastTo(weight, {B, E, in, out});
  };
  const Tensor scores = framework::Softmax(router.Forward(x));
  const Tensor chosen = scores * LargestMask(scores, model.experts_per_token);
  const Tensor weights = chosen / Sum(chosen, {-1}, /*keep_dims=*/true);  // [B, T, E]

  const Tensor all = BroadcastTo(Reshape(x, {B, 1, T, C}), {B, E, T, C});
  const Tensor hidden =
      framework::Silu(MatMul(all, stack("gate", C, F))) * MatMul(all, stack("up", C, F));
  const Tensor y = MatMul(hidden, stack("down", F, C));  // [B, E, T, C]
  return Sum(y * Reshape(framework::Transpose(weights, {0, 2, 1}), {B, E, T, 1}), {1});
}

// With the same parameters.
Tensor RoutedExperts(ParameterSet& parameters, const TinyModel& model, const std::string& name,
                     const Tensor& x) {
  framework::MoeOptions options;
  options.name = name;
  options.width = model.width;
  options.hidden = model.hidden;
  options.router.experts = model.experts;
  options.router.per_token = model.experts_per_token;
  options.router.renormalize = true;
  options.router.init = Init::Normal(0.5);
  options.form = model.grouped ? framework::ExpertForm::kGrouped : framework::ExpertForm::kCapacity;
  options.capacity_factor = model.capacity_factor;
  options.init = options.down_init = Init::Normal(0.2);
  return framework::Moe(parameters, options).Forward(x).y;
}

Tensor FeedForward(ParameterSet& parameters, const TinyModel& model, const std::string& layer,
                   const Tensor& x) {
  if (model.experts > 0 && model.routed) return RoutedExperts(parameters, model, layer + ".moe", x);
  if (model.experts > 0) return MixtureOfExperts(parameters, model, layer + ".moe", x);
  const framework::Mlp mlp(parameters, {.name = layer + ".mlp",
                                        .width = model.width,
                                        .hidden = model.hidden,
                                        .up_name = "fc",
                                        .down_name = "proj",
                                        .init = Init::Normal(0.2),
                                        .down_init = Init::Normal(0.2)});
  return mlp.Forward(x);
}

Tensor Layer(ParameterSet& parameters, const TinyModel& model, int64_t number, const Tensor& x,
             const Tensor& positions) {
  const std::string name = absl::StrCat("h.", number);
  const Builder::Scope scope(parameters.builder(), name);
  const framework::LayerNorm ln_1(parameters, {.name = name + ".ln_1", .width = model.width});
  const framework::CausalSelfAttention attention(parameters,
                                                 {.name = name + ".attn",
                                                  .width = model.width,
                                                  .heads = model.heads,
                                                  .kv_heads = model.kv_heads,
                                                  .rope_theta = model.rope ? 10000.0 : 0.0,
                                                  .q_name = "q",
                                                  .k_name = "k",
                                                  .v_name = "v",
                                                  .output_name = "proj",
                                                  .init = Init::Normal(0.2),
                                                  .output_init = Init::Normal(0.2)});
  const framework::LayerNorm ln_2(parameters, {.name = name + ".ln_2", .width = model.width});
  const Tensor mixed = x + attention.Forward(ln_1.Forward(x), positions);
  return mixed + FeedForward(parameters, model, name, ln_2.Forward(mixed));
}

// Logits [B, T, V] of tokens [B, T].
Tensor Logits(ParameterSet& parameters, const TinyModel& model, const Tensor& tokens) {
  Builder& builder = parameters.builder();
  const framework::Embedding wte(parameters, {"wte", model.vocab, model.width, Init::Normal(0.5)});
  Tensor x = wte.Forward(tokens), positions;
  {
    const Builder::Scope scope(builder, "wpe");
    positions = Counting(builder, chips::I32, {model.batch, model.sequence}, 1);
  }
  if (!model.rope) {
    const framework::Embedding wpe(parameters,
                                   {"wpe", model.sequence, model.width, Init::Normal(0.5)});
    const Tensor of_positions = wpe.Forward(positions);
    const Builder::Scope scope(builder, "wpe");
    x = x + of_positions;
  }
  for (int64_t layer = 0; layer < model.layers; ++layer)
    x = Layer(parameters, model, layer, x, positions);
  const framework::LayerNorm ln_f(parameters, {.name = "ln_f", .width = model.width});
  const Tensor hidden = ln_f.Forward(x);
  const Builder::Scope scope(builder, "lm_head");
  if (model.tied) return MatMul(hidden, wte.weight, false, /*transpose_b=*/true);
  const framework::Linear head(parameters, {.name = "lm_head",
                                            .in = model.width,
                                            .out = model.vocab,
                                            .bias = false,
                                            .init = Init::Normal(0.2)});
  return head.Forward(hidden);
}

// How an input starts, by its name.
void Fill(const std::string& name, std::mt19937_64& random, HostTensor* tensor) {
  const bool gain = absl::StrContains(name, "ln_") && absl::EndsWith(name, ".weight");
  const bool matrix = tensor->rank() >= 2;
  const double deviation = absl::EndsWith(name, ".m") ? 0.01 : gain || !matrix ? 0.1 : 0.2;
  std::normal_distribution<double> normal(gain ? 1 : 0, deviation);
  std::vector<double> values(static_cast<size_t>(tensor->elements()));
  for (double& value : values) {
    value = normal(random);
    if (absl::EndsWith(name, ".v")) value = 1e-4 * (1 + value * value);
  }
  tensor->SetFromDoubles(values);
}

uint64_t HashName(const std::string& name, uint64_t seed) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

HostTensor NewTensor(const graph::Value& value, int64_t rows) {
  graph::TensorType type = graph::TypeOf(value);
  for (graph::Size& size : type.shape)
    if (size.is_symbol()) size = rows;
  return HostTensor::Zeros(type.dtype, type.dims());
}

const graph::Value& ValueOf(const graph::Graph& step, const graph::Input& input) {
  return step.values(static_cast<int>(input.value()));
}

}  // namespace

TinyModel TinyMoe() { return {.hidden = 32, .experts = 4}; }

TinyModel TinyRoutedMoe() {
  TinyModel model = TinyMoe();
  model.routed = true;
  return model;
}

absl::StatusOr<graph::Graph> TinyTrainingStep(const TinyModel& model) {
  Builder builder(model.experts > 0 ? "tiny_moe_step" : "tiny_gpt_step");
  const graph::TensorType ids = {chips::I32, {model.batch, model.sequence}};
  const Tensor tokens = framework::Input(builder, "tokens", ids, graph::DATA);
  const Tensor targets = framework::Input(builder, "targets", ids, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  Tensor loss = Logits(parameters, model, tokens);
  {
    const Builder::Scope scope(builder, "loss");
    loss = framework::Mean(framework::CrossEntropy(loss, targets));
    if (loss.valid()) builder.Rename(loss.id(), "loss");
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::ValueId> gradients,
                          framework::Gradients(builder, loss.id(), parameters.ids()));
  builder.Output(loss.id(), "loss", graph::MEAN);
  for (size_t i = 0; model.gradient_outputs && i < gradients.size(); ++i)
    builder.Output(gradients[i], "grad." + parameters.specs()[i].name, graph::MEAN);
  framework::AddAdamW(builder, parameters.ids(), gradients,
                      {.weight_decay = 0.1, .clip_norm = model.clip_norm});
  return std::move(builder).Build();
}

std::map<std::string, HostTensor> TinyState(const graph::Graph& step, uint64_t seed) {
  std::map<std::string, HostTensor> state;
  for (const graph::Input& input : step.inputs()) {
    if (input.kind() == graph::DATA) continue;
    const graph::Value& value = ValueOf(step, input);
    HostTensor tensor = NewTensor(value, 0);
    std::mt19937_64 random(HashName(value.name(), seed));
    Fill(value.name(), random, &tensor);
    state[value.name()] = tensor;
  }
  return state;
}

std::map<std::string, HostTensor> TinyBatch(const graph::Graph& step, int64_t rows,
                                            int64_t number) {
  int64_t vocab = 0;
  for (const graph::Input& input : step.inputs()) {
    const graph::Value& value = ValueOf(step, input);
    if (value.name() == "wte.weight") vocab = value.dims(0).size();
  }
  std::map<std::string, HostTensor> batch;
  for (const graph::Input& input : step.inputs()) {
    if (input.kind() != graph::DATA) continue;
    const graph::Value& value = ValueOf(step, input);
    HostTensor tensor = NewTensor(value, rows);
    if (value.dtype() == chips::I32) {
      std::mt19937_64 random(HashName(value.name(), static_cast<uint64_t>(number)));
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.data<int32_t>()[i] = static_cast<int32_t>(random() % static_cast<uint64_t>(vocab));
    } else {
      tensor.data<float>()[0] = value.name() == "lr" ? 0.01f : static_cast<float>(number);
    }
    batch[value.name()] = tensor;
  }
  return batch;
}

}  // namespace strata::distributed
