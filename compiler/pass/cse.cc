#include "compiler/pass/cse.h"

#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Node;

// What a node computes, as bytes: the op, what it reads, its attributes and body. Origins do not
// count.
std::string KeyOf(const Rewriter& rewriter, const Node& node) {
  std::string key = node.op();
  for (uint32_t input : node.inputs()) absl::StrAppend(&key, ",", rewriter.Resolve(input));
  for (const graph::Attribute& attribute : node.attributes()) {
    key.push_back('|');
    attribute.AppendToString(&key);
  }
  for (const graph::Graph& region : node.regions()) {
    key.push_back('{');
    region.AppendToString(&key);
  }
  return key;
}

bool MayMerge(const Node& node) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  return def != nullptr && def->deterministic && def->op_class != graph::OpClass::kCollective;
}

// Two gradients keep their marks, even when their numbers are the same.
bool MarksDiffer(const Rewriter& rewriter, const Node& a, const Node& b) {
  for (int i = 0; i < a.outputs_size(); ++i) {
    const std::string& x = rewriter.value(a.outputs(i)).gradient_of();
    const std::string& y = rewriter.value(b.outputs(i)).gradient_of();
    if (!x.empty() && !y.empty() && x != y) return true;
  }
  return false;
}

class CommonSubexpressionElimination : public Pass {
 public:
  absl::string_view name() const override { return "cse"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    Rewriter rewriter(graph);
    std::unordered_map<std::string, graph::ValueId> first;  // key -> first output of the node kept
    first.reserve(static_cast<size_t>(graph->nodes_size()));
    for (const Node& node : graph->nodes()) {
      if (!MayMerge(node) || node.outputs_size() == 0) {
        rewriter.Keep(node);
        continue;
      }
      auto [it, fresh] = first.emplace(KeyOf(rewriter, node), node.outputs(0));
      if (fresh || MarksDiffer(rewriter, node, *rewriter.Maker(it->second))) {
        rewriter.Keep(node);
        continue;
      }
      Node* kept = rewriter.MutableMaker(it->second);
      if (kept->inputs_size() > 0) JoinOrigin(node.origin(), kept->mutable_origin());
      for (int i = 0; i < node.outputs_size(); ++i)
        rewriter.Replace(node.outputs(i), kept->outputs(i));
    }
    return rewriter.Finish(graph);
  }
};

}  // namespace

std::unique_ptr<Pass> CreateCse() { return std::make_unique<CommonSubexpressionElimination>(); }

}  // namespace strata::compiler
