#include "courses/llm/long_context/decode_cost.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>

#include "inference/engine/compiled_step_runner.h"

namespace strata::courses {

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
    cost.bytes_read += step.bytes_read();
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
