#include "inference/bench/prompt_work.h"

#include <algorithm>

#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::inference {
namespace {

// Keys that the tokens at positions [begin, end) see, of a window where there is one.
double KeysSeen(int64_t begin, int64_t end, int64_t window) {
  double keys = 0;
  for (int64_t i = begin; i < end; ++i)
    keys += static_cast<double>(window > 0 ? std::min(i + 1, window) : i + 1);
  return keys;
}

// Of the step that ends before position `end`. A layer that does not do all rows does the last, whose logits are wanted.
double AttentionFlops(const graph::OpCall& call, int64_t end) {
  const std::vector<int64_t> q = call.inputs[0].dims();  // [R, H, D]
  const int64_t widths = q[2] + call.outputs[0].dims()[2];
  return 2 * static_cast<double>(q[1] * widths) *
         KeysSeen(end - q[0], end, call.attrs().Int("window"));
}

}  // namespace

absl::StatusOr<double> PromptFlops(const DecoderModel& model, int64_t tokens, int64_t step_rows) {
  if (tokens < 1 || step_rows < 1)
    return absl::InvalidArgumentError("tokens and rows of a step: give 1 or more");
  double flops = 0;
  for (int64_t done = 0; done < tokens;) {
    const int64_t rows = std::min(step_rows, tokens - done);
    done += rows;
    const StepShape shape = {
        .rows = rows, .logit_rows = 1, .views = 1, .view_length = tokens, .slots = tokens + 1};
    STRATA_ASSIGN_OR_RETURN(const graph::Graph step, model.BuildStep(shape, KvFormat::kF16));
    for (const graph::Node& node : step.nodes()) {
      const graph::OpCall call = CallOf(step, node);
      if (node.op() == "paged_attention") flops += AttentionFlops(call, done);
      if (node.op() == "matmul_packed" || node.op() == "matmul_experts")
        flops += WorkOf(*graph::OpRegistry::Get().Find(node.op()), call).flops;
    }
  }
  return flops;
}

}  // namespace strata::inference
