#include "courses/compiler/pass_ablation/models.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/optim/adamw.h"

namespace strata::courses {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Shape;
using graph::ValueId;

// What both models are written with.
class Writer {
 public:
  explicit Writer(Builder& b) : b_(b) {}

  ValueId Parameter(const std::string& name, const Shape& shape) {
    parameters_.push_back(b_.Input(name, {chips::F32, shape}, graph::PARAMETER));
    return parameters_.back();
  }
  const std::vector<ValueId>& parameters() const { return parameters_; }

  ValueId Linear(ValueId x, const std::string& name, int64_t in, int64_t out) {
    const ValueId product = b_.Apply("matmul", {x, Parameter(name + ".weight", {in, out})});
    return b_.Apply("add", {product, Parameter(name + ".bias", {out})});
  }
  ValueId Reshape(ValueId x, const Shape& dims) {
    return b_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Transpose(ValueId x, const std::vector<int64_t>& permutation) {
    return b_.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
  }
  ValueId Slice(ValueId x, int64_t axis, int64_t start, int64_t limit) {
    return b_.Apply("slice", {x},
                    {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
  }
  ValueId Mean(ValueId x, const std::vector<int64_t>& axes) {
    return b_.Apply("reduce_mean", {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  }

 protected:
  Builder& b_;

 private:
  std::vector<ValueId> parameters_;
};

class Cnn : public Writer {
 public:
  using Writer::Writer;

  // relu(conv3x3(x) + bias), [B, C, N, N] -> [B, F, N, N].
  ValueId Layer(ValueId x, const std::string& name, int64_t in, int64_t out) {
    const Builder::Scope scope(b_, name);
    const int64_t n = b_.type(x).shape[2].size();
    ValueId last = Transpose(x, {0, 2, 3, 1});
    for (int64_t axis : {1, 2}) {
      last =
          b_.Apply("pad", {last}, {{"axis", Attr(axis)}, {"before", Attr(1)}, {"after", Attr(1)}});
    }
    std::vector<ValueId> patches;
    for (int64_t row = 0; row < 3; ++row) {
      const ValueId rows = Slice(last, 1, row, row + n);
      for (int64_t column = 0; column < 3; ++column)
        patches.push_back(Slice(rows, 2, column, column + n));
    }
    const ValueId joined = b_.Apply("concat", patches, {{"axis", Attr(3)}});
    const ValueId product =
        b_.Apply("matmul", {joined, Parameter(name + ".weight", {9 * in, out})});
    const ValueId first = Transpose(product, {0, 3, 1, 2});
    return b_.Apply("relu", {b_.Apply("add", {first, Parameter(name + ".bias", {out, 1, 1})})});
  }
};

class Gpt : public Writer {
 public:
  Gpt(Builder& b, const GptSizes& sizes) : Writer(b), s_(sizes) {}

  ValueId LayerNorm(ValueId x, const std::string& name) {
    return b_.Apply(
        "layer_norm",
        {x, Parameter(name + ".gamma", {s_.width}), Parameter(name + ".beta", {s_.width})},
        {{"epsilon", Attr(1e-5)}});
  }

  // Columns [first, first + width) of qkv as [B, H, T, D].
  ValueId Heads(ValueId qkv, int64_t first) {
    const ValueId columns = Slice(qkv, 2, first, first + s_.width);
    return Transpose(Reshape(columns, {s_.batch, s_.tokens, s_.heads, s_.width / s_.heads}),
                     {0, 2, 1, 3});
  }

  ValueId Attention(ValueId x, const std::string& name) {
    const Builder::Scope scope(b_, name);
    const ValueId qkv = Linear(x, name, s_.width, 3 * s_.width);
    const ValueId q = Heads(qkv, 0), k = Heads(qkv, s_.width), v = Heads(qkv, 2 * s_.width);
    const double scale = 1 / std::sqrt(static_cast<double>(s_.width / s_.heads));
    const ValueId scores =
        b_.Apply("mul", {b_.Apply("matmul", {q, k}, {{"transpose_b", Attr(true)}}),
                         b_.Constant(scale, chips::F32)});
    const Shape square = {s_.tokens, s_.tokens};
    const auto iota = [&](int64_t axis) {
      return b_.Apply("iota", {},
                      {{"axis", Attr(axis)}, {"dims", Attr(square)}, {"dtype", Attr(chips::I32)}});
    };
    const ValueId visible = b_.Apply("less_equal", {iota(1), iota(0)});
    const ValueId hidden = b_.Constant(-std::numeric_limits<double>::infinity(), chips::F32);
    const ValueId p = b_.Apply("softmax", {b_.Apply("select", {visible, scores, hidden})});
    const ValueId mixed = Transpose(b_.Apply("matmul", {p, v}), {0, 2, 1, 3});
    return Reshape(mixed, {s_.batch, s_.tokens, s_.width});
  }

  ValueId Block(ValueId x, const std::string& name) {
    const Builder::Scope scope(b_, name);
    const ValueId attended = Attention(LayerNorm(x, name + ".ln_1"), name + ".attn");
    x = b_.Apply("add", {x, Linear(attended, name + ".proj", s_.width, s_.width)});
    const ValueId hidden =
        Linear(LayerNorm(x, name + ".ln_2"), name + ".fc", s_.width, 4 * s_.width);
    const ValueId active = b_.Apply("gelu", {hidden}, {{"approximate", Attr(true)}});
    return b_.Apply("add", {x, Linear(active, name + ".out", 4 * s_.width, s_.width)});
  }

 private:
  const GptSizes& s_;
};

}  // namespace

absl::StatusOr<graph::Graph> CnnTrainingStep(const CnnSizes& s) {
  Builder b("cnn_step");
  Cnn model(b);
  ValueId x = b.Input("images", {chips::F32, {s.batch, 3, s.image, s.image}}, graph::DATA);
  const ValueId targets = b.Input("targets", {chips::I32, {s.batch}}, graph::DATA);
  x = model.Layer(x, "conv1", 3, s.channels);
  x = model.Layer(x, "conv2", s.channels, s.channels);
  const ValueId logits = model.Linear(model.Mean(x, {2, 3}), "head", s.channels, s.classes);
  const ValueId loss = model.Mean(b.Apply("cross_entropy", {logits, targets}), {0});
  b.Output(loss, "loss", graph::MEAN);
  STRATA_ASSIGN_OR_RETURN(const auto gradients, framework::Gradients(b, loss, model.parameters()));
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ValueId step = b.Apply("mul", {gradients[i], b.Constant(0.1, chips::F32)});
    b.Update(model.parameters()[i], b.Apply("sub", {model.parameters()[i], step}));
  }
  return std::move(b).Build();
}

absl::StatusOr<graph::Graph> GptTrainingStep(const GptSizes& s) {
  Builder b("gpt_step");
  Gpt model(b, s);
  const ValueId tokens = b.Input("tokens", {chips::I32, {s.batch, s.tokens}}, graph::DATA);
  const ValueId targets = b.Input("targets", {chips::I32, {s.batch, s.tokens}}, graph::DATA);
  const ValueId table = model.Parameter("wte", {s.vocabulary, s.width});
  ValueId x = b.Apply(
      "add", {b.Apply("embedding", {table, tokens}), model.Parameter("wpe", {s.tokens, s.width})});
  for (int64_t layer = 0; layer < s.layers; ++layer) x = model.Block(x, absl::StrCat("h.", layer));
  x = model.LayerNorm(x, "ln_f");
  const ValueId logits = b.Apply("matmul", {x, table}, {{"transpose_b", Attr(true)}});
  const ValueId loss = model.Mean(b.Apply("cross_entropy", {logits, targets}), {0, 1});
  b.Output(loss, "loss", graph::MEAN);
  STRATA_ASSIGN_OR_RETURN(const auto gradients, framework::Gradients(b, loss, model.parameters()));
  framework::AddAdamW(b, model.parameters(), gradients, {.clip_norm = 1});
  return std::move(b).Build();
}

std::vector<graph::HostTensor> MakeInputs(const graph::Graph& graph, int64_t classes) {
  std::vector<graph::HostTensor> inputs;
  uint32_t state = 1;
  const auto random = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / 16777216.0f;  // [0, 1)
  };
  for (const graph::Input& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    graph::HostTensor tensor = graph::HostTensor::Allocate(type.dtype, type.dims());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      if (type.dtype == chips::I32) {
        tensor.data<int32_t>()[i] = static_cast<int32_t>(random() * static_cast<float>(classes));
        continue;
      }
      float x = random();
      if (input.kind() == graph::PARAMETER) x = 0.07f * (x - 0.5f);
      if (input.kind() == graph::STATE) x *= 1e-4f;
      if (absl::EndsWith(value.name(), "gamma")) x = 1;
      if (value.name() == "lr") x = 1e-3f;
      if (value.name() == "step") x = 1;
      tensor.data<float>()[i] = x;
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace strata::courses
