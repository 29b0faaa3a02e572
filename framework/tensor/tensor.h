// Tensor: a value of a graph that is written like an array. Code on Tensors is model code; what it
// makes is a Graph.
//
//   graph::Builder b("mlp");
//   Tensor x = Input(b, "x", {chips::F32, {"B", 4}}, graph::DATA);
//   Tensor w = Input(b, "w", {chips::F32, {4, 8}}, graph::PARAMETER);
//   Tensor y = Relu(MatMul(x, w)) * 0.5 + 1;
//   b.Output(y.id(), "y", graph::SHARDED);
//
// A Tensor is a builder and a value id: copy it freely; the builder must outlive it. Errors stick
// to the builder (Builder::status()) with the model line, and what is built on a failed Tensor
// fails silently, so that model code needs no status plumbing. Scalars take the dtype of the tensor
// beside them. Not thread-safe, as the builder.
#ifndef STRATA_FRAMEWORK_TENSOR_TENSOR_H_
#define STRATA_FRAMEWORK_TENSOR_TENSOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "framework/graph/builder.h"

namespace strata::framework {

class Tensor {
 public:
  Tensor() = default;  // no value; any use of it fails
  Tensor(graph::Builder& builder, graph::ValueId id) : builder_(&builder), id_(id) {}

  bool valid() const { return builder_ != nullptr && id_ != graph::kNoValue; }
  graph::Builder* builder() const { return builder_; }
  graph::ValueId id() const { return id_; }
  graph::TensorType type() const;  // DTYPE_UNSPECIFIED and rank 0 when not valid
  graph::DType dtype() const { return type().dtype; }
  graph::Shape shape() const { return type().shape; }
  // A negative axis counts from the end; size 0 (and a sticky error) when there is no such axis.
  graph::Size dim(int64_t axis) const;

 private:
  graph::Builder* builder_ = nullptr;
  graph::ValueId id_ = graph::kNoValue;
};

Tensor Input(graph::Builder& builder, const std::string& name, const graph::TensorType& type,
             graph::InputKind kind);
Tensor Constant(graph::Builder& builder, double value, graph::DType dtype,
                const graph::Shape& dims = {});

// Any op of the table by name: its only output, or all of them.
Tensor Apply(const std::string& op, const std::vector<Tensor>& inputs,
             const graph::Attributes& attributes = {});
std::vector<Tensor> ApplyMulti(const std::string& op, const std::vector<Tensor>& inputs,
                               const graph::Attributes& attributes = {});

// Elementwise; shapes broadcast as in NumPy.
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor operator-(const Tensor& x);
Tensor Max(const Tensor& a, const Tensor& b);
Tensor Min(const Tensor& a, const Tensor& b);
Tensor Pow(const Tensor& a, const Tensor& b);
Tensor Less(const Tensor& a, const Tensor& b);
Tensor LessEqual(const Tensor& a, const Tensor& b);
Tensor Equal(const Tensor& a, const Tensor& b);
Tensor Select(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor Exp(const Tensor& x);
Tensor Log(const Tensor& x);
Tensor Sqrt(const Tensor& x);
Tensor Rsqrt(const Tensor& x);
Tensor Square(const Tensor& x);
Tensor Abs(const Tensor& x);
Tensor Tanh(const Tensor& x);
Tensor Sigmoid(const Tensor& x);
Tensor Relu(const Tensor& x);
Tensor Silu(const Tensor& x);
Tensor Gelu(const Tensor& x, bool approximate = true);
Tensor Cast(const Tensor& x, graph::DType dtype);

// Reductions over `axes` (negative ones count from the end; empty: all axes).
Tensor Sum(const Tensor& x, const std::vector<int64_t>& axes = {}, bool keep_dims = false);
Tensor Mean(const Tensor& x, const std::vector<int64_t>& axes = {}, bool keep_dims = false);
Tensor ReduceMax(const Tensor& x, const std::vector<int64_t>& axes = {}, bool keep_dims = false);

// Shapes.
Tensor Reshape(const Tensor& x, const graph::Shape& dims);
Tensor Transpose(const Tensor& x, const std::vector<int64_t>& permutation);
Tensor BroadcastTo(const Tensor& x, const graph::Shape& dims);
Tensor Slice(const Tensor& x, int64_t axis, int64_t start, int64_t limit);
Tensor Pad(const Tensor& x, int64_t axis, int64_t before, int64_t after);
Tensor Concat(const std::vector<Tensor>& parts, int64_t axis);

// a [..., M, K] times b [..., K, N] or [K, N].
Tensor MatMul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);
Tensor Softmax(const Tensor& x);  // over the last axis
// Rows of table [V, C] by ids [...].
Tensor Embed(const Tensor& table, const Tensor& ids);
// Loss [...] of logits [..., V] against i32 targets [...]; a negative target is ignored (loss 0).
Tensor CrossEntropy(const Tensor& logits, const Tensor& targets);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_TENSOR_TENSOR_H_
