// StageFlow: which values go between the stages of a cut step, and which nodes may wait (the part of CutStages that is
// about the step as a whole).
#ifndef STRATA_DISTRIBUTED_PIPELINE_STAGE_FLOW_H_
#define STRATA_DISTRIBUTED_PIPELINE_STAGE_FLOW_H_

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/status.h"
#include "distributed/pipeline/assign_stages.h"
#include "distributed/pipeline/step_anatomy.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct StageFlow {
  // A marked gradient and its addends: several when they lie in different stages.
  struct Gradient {
    uint32_t total = 0;
    std::vector<uint32_t> parts;
  };

  StepAnatomy anatomy;
  std::vector<int> stage;           // by node; kNoStage when it runs in no stage
  std::vector<Gradient> gradients;  // of those that depend on the batch
  // By stage s: forward values that go from s to s + 1, and backward values that go from s + 1 to s.
  std::vector<std::set<uint32_t>> up, down;
  // By node: makes what only one parameter's gradient needs.
  std::vector<bool> weight_only;

  int StageOf(uint32_t value) const {
    const int maker = anatomy.maker[value];
    return maker < 0 ? kNoStage : stage[static_cast<size_t>(maker)];
  }
};

absl::StatusOr<StageFlow> AnalyseFlow(const graph::Graph& step, const StagePatterns& patterns);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_STAGE_FLOW_H_
