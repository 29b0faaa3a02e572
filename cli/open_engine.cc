#include "cli/open_engine.h"

#include <utility>

#include "inference/compress/int8.h"
#include "llm/model/pretrained.h"

namespace strata::cli {

absl::StatusOr<std::shared_ptr<inference::Engine>> OpenEngine(const EngineFlags& flags) {
  STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel loaded, llm::LoadPretrained(flags.path));
  std::shared_ptr<const inference::DecoderModel> model = loaded.model;
  if (flags.quant == "int8") {
    STRATA_ASSIGN_OR_RETURN(model, inference::QuantizeModel(model));
  }
  inference::EngineOptions options;
  options.context = flags.context;
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Engine> engine,
                          inference::Engine::Create(model, loaded.tokenizer, options));
  return std::shared_ptr<inference::Engine>(std::move(engine));
}

}  // namespace strata::cli
