#include "courses/llm/long_context/study.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "courses/llm/long_context/recall_training.h"
#include "inference/engine/compiled_step_runner.h"

namespace strata::courses {
namespace {

// Far less than a text of the task, and no multiple of the engine's page or the kernels' block. The full model, cut
// to its last slots, has the window's reach.
constexpr int64_t kWindow = 6, kSinks = 2, kRecent = kWindow, kLate = 8;

absl::StatusOr<ShapeCount> CountShape(const ContextShape& shape, const ContextOptions& options) {
  ShapeCount count;
  count.shape = shape;
  STRATA_ASSIGN_OR_RETURN(const auto model, ShapeModel(shape));
  for (size_t i = 0; i < count.token_bytes.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(count.token_bytes[i],
                            inference::CompiledStepRunner::SlotBytes(*model, kKvFormats[i]));
  }
  for (int64_t tokens : options.lengths) {
    STRATA_ASSIGN_OR_RETURN(const DecodeCost cost,
                            MeasureDecode(*model, shape, tokens, options.repeats));
    count.decode.push_back(cost);
  }
  return count;
}

absl::Status AddRecall(const RecallModel& full, const RecallModel& window, LongContext* study) {
  struct Run {
    const char* name;
    const char* idea;
    const RecallModel& model;
    KeepPolicy policy;
    RecallOptions options;
  };
  const KeepPolicy sinks = {.sinks = kSinks, .recent = kRecent};
  const Run runs[] = {
      {"full", "all keys and values, f32", full, {}, {}},
      {"int8", "all keys and values, int8", full, {}, {.kv = inference::KvFormat::kInt8}},
      {"window",
       "trained with a window; older slots are used again",
       window,
       {.recent = kWindow},
       {}},
      {"recent", "the full model, only its last slots kept", full, {.recent = kRecent}, {}},
      {"sinks", "the full model, first and last slots kept", full, sinks, {}},
      {"sinks, key late",
       "the same, the key behind the first slots",
       full,
       sinks,
       {.place = kLate}}};
  for (const Run& run : runs) {
    absl::StatusOr<Recall> recall = MeasureRecall(*run.model.model, run.policy, run.options);
    if (!recall.ok()) return Annotate(recall.status(), run.name);
    study->curves.push_back({run.name, run.idea, *std::move(recall)});
  }
  return absl::OkStatus();
}

absl::Status Check(const ContextOptions& options, const std::vector<ContextShape>& shapes) {
  if (options.lengths.size() < 2)
    return absl::InvalidArgumentError("lengths: give two or more, to see what a token costs");
  for (size_t i = 0; i < options.lengths.size(); ++i) {
    if (options.lengths[i] >= 1 && (i == 0 || options.lengths[i] > options.lengths[i - 1]))
      continue;
    return absl::InvalidArgumentError(absl::StrCat("lengths: ", options.lengths[i],
                                                   " must be positive and above the one before"));
  }
  for (const ContextShape& shape : shapes) {
    const int64_t last_but_one = options.lengths[options.lengths.size() - 2];
    const int64_t kept = shape.sinks + shape.recent;
    if (last_but_one >= kept) continue;
    return absl::InvalidArgumentError(absl::StrCat("lengths: the last but one is ", last_but_one,
                                                   ", and ", shape.name, " keeps that whole; give ",
                                                   kept, " or more"));
  }
  if (options.repeats < 1 || options.training_steps < 1)
    return absl::InvalidArgumentError("repeats, training_steps: give 1 or more");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LongContext> StudyLongContext(const ContextOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<ContextShape> shapes, ContextShapes());
  STRATA_RETURN_IF_ERROR(Check(options, shapes));
  LongContext study;
  for (const ContextShape& shape : shapes) {
    absl::StatusOr<ShapeCount> count = CountShape(shape, options);
    if (!count.ok()) return Annotate(count.status(), shape.name);
    study.shapes.push_back(*std::move(count));
  }
  STRATA_ASSIGN_OR_RETURN(const RecallModel full,
                          TrainRecall({.steps = options.training_steps, .seed = options.seed}));
  STRATA_ASSIGN_OR_RETURN(
      const RecallModel window,
      TrainRecall({.window = kWindow, .steps = options.training_steps, .seed = options.seed}));
  study.full_losses = full.losses;
  study.window_losses = window.losses;
  study.window = kWindow;
  study.reach = window.Reach();
  study.sinks = kSinks;
  study.recent = kRecent;
  STRATA_RETURN_IF_ERROR(AddRecall(full, window, &study));
  return study;
}

}  // namespace strata::courses
