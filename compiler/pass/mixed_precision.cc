#include "compiler/pass/mixed_precision.h"

#include <map>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Node;
using graph::ValueId;

// matmul and contract_leading whose operands are both f32, and whose result nobody widened.
bool IsF32Product(const Rewriter& rewriter, const Node& node) {
  if (node.op() != "matmul" && node.op() != "contract_leading") return false;
  if (graph::AttributeReader(node).Has("output_dtype")) return false;
  return rewriter.value(node.inputs(0)).dtype() == chips::F32 &&
         rewriter.value(node.inputs(1)).dtype() == chips::F32;
}

class MixedPrecision : public Pass {
 public:
  absl::string_view name() const override { return "mixed_precision"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    Rewriter rewriter(graph);
    std::map<ValueId, ValueId> rounded;  // each value is rounded once
    for (const Node& node : rewriter.source().nodes()) {
      if (!IsF32Product(rewriter, node)) {
        rewriter.Keep(node);
        continue;
      }
      std::vector<ValueId> operands;
      for (uint32_t input : node.inputs()) {
        const ValueId value = rewriter.Resolve(input);
        auto [it, fresh] = rounded.emplace(value, value);
        if (fresh) {
          STRATA_ASSIGN_OR_RETURN(it->second, Round(node.origin(), value, &rewriter));
        }
        operands.push_back(it->second);
      }
      Node product = node;
      for (int i = 0; i < 2; ++i) product.set_inputs(i, operands[static_cast<size_t>(i)]);
      graph::Attributes attributes = graph::GetAttributes(product);
      attributes["output_dtype"] = Attr(chips::F32);
      graph::SetAttributes(attributes, &product);
      rewriter.MarkChanged();
      rewriter.Keep(std::move(product));
    }
    return rewriter.Finish(graph);
  }

 private:
  static absl::StatusOr<ValueId> Round(const std::string& origin, ValueId value,
                                       Rewriter* rewriter) {
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<ValueId> made,
        rewriter->Make(origin, [&](graph::Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
          return std::vector<ValueId>{b.Apply("cast", {value}, {{"dtype", Attr(chips::BF16)}})};
        }));
    return made[0];
  }
};

}  // namespace

std::unique_ptr<Pass> CreateMixedPrecision() { return std::make_unique<MixedPrecision>(); }

}  // namespace strata::compiler
