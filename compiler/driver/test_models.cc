#include "compiler/driver/test_models.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/optim/adamw.h"
#include "framework/optim/loss_scale.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

// Grows the forward pass; remembers the parameters.
class Model {
 public:
  explicit Model(Builder& builder) : b_(builder) {}

  ValueId Parameter(const std::string& name, const Shape& shape) {
    parameters_.push_back(b_.Input(name, {chips::F32, shape}, graph::PARAMETER));
    return parameters_.back();
  }
  ValueId Linear(ValueId x, const std::string& name, int64_t in, int64_t out) {
    const Builder::Scope scope(b_, name);
    return b_.Apply("add", {b_.Apply("matmul", {x, Parameter(name + ".weight", {in, out})}),
                            Parameter(name + ".bias", {out})});
  }
  ValueId LayerNorm(ValueId x, const std::string& name, int64_t width) {
    const Builder::Scope scope(b_, name);
    return b_.Apply("layer_norm",
                    {x, Parameter(name + ".gamma", {width}), Parameter(name + ".beta", {width})},
                    {{"epsilon", Attr(1e-5)}});
  }
  ValueId Reshape(ValueId x, const Shape& dims) {
    return b_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Slice(ValueId x, int64_t axis, int64_t start, int64_t limit) {
    return b_.Apply("slice", {x},
                    {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
  }
  ValueId Mean(ValueId x) {
    std::vector<int64_t> axes;
    for (int64_t d = 0; d < b_.type(x).rank(); ++d) axes.push_back(d);
    return b_.Apply("reduce_mean", {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  }

  // x + proj(attention(norm(x))), then x + proj(gelu(fc(norm(x)))).
  ValueId Block(ValueId x, const std::string& name, const GptSizes& s) {
    const Builder::Scope scope(b_, name);
    const Shape heads = {s.batch, s.tokens, s.heads, s.width / s.heads};
    const ValueId qkv =
        Linear(LayerNorm(x, name + ".ln_1", s.width), name + ".attn", s.width, 3 * s.width);
    const std::vector<ValueId> attended =
        b_.ApplyMulti("attention",
                      {Reshape(Slice(qkv, 2, 0, s.width), heads),
                       Reshape(Slice(qkv, 2, s.width, 2 * s.width), heads),
                       Reshape(Slice(qkv, 2, 2 * s.width, 3 * s.width), heads)},
                      {{"scale", Attr(1.0 / std::sqrt(static_cast<double>(s.width / s.heads)))},
                       {"causal", Attr(true)}});
    if (attended.empty()) return graph::kNoValue;
    const ValueId merged = Reshape(attended[0], {s.batch, s.tokens, s.width});
    x = b_.Apply("add", {x, Linear(merged, name + ".proj", s.width, s.width)});
    const ValueId hidden = b_.Apply(
        "gelu", {Linear(LayerNorm(x, name + ".ln_2", s.width), name + ".fc", s.width, 4 * s.width)},
        {{"approximate", Attr(true)}});
    return b_.Apply("add", {x, Linear(hidden, name + ".out", 4 * s.width, s.width)});
  }

  const std::vector<ValueId>& parameters() const { return parameters_; }

 private:
  Builder& b_;
  std::vector<ValueId> parameters_;
};

}  // namespace

absl::StatusOr<graph::Graph> GptTrainingStep(const GptSizes& s) {
  Builder b("gpt_step");
  Model model(b);
  const ValueId tokens = b.Input("tokens", {chips::I32, {s.batch, s.tokens}}, graph::DATA);
  const ValueId targets = b.Input("targets", {chips::I32, {s.batch, s.tokens}}, graph::DATA);
  const ValueId table = model.Parameter("wte", {s.vocabulary, s.width});
  ValueId x = b.Apply(
      "add", {b.Apply("embedding", {table, tokens}), model.Parameter("wpe", {s.tokens, s.width})});
  for (int64_t layer = 0; layer < s.layers; ++layer)
    x = model.Block(x, absl::StrCat("h.", layer), s);
  x = model.LayerNorm(x, "ln_f", s.width);
  const ValueId logits = b.Apply("matmul", {x, table}, {{"transpose_b", Attr(true)}});
  const ValueId loss = model.Mean(b.Apply("cross_entropy", {logits, targets}));
  b.Output(loss, "loss", graph::MEAN);
  framework::LossScale scale;
  ValueId differentiated = loss;
  if (s.loss_scale > 0) {
    scale = framework::AddLossScale(b, {.initial = s.loss_scale});
    differentiated = b.Apply("mul", {loss, scale.scale});
  }
  STRATA_ASSIGN_OR_RETURN(const auto gradients,
                          framework::Gradients(b, differentiated, model.parameters()));
  framework::AddAdamW(b, model.parameters(), gradients, {.clip_norm = s.clip_norm},
                      s.loss_scale > 0 ? &scale : nullptr);
  return std::move(b).Build();
}

absl::StatusOr<graph::Graph> MlpTrainingStep(int64_t batch, int64_t width) {
  Builder b("mlp_step");
  Model model(b);
  const ValueId x = b.Input("x", {chips::F32, {batch, width}}, graph::DATA);
  const ValueId targets = b.Input("targets", {chips::I32, {batch}}, graph::DATA);
  const ValueId hidden = b.Apply("relu", {model.Linear(x, "fc", width, 2 * width)});
  const ValueId loss =
      model.Mean(b.Apply("cross_entropy", {model.Linear(hidden, "out", 2 * width, 7), targets}));
  b.Output(loss, "loss", graph::MEAN);
  STRATA_ASSIGN_OR_RETURN(const auto gradients, framework::Gradients(b, loss, model.parameters()));
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ValueId step = b.Apply("mul", {gradients[i], b.Constant(0.1, chips::F32)});
    b.Update(model.parameters()[i], b.Apply("sub", {model.parameters()[i], step}));
  }
  return std::move(b).Build();
}

std::vector<HostTensor> MakeInputs(const graph::Graph& graph) {
  std::vector<HostTensor> inputs;
  uint32_t state = 1;
  const auto random = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 16777216.0f;  // [0, 1)
  };
  for (const graph::Input& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = TypeOf(value);
    HostTensor tensor = HostTensor::Allocate(type.dtype, type.dims());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if (type.dtype == chips::I32) {
        tensor.data<int32_t>()[i] = static_cast<int32_t>(random() * 7);
        continue;
      }
      float x = input.kind() == graph::PARAMETER ? 0.07f * (random() - 0.5f) : 1e-4f * random();
      if (absl::EndsWith(value.name(), "gamma")) x = 1;
      if (input.kind() == graph::DATA)
        x = value.name() == "lr" ? 1e-3f : value.name() == "step" ? 1.0f : random();
      tensor.data<float>()[i] = x;
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace strata::compiler
