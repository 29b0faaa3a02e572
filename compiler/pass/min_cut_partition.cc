#include "compiler/pass/min_cut_partition.h"

#include "compiler/pass/recompute.h"

namespace strata::compiler {
namespace {

class MinCutPartition : public Pass {
 public:
  absl::string_view name() const override { return "min_cut_partition"; }

  absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) override {
    STRATA_ASSIGN_OR_RETURN(const Recomputed done, Recompute(RecomputePolicy{}, graph));
    if (context.recomputed_flops != nullptr) *context.recomputed_flops += done.flops;
    return done.nodes > 0;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateMinCutPartition() { return std::make_unique<MinCutPartition>(); }

}  // namespace strata::compiler
