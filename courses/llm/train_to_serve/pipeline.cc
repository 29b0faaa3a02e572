#include "courses/llm/train_to_serve/pipeline.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "courses/llm/train_to_serve/ask.h"
#include "courses/llm/train_to_serve/held_out.h"
#include "courses/llm/train_to_serve/stories.h"
#include "framework/data/safetensors.h"
#include "llm/model/decoder.h"
#include "llm/model/pretrained.h"
#include "llm/train/recipe.h"
#include "llm/train/run.h"

namespace strata::courses {
namespace {

llm::Recipe MakeRecipe(const PipelineOptions& options, const std::string& corpus) {
  llm::Recipe recipe;
  llm::DecoderConfig& model = *recipe.mutable_model();
  model.set_architecture("llama");
  model.set_context(options.sequence);
  model.set_layers(options.layers);
  model.set_width(options.width);
  model.set_heads(options.width / 32);
  model.set_kv_heads(options.width / 64);
  model.set_mlp_width(options.width * 2);
  model.set_tie_embeddings(true);
  recipe.add_corpus(corpus);
  recipe.set_tokenizer_vocab(options.vocabulary);
  recipe.set_batch(options.batch);
  recipe.set_sequence(options.sequence);
  recipe.set_steps(options.steps);
  recipe.set_learning_rate(options.learning_rate);
  recipe.set_warmup_steps(options.steps / 20);
  recipe.set_weight_decay(0.1);
  recipe.set_beta2(0.98);
  recipe.set_clip_norm(1);
  recipe.set_seed(options.seed);
  recipe.set_output(JoinPath(options.folder, "checkpoints"));
  return recipe;
}

absl::Status CheckOptions(const PipelineOptions& options) {
  if (options.folder.empty()) return absl::InvalidArgumentError("no folder is given");
  if (options.width < 64 || options.width % 64 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("width ", options.width, " is not a multiple of 64"));
  }
  if (options.formats.empty() || options.formats[0] != "f32") {
    return absl::InvalidArgumentError("formats: f32 must be the first");
  }
  const auto& formats = options.formats;
  if (std::find(formats.begin(), formats.end(), options.served) == formats.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the served format ", options.served, " is not among those made"));
  }
  return absl::OkStatus();
}

absl::Status Train(Pipeline* run) {
  const PipelineOptions& options = run->options;
  const std::string corpus = JoinPath(options.folder, "corpus.txt");
  STRATA_RETURN_IF_ERROR(
      WriteFileAtomic(corpus, JoinStories(WriteStories(options.stories, options.seed))));
  llm::Recipe recipe = MakeRecipe(options, corpus);
  STRATA_ASSIGN_OR_RETURN(const llm::TrainingText text, llm::PrepareText(recipe));
  STRATA_ASSIGN_OR_RETURN(recipe, llm::CompleteRecipe(recipe, text.tokenizer->vocab_size()));
  llm::RunOptions once;
  once.resume = false;
  once.progress = false;
  STRATA_ASSIGN_OR_RETURN(llm::RunResult result, llm::RunTraining(recipe, text, once));
  run->checkpoint = result.checkpoint;
  run->steps = std::move(result.steps);
  run->vocabulary = text.tokenizer->vocab_size();
  run->parameters = llm::ParameterCount(recipe.model());
  run->training_tokens = static_cast<int64_t>(text.tokens.size());
  run->unigram_entropy = UnigramEntropy(text.tokens);
  run->bigram_entropy = BigramEntropy(text.tokens);
  return absl::OkStatus();
}

// Stories of another seed: each from the end of the one before to its own.
std::vector<Story> HeldOutStories(const PipelineOptions& options) {
  return WriteStories(options.held_out, options.seed + 1);
}

std::vector<std::vector<int32_t>> Encode(const inference::Tokenizer& tokenizer,
                                         const std::vector<Story>& stories) {
  std::vector<std::vector<int32_t>> texts;
  for (const Story& story : stories) texts.push_back(tokenizer.Encode(JoinStories({story})));
  return texts;
}

std::string GgufPath(const Pipeline& run, const std::string& format) {
  return JoinPath(run.options.folder, absl::StrCat("model.", format, ".gguf"));
}

absl::StatusOr<HeldOut> MeasureFormat(const Pipeline& run, const HeldOut* f32, FormatRun* format) {
  const std::string path = GgufPath(run, format->format);
  STRATA_ASSIGN_OR_RETURN(format->file,
                          llm::Convert(run.checkpoint, path, {.quant = format->format}));
  std::error_code error;
  format->file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  STRATA_ASSIGN_OR_RETURN(const llm::PretrainedModel loaded, llm::LoadPretrained(path));
  for (const auto& [name, tensor] : loaded.model->weights())
    format->loaded_bytes += static_cast<double>(tensor.size_bytes());
  STRATA_ASSIGN_OR_RETURN(const llm::PretrainedModel folder, llm::LoadPretrained(run.checkpoint));
  const std::vector<Story> stories = HeldOutStories(run.options);
  const auto texts = Encode(*loaded.tokenizer, stories);
  format->same_tokens = texts == Encode(*folder.tokenizer, stories) &&
                        loaded.tokenizer->eos() == folder.tokenizer->eos();
  STRATA_ASSIGN_OR_RETURN(HeldOut held_out, Predict(*loaded.model, texts));
  format->nats_per_token = NatsPerToken(held_out);
  if (f32 != nullptr) format->divergence = Divergence(*f32, held_out);
  return held_out;
}

absl::Status MeasureFormats(Pipeline* run) {
  HeldOut f32;
  for (const std::string& name : run->options.formats) {
    FormatRun format{.format = name};
    absl::StatusOr<HeldOut> held_out =
        MeasureFormat(*run, run->formats.empty() ? nullptr : &f32, &format);
    if (!held_out.ok()) return Annotate(held_out.status(), name);
    if (run->formats.empty()) f32 = *std::move(held_out);
    run->formats.push_back(std::move(format));
  }
  run->held_out_tokens = static_cast<int64_t>(f32.targets.size());
  run->logit_variance = f32.logit_variance;
  for (const Story& story : HeldOutStories(run->options)) run->source_bits += story.bits;
  return absl::OkStatus();
}

// The f32 file back to a folder, whose tensors must be those that training wrote.
absl::Status RoundTrip(Pipeline* run) {
  const std::string back = JoinPath(run->options.folder, "back");
  STRATA_RETURN_IF_ERROR(llm::Convert(GgufPath(*run, "f32"), back, {}).status());
  STRATA_ASSIGN_OR_RETURN(const auto before, framework::OpenSafetensors(
                                                 JoinPath(run->checkpoint, "model.safetensors")));
  STRATA_ASSIGN_OR_RETURN(const auto after, framework::OpenSafetensors(back));
  run->round_trip_tensors = static_cast<int64_t>(before.entries().size());
  for (const auto& [name, entry] : before.entries()) {
    const auto it = after.entries().find(name);
    const bool same = it != after.entries().end() && it->second.dtype == entry.dtype &&
                      it->second.dims == entry.dims && it->second.bytes == entry.bytes;
    run->round_trip_changed += !same;
  }
  for (const auto& [name, entry] : after.entries())
    run->round_trip_changed += before.entries().count(name) == 0;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Pipeline> RunPipeline(const PipelineOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  for (const char* part : {"checkpoints", "back"}) {
    std::error_code error;
    std::filesystem::remove_all(JoinPath(options.folder, part), error);
  }
  for (const std::string& format : options.formats) {
    std::error_code error;
    std::filesystem::remove(JoinPath(options.folder, absl::StrCat("model.", format, ".gguf")),
                            error);
  }
  STRATA_RETURN_IF_ERROR(MakeDirectories(options.folder));
  Pipeline run;
  run.options = options;
  STRATA_RETURN_IF_ERROR(Train(&run));
  STRATA_RETURN_IF_ERROR(MeasureFormats(&run));
  STRATA_RETURN_IF_ERROR(RoundTrip(&run));
  STRATA_ASSIGN_OR_RETURN(run.answers, AskBothWays(GgufPath(run, options.served)));
  return run;
}

}  // namespace strata::courses
