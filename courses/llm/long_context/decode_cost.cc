#include "courses/llm/long_context/decode_cost.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>
#include <set>

#include "inference/engine/compiled_step_runner.h"

namespace strata::courses {
namespace {

// What the step counts for operands that it names a second time: latent attention's keys are its values too, and lie in
// memory once. Of a cache the plan counts the `seen` of its `seen` + 1 slots.
double NamedTwice(const plan::Plan& plan, const plan::Step& step, int64_t seen) {
  double bytes = 0;
  std::set<uint32_t> named;
  for (uint32_t read : step.reads()) {
    if (named.insert(read).second) continue;
    bytes += static_cast<double>(plan.buffers(static_cast<int>(read)).size_bytes()) *
             static_cast<double>(seen) / static_cast<double>(seen + 1);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<DecodeCost> MeasureDecode(const inference::DecoderModel& model,
                                         const ContextShape& shape, int64_t tokens, int repeats) {
  using Clock = std::chrono::steady_clock;
  const int64_t seen = shape.config.window() > 0 ? tokens : shape.Kept(tokens);
  STRATA_ASSIGN_OR_RETURN(const auto runner,
                          inference::CompiledStepRunner::Create(&model,
                                                                {.slots = seen + 1,
                                                                 .views = 1,
                                                                 .view_length = seen,
                                                                 .max_rows = 1,
                                                                 .kv = inference::KvFormat::kF16},
                                                                {}));
  const absl::Span<int32_t> view = runner->View(0);
  std::iota(view.begin(), view.end(), 1);
  const inference::StepRow row = {.token = 1,
                                  .position = static_cast<int32_t>(tokens - 1),
                                  .slot = static_cast<int32_t>(seen),
                                  .view = 0,
                                  .length = static_cast<int32_t>(seen),
                                  .logits = true};
  DecodeCost cost;
  cost.tokens = tokens;
  chips::Timeline timeline;
  STRATA_ASSIGN_OR_RETURN(const plan::Plan* plan, runner->Profile({row}, &timeline));
  for (const plan::Step& step : plan->steps()) {
    if (step.library_call().routine() != "paged_attention") continue;
    cost.flops += step.flops();
    cost.bytes_read += step.bytes_read() - NamedTwice(*plan, step, seen);
  }
  cost.seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    const Clock::time_point start = Clock::now();
    STRATA_RETURN_IF_ERROR(runner->Run({row}).status());
    cost.seconds =
        std::min(cost.seconds, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return cost;
}

}  // namespace strata::courses
