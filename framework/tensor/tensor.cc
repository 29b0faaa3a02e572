#include "framework/tensor/tensor.h"

#include <numeric>

namespace strata::framework {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::ValueId;

Builder* BuilderOf(const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) {
    if (tensor.builder() != nullptr) return tensor.builder();
  }
  return nullptr;
}

// The value ids of `inputs`; sticks an error to the builder when they do not belong together.
bool CollectIds(const std::string& op, const std::vector<Tensor>& inputs, Builder& builder,
                std::vector<ValueId>* ids) {
  if (!builder.status().ok()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].valid() && inputs[i].builder() == &builder) {
      ids->push_back(inputs[i].id());
      continue;
    }
    builder.Fail(absl::InvalidArgumentError(
        absl::StrCat(op, ": inputs[", i,
                     "]: ", inputs[i].valid() ? "is of another builder" : "is an empty Tensor")));
    return false;
  }
  return true;
}

Tensor ScalarLike(const Tensor& tensor, double value) {
  if (!tensor.valid()) return tensor;
  return Constant(*tensor.builder(), value, tensor.dtype());
}

Tensor Reduce(const std::string& op, const Tensor& x, std::vector<int64_t> axes, bool keep_dims) {
  const int64_t rank = x.type().rank();
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  // One spelling an axis, so that equal reductions are equal nodes. What is out of range the op
  // reports.
  for (int64_t& axis : axes) {
    if (axis < 0 && axis >= -rank) axis += rank;
  }
  return Apply(op, {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(keep_dims)}});
}

}  // namespace

graph::TensorType Tensor::type() const {
  return valid() ? builder_->type(id_) : graph::TensorType{};
}

graph::Size Tensor::dim(int64_t axis) const {
  if (!valid()) return graph::Size(int64_t{0});
  const graph::TensorType full = type();
  const absl::StatusOr<int64_t> at = graph::NormalizeAxis(axis, full.rank());
  if (at.ok()) return full.shape[static_cast<size_t>(*at)];
  builder_->Fail(Annotate(at.status(), absl::StrCat("dim of ", full.ToString())));
  return graph::Size(int64_t{0});
}

Tensor Input(Builder& builder, const std::string& name, const graph::TensorType& type,
             graph::InputKind kind) {
  return Tensor(builder, builder.Input(name, type, kind));
}

Tensor Constant(Builder& builder, double value, graph::DType dtype, const graph::Shape& dims) {
  return Tensor(builder, builder.Constant(value, dtype, dims));
}

std::vector<Tensor> ApplyMulti(const std::string& op, const std::vector<Tensor>& inputs,
                               const Attributes& attributes) {
  Builder* builder = BuilderOf(inputs);
  std::vector<ValueId> ids;
  if (builder == nullptr || !CollectIds(op, inputs, *builder, &ids)) return {};
  std::vector<Tensor> outputs;
  for (ValueId id : builder->ApplyMulti(op, ids, attributes)) outputs.emplace_back(*builder, id);
  return outputs;
}

Tensor Apply(const std::string& op, const std::vector<Tensor>& inputs,
             const Attributes& attributes) {
  const std::vector<Tensor> outputs = ApplyMulti(op, inputs, attributes);
  if (!outputs.empty()) return outputs[0];
  // Keeps the builder, so that what follows finds its sticky error.
  Builder* builder = BuilderOf(inputs);
  return builder == nullptr ? Tensor() : Tensor(*builder, graph::kNoValue);
}

Tensor operator+(const Tensor& a, const Tensor& b) { return Apply("add", {a, b}); }
Tensor operator-(const Tensor& a, const Tensor& b) { return Apply("sub", {a, b}); }
Tensor operator*(const Tensor& a, const Tensor& b) { return Apply("mul", {a, b}); }
Tensor operator/(const Tensor& a, const Tensor& b) { return Apply("div", {a, b}); }
Tensor operator+(const Tensor& a, double b) { return a + ScalarLike(a, b); }
Tensor operator-(const Tensor& a, double b) { return a - ScalarLike(a, b); }
Tensor operator*(const Tensor& a, double b) { return a * ScalarLike(a, b); }
Tensor operator/(const Tensor& a, double b) { return a / ScalarLike(a, b); }
Tensor operator+(double a, const Tensor& b) { return ScalarLike(b, a) + b; }
Tensor operator-(double a, const Tensor& b) { return ScalarLike(b, a) - b; }
Tensor operator*(double a, const Tensor& b) { return ScalarLike(b, a) * b; }
Tensor operator/(double a, const Tensor& b) { return ScalarLike(b, a) / b; }
Tensor operator-(const Tensor& x) { return Apply("neg", {x}); }
Tensor Max(const Tensor& a, const Tensor& b) { return Apply("max", {a, b}); }
Tensor Min(const Tensor& a, const Tensor& b) { return Apply("min", {a, b}); }
Tensor Pow(const Tensor& a, const Tensor& b) { return Apply("pow", {a, b}); }
Tensor Less(const Tensor& a, const Tensor& b) { return Apply("less", {a, b}); }
Tensor LessEqual(const Tensor& a, const Tensor& b) { return Apply("less_equal", {a, b}); }
Tensor Equal(const Tensor& a, const Tensor& b) { return Apply("equal", {a, b}); }
Tensor Select(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return Apply("select", {condition, a, b});
}
Tensor Exp(const Tensor& x) { return Apply("exp", {x}); }
Tensor Log(const Tensor& x) { return Apply("log", {x}); }
Tensor Sqrt(const Tensor& x) { return Apply("sqrt", {x}); }
Tensor Rsqrt(const Tensor& x) { return Apply("rsqrt", {x}); }
Tensor Square(const Tensor& x) { return Apply("square", {x}); }
Tensor Abs(const Tensor& x) { return Apply("abs", {x}); }
Tensor Tanh(const Tensor& x) { return Apply("tanh", {x}); }
Tensor Sigmoid(const Tensor& x) { return Apply("sigmoid", {x}); }
Tensor Relu(const Tensor& x) { return Apply("relu", {x}); }
Tensor Silu(const Tensor& x) { return Apply("silu", {x}); }
Tensor Gelu(const Tensor& x, bool approximate) {
  return Apply("gelu", {x}, {{"approximate", Attr(approximate)}});
}
Tensor Cast(const Tensor& x, graph::DType dtype) {
  return Apply("cast", {x}, {{"dtype", Attr(dtype)}});
}

Tensor Sum(const Tensor& x, const std::vector<int64_t>& axes, bool keep_dims) {
  return Reduce("reduce_sum", x, axes, keep_dims);
}
Tensor Mean(const Tensor& x, const std::vector<int64_t>& axes, bool keep_dims) {
  return Reduce("reduce_mean", x, axes, keep_dims);
}
Tensor ReduceMax(const Tensor& x, const std::vector<int64_t>& axes, bool keep_dims) {
  return Reduce("reduce_max", x, axes, keep_dims);
}

Tensor Reshape(const Tensor& x, const graph::Shape& dims) {
  return Apply("reshape", {x}, {{"dims", Attr(dims)}});
}
Tensor Transpose(const Tensor& x, const std::vector<int64_t>& permutation) {
  return Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
}
Tensor BroadcastTo(const Tensor& x, const graph::Shape& dims) {
  return Apply("broadcast_to", {x}, {{"dims", Attr(dims)}});
}
Tensor Slice(const Tensor& x, int64_t axis, int64_t start, int64_t limit) {
  return Apply("slice", {x},
               {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
}
Tensor Pad(const Tensor& x, int64_t axis, int64_t before, int64_t after) {
  return Apply("pad", {x},
               {{"axis", Attr(axis)}, {"before", Attr(before)}, {"after", Attr(after)}});
}
Tensor Concat(const std::vector<Tensor>& parts, int64_t axis) {
  return Apply("concat", parts, {{"axis", Attr(axis)}});
}

Tensor MatMul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return Apply("matmul", {a, b},
               {{"transpose_a", Attr(transpose_a)}, {"transpose_b", Attr(transpose_b)}});
}
Tensor Softmax(const Tensor& x) { return Apply("softmax", {x}); }
Tensor Embed(const Tensor& table, const Tensor& ids) { return Apply("embedding", {table, ids}); }
Tensor CrossEntropy(const Tensor& logits, const Tensor& targets) {
  return Apply("cross_entropy", {logits, targets});
}

}  // namespace strata::framework
