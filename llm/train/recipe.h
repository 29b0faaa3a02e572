// Recipe: defaults and checks.
#ifndef STRATA_LLM_TRAIN_RECIPE_H_
#define STRATA_LLM_TRAIN_RECIPE_H_

#include "base/status.h"
#include "llm/train/recipe.pb.h"

namespace strata::llm {

// Fills what is unset with the defaults that the proto names, resolves model_name, and checks the rest.
// INVALID_ARGUMENT with the field's path and a remedy. `vocab_size` of the tokenizer fills model.vocab_size when unset.
absl::StatusOr<Recipe> CompleteRecipe(Recipe recipe, int64_t vocab_size);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_RECIPE_H_
