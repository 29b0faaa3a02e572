// OpDef: the one definition of an op. Verifier, interpreter, autodiff, compiler, cost model and
// partitioner read it. A new op is one file in framework/graph/ops and one row in
// framework/graph/ops/all_ops.cc.
#ifndef STRATA_FRAMEWORK_GRAPH_OP_DEF_H_
#define STRATA_FRAMEWORK_GRAPH_OP_DEF_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/attributes.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::graph {

class Builder;
using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0xffffffffu;

// One application of an op: the node and the types around it. `outputs` is empty while types are
// being inferred.
struct OpCall {
  const Node* node = nullptr;
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;

  AttributeReader attrs() const { return AttributeReader(*node); }
};

// Exact work of one call: a multiply-add is two flops, a transcendental is one; each operand is
// read or written once.
struct Work {
  double flops = 0;
  double bytes_read = 0;
  double bytes_written = 0;
};

// What the gradient of an op is built from, inside the graph that `builder` grows.
struct GradientContext {
  Builder& builder;
  OpCall call;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<ValueId> output_gradients;  // kNoValue: this output does not reach the loss
  std::vector<bool> needs;                // which inputs' gradients are asked for
};

enum class AttrKind { kInt, kFloat, kBool, kString, kDType, kInts, kFloats, kDims };

struct AttrSpec {
  std::string name;
  AttrKind kind;
  bool required = true;
};

// How the compiler may treat an op without knowing its name.
enum class OpClass {
  kOpaque,       // a kernel of its own (matmul, attention, embedding)
  kElementwise,  // each output element from the broadcast inputs' elements at the same index
  kReduction,    // sums or maxima over axes
  kView,         // the same elements under other dims (reshape)
  kMovement,     // elements copied to other places (transpose, slice, concat)
  kCollective,   // talks to other ranks
  kRegion,       // has a body (fusion)
};

struct OpDef {
  std::string name;
  std::string summary;  // one line for --help and docs: what it computes, with shapes
  OpClass op_class = OpClass::kOpaque;
  int min_inputs = 0;
  int max_inputs = 0;  // -1: any number
  std::vector<AttrSpec> attributes;
  bool deterministic = true;

  // Output types from input types and attributes. Must work with symbolic dims. Required.
  std::function<absl::StatusOr<std::vector<TensorType>>(const OpCall&)> infer;

  // The definition of right: slow and obvious. `outputs` are allocated with the inferred types.
  // Required.
  std::function<absl::Status(const OpCall&, absl::Span<const HostTensor> inputs,
                             absl::Span<HostTensor> outputs)>
      reference;

  // Gradient of each input (kNoValue for none), built from primitives or other ops. Unset: not
  // differentiable.
  std::function<absl::StatusOr<std::vector<ValueId>>(GradientContext&)> gradient;

  // The same outputs from simpler ops, for composites. Unset: a primitive.
  std::function<absl::StatusOr<std::vector<ValueId>>(Builder&, const OpCall&,
                                                     absl::Span<const ValueId> inputs)>
      decompose;

  // flops only; bytes follow from the types (see WorkOf). Concrete types. Unset: one flop an output
  // element for elementwise ops, one an input element for reductions, none otherwise.
  std::function<double(const OpCall&)> flops;
  // Exact bytes where "each operand once" is not true (an embedding reads only the rows it needs).
  // Usually unset.
  std::function<Work(const OpCall&)> work;
};

// The table of ops. Filled once by RegisterAllOps() (framework/graph/ops/all_ops.h); immutable
// afterwards.
class OpRegistry {
 public:
  static OpRegistry& Get();
  void Add(OpDef def);
  const OpDef* Find(absl::string_view name) const;  // nullptr when there is none
  // NOT_FOUND names the closest ops.
  absl::StatusOr<const OpDef*> Lookup(absl::string_view name) const;
  std::vector<std::string> Names() const;

 private:
  std::map<std::string, OpDef, std::less<>> defs_;
};

// Checks input count and attributes against the definition, then infers the output types.
absl::StatusOr<std::vector<TensorType>> InferTypes(const OpDef& def, const OpCall& call);

// Exact work of a call with concrete types.
Work WorkOf(const OpDef& def, const OpCall& call);

// The call of a node in a graph, with the types of its operands.
OpCall CallOf(const Graph& graph, const Node& node);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OP_DEF_H_
