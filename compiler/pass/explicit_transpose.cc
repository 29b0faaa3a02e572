#include "compiler/pass/explicit_transpose.h"

#include <numeric>
#include <utility>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Node;
using graph::ValueId;

constexpr const char* kFlags[] = {"transpose_a", "transpose_b"};

bool IsTransposed(const Node& node, int operand) {
  return graph::AttributeReader(node).Bool(kFlags[operand]);
}

graph::Attributes PlainAttributes(const Node& node) {
  graph::Attributes attributes = graph::GetAttributes(node);
  for (const char* flag : kFlags) attributes.erase(flag);
  return attributes;
}

// The node by itself, as a graph.
absl::StatusOr<graph::Graph> Alone(const std::vector<graph::TensorType>& types,
                                   const graph::Attributes& attributes) {
  Builder b("product");
  const ValueId x = b.Input("a", types[0], graph::DATA), y = b.Input("b", types[1], graph::DATA);
  b.Output(b.Apply("matmul", {x, y}, attributes), "c");
  return std::move(b).Build();
}

// Whether the machine takes the product only without transposes.
absl::StatusOr<bool> IsWorthIt(const PassContext& context, const graph::OpCall& call) {
  const Node& node = *call.node;
  std::vector<graph::TensorType> types = call.inputs;
  STRATA_ASSIGN_OR_RETURN(const graph::Graph given, Alone(types, graph::GetAttributes(node)));
  if (context.npu_accepts(given).ok()) return false;
  for (int i = 0; i < 2; ++i) {
    graph::Shape& shape = types[static_cast<size_t>(i)].shape;
    if (IsTransposed(node, i)) std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  }
  STRATA_ASSIGN_OR_RETURN(const graph::Graph plain, Alone(types, PlainAttributes(node)));
  return context.npu_accepts(plain).ok();
}

ValueId SwapLast(Builder& b, ValueId x) {
  std::vector<int64_t> permutation(static_cast<size_t>(b.type(x).rank()));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return b.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
}

class ExplicitTranspose : public Pass {
 public:
  absl::string_view name() const override { return "explicit_transpose"; }

  absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) override {
    if (!context.npu_accepts) return false;
    Rewriter rewriter(graph);
    for (const Node& node : rewriter.source().nodes()) {
      STRATA_ASSIGN_OR_RETURN(const bool worth, IsCandidate(context, rewriter.source(), node));
      if (!worth) {
        rewriter.Keep(node);
        continue;
      }
      STRATA_ASSIGN_OR_RETURN(
          const std::vector<ValueId> made,
          rewriter.Make(node.origin(), [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
            std::vector<ValueId> operands;
            for (int i = 0; i < 2; ++i) {
              const ValueId x = rewriter.Resolve(node.inputs(i));
              operands.push_back(IsTransposed(node, i) ? SwapLast(b, x) : x);
            }
            return std::vector<ValueId>{b.Apply("matmul", operands, PlainAttributes(node))};
          }));
      rewriter.Replace(node.outputs(0), made[0]);
    }
    return rewriter.Finish(graph);
  }

 private:
  static absl::StatusOr<bool> IsCandidate(const PassContext& context, const graph::Graph& graph,
                                          const Node& node) {
    if (node.op() != "matmul" || (!IsTransposed(node, 0) && !IsTransposed(node, 1))) return false;
    return IsWorthIt(context, graph::CallOf(graph, node));
  }
};

}  // namespace

std::unique_ptr<Pass> CreateExplicitTranspose() { return std::make_unique<ExplicitTranspose>(); }

}  // namespace strata::compiler
