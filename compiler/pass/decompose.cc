#include "compiler/pass/decompose.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Node;
using graph::ValueId;

class Decomposer {
 public:
  Decomposer(const PassContext& context, graph::Graph* graph)
      : library_(context.library_ops.begin(), context.library_ops.end()),
        rewriter_(graph),
        graph_(graph) {}

  absl::StatusOr<bool> Run() {
    for (const Node& node : rewriter_.source().nodes()) STRATA_RETURN_IF_ERROR(Expand(node));
    return rewriter_.Finish(graph_);
  }

 private:
  // Keeps a primitive; of a composite keeps the pieces, each taken apart in turn.
  absl::Status Expand(const Node& node) {
    STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    const bool composite =
        def->decompose && def->op_class != graph::OpClass::kRegion;  // a fusion stays whole
    if (!composite || library_.count(node.op()) != 0) {
      rewriter_.Keep(node);
      return absl::OkStatus();
    }
    graph::OpCall call{&node, {}, {}};
    std::vector<ValueId> inputs;
    for (uint32_t input : node.inputs()) {
      inputs.push_back(rewriter_.Resolve(input));
      call.inputs.push_back(rewriter_.type(input));
    }
    for (uint32_t output : node.outputs()) call.outputs.push_back(rewriter_.type(output));
    std::vector<Node> pieces;
    STRATA_ASSIGN_OR_RETURN(
        std::vector<ValueId> results,
        rewriter_.Make(
            node.origin(), [&](graph::Builder& b) { return def->decompose(b, call, inputs); },
            &pieces));
    for (const Node& piece : pieces) STRATA_RETURN_IF_ERROR(Expand(piece));
    for (int i = 0; i < node.outputs_size(); ++i)
      rewriter_.Replace(node.outputs(i), results[static_cast<size_t>(i)]);
    return absl::OkStatus();
  }

  std::set<std::string> library_;
  Rewriter rewriter_;
  graph::Graph* graph_;
};

class Decompose : public Pass {
 public:
  absl::string_view name() const override { return "decompose"; }
  absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) override {
    return Decomposer(context, graph).Run();
  }
};

}  // namespace

std::unique_ptr<Pass> CreateDecompose() { return std::make_unique<Decompose>(); }

}  // namespace strata::compiler
