#include "llm/train/recipe.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/plan/validate.h"
#include "llm/model/config.h"
#include "llm/train/model_plan.h"

namespace strata::llm {
namespace {

absl::Status Bad(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status ResolveModel(Recipe* recipe, int64_t vocab_size) {
  if (!recipe->model_name().empty()) {
    if (recipe->has_model()) return Bad("model_name", "give either model or model_name, not both");
    absl::StatusOr<DecoderConfig> named = NamedConfig(recipe->model_name());
    if (!named.ok()) return Annotate(named.status(), "model_name");
    *recipe->mutable_model() = *std::move(named);
    recipe->clear_model_name();
  }
  if (recipe->model().vocab_size() == 0) recipe->mutable_model()->set_vocab_size(vocab_size);
  if (recipe->model().vocab_size() < vocab_size) {
    return Bad("model.vocab_size", absl::StrCat(recipe->model().vocab_size(),
                                                " is below the tokenizer's ", vocab_size));
  }
  absl::StatusOr<DecoderConfig> config = CompleteConfig(recipe->model());
  if (!config.ok()) return Annotate(config.status(), "model");
  *recipe->mutable_model() = *std::move(config);
  return absl::OkStatus();
}

absl::Status CheckSchedule(const Recipe& recipe) {
  if (recipe.steps() < 1) return Bad("steps", absl::StrCat(recipe.steps(), " is below 1"));
  if (!(recipe.learning_rate() > 0)) return Bad("learning_rate", "must be positive");
  if (recipe.min_learning_rate() < 0 || recipe.min_learning_rate() > recipe.learning_rate()) {
    return Bad("min_learning_rate", "must be in [0, learning_rate]");
  }
  if (recipe.warmup_steps() < 0 || recipe.warmup_steps() >= recipe.steps()) {
    return Bad("warmup_steps", absl::StrCat(recipe.warmup_steps(), " is outside [0, steps)"));
  }
  if (!(recipe.beta1() >= 0 && recipe.beta1() < 1)) return Bad("beta1", "must be in [0, 1)");
  if (!(recipe.beta2() >= 0 && recipe.beta2() < 1)) return Bad("beta2", "must be in [0, 1)");
  if (!(recipe.weight_decay() >= 0)) return Bad("weight_decay", "must be >= 0");
  if (!(recipe.clip_norm() >= 0)) return Bad("clip_norm", "must be >= 0");
  return absl::OkStatus();
}

absl::Status CheckShape(const Recipe& recipe) {
  if (recipe.batch() < 1) return Bad("batch", absl::StrCat(recipe.batch(), " is below 1"));
  if (recipe.sequence() < 1 || recipe.sequence() > recipe.model().context()) {
    return Bad("sequence", absl::StrCat(recipe.sequence(), " is outside [1, model.context = ",
                                        recipe.model().context(), "]"));
  }
  const parallel::ParallelPlan& plan = recipe.parallel();
  const int64_t pieces = AxisSize(plan, parallel::DATA_PARALLEL) *
                         AxisSize(plan, parallel::EXPERT_PARALLEL) * plan.microbatches();
  if (recipe.batch() % pieces != 0) {
    return Bad("batch", absl::StrCat(recipe.batch(), " rows cannot be dealt out evenly to ", pieces,
                                     ": data-parallel ranks times microbatches"));
  }
  return absl::OkStatus();
}

// The plan and the number of ranks: one says the other.
absl::Status CompleteRanks(Recipe* recipe) {
  if (recipe->ranks() < 0) return Bad("ranks", absl::StrCat(recipe->ranks(), " is below 1"));
  if (!recipe->has_parallel())
    *recipe->mutable_parallel() = parallel::DataParallelPlan(std::max(recipe->ranks(), 1));
  const std::string schedule =
      recipe->pipeline_schedule().empty() ? "1f1b" : recipe->pipeline_schedule();
  absl::StatusOr<parallel::ParallelPlan> plan =
      CompletePlan(recipe->model(), recipe->parallel(), {.schedule = schedule});
  if (!plan.ok()) return Annotate(plan.status(), "parallel");
  *recipe->mutable_parallel() = *std::move(plan);
  const int64_t ranks = RankCount(recipe->parallel());
  if (recipe->ranks() != 0 && recipe->ranks() != ranks) {
    return Bad("ranks",
               absl::StrCat(recipe->ranks(), " are there; the mesh of `parallel` has ", ranks));
  }
  recipe->set_ranks(static_cast<int32_t>(ranks));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Recipe> CompleteRecipe(Recipe recipe, int64_t vocab_size) {
  if (recipe.version() == 0) recipe.set_version(1);
  if (recipe.version() != 1)
    return Bad("version", absl::StrCat(recipe.version(), " is unknown; this build reads 1"));
  if (recipe.beta1() == 0) recipe.set_beta1(0.9);
  if (recipe.beta2() == 0) recipe.set_beta2(0.95);
  if (recipe.min_learning_rate() == 0) recipe.set_min_learning_rate(recipe.learning_rate() / 10);
  if (recipe.tokenizer_vocab() == 0) recipe.set_tokenizer_vocab(4096);
  STRATA_RETURN_IF_ERROR(ResolveModel(&recipe, vocab_size));
  if (recipe.compute_dtype() == chips::DTYPE_UNSPECIFIED) recipe.set_compute_dtype(chips::F32);
  if (recipe.compute_dtype() != chips::F32 && recipe.compute_dtype() != chips::BF16) {
    return Bad("compute_dtype", absl::StrCat(chips::DType_Name(recipe.compute_dtype()),
                                             " is not known; use F32 or BF16"));
  }
  int exponent = 0;
  const bool power_of_two = std::frexp(recipe.loss_scale(), &exponent) == 0.5;
  if (recipe.loss_scale() != 0 && !(power_of_two && exponent >= 1 && exponent <= 25)) {
    return Bad("loss_scale", absl::StrCat(recipe.loss_scale(), " is no power of two of [1, 2^24]"));
  }
  STRATA_RETURN_IF_ERROR(CheckSchedule(recipe));
  STRATA_RETURN_IF_ERROR(CompleteRanks(&recipe));
  STRATA_RETURN_IF_ERROR(CheckShape(recipe));
  return recipe;
}

}  // namespace strata::llm
