#include "compiler/pass/fusion.h"

#include <utility>

#include "compiler/pass/fusion_groups.h"
#include "compiler/pass/fusion_rewrite.h"
#include "compiler/pass/split_reduction.h"

namespace strata::compiler {
namespace {

class FusionPass : public Pass {
 public:
  absl::string_view name() const override { return "fusion"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    const bool split = SplitFullReductions(graph);
    FusionGroups found = FindFusionGroups(*graph);
    if (found.groups.empty()) return split;
    WriteFusionNodes(std::move(found), graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateFusionPass() { return std::make_unique<FusionPass>(); }

}  // namespace strata::compiler
