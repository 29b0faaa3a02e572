#include "cli/open_engine.h"

#include <utility>
#include <vector>

#include "chips/numerics/weight_format.h"
#include "llm/model/pretrained.h"

namespace strata::cli {

absl::StatusOr<OpenedModel> OpenModel(const EngineFlags& flags) {
  STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel loaded,
                          llm::LoadPretrained(flags.path, {.weights = {.format = flags.quant}}));
  inference::EngineOptions options;
  options.context = flags.context;
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Engine> engine,
                          inference::Engine::Create(loaded.model, loaded.tokenizer, options));
  return OpenedModel{std::move(engine), std::move(loaded.chat_template),
                     std::move(loaded.generation.eos)};
}

absl::StatusOr<std::shared_ptr<inference::Engine>> OpenEngine(const EngineFlags& flags) {
  STRATA_ASSIGN_OR_RETURN(OpenedModel opened, OpenModel(flags));
  return std::move(opened.engine);
}

void AddQuantOption(CLI::App* verb, std::string* quant) {
  std::vector<std::string> names;
  for (const chips::WeightFormat& format : chips::AllWeightFormats()) names.push_back(format.name);
  verb->add_option("--quant", *quant,
                   "encode f32, f16 and bf16 weights in this format; default: as the file has them")
      ->check(CLI::IsMember(names));
}

}  // namespace strata::cli
