#include "llm/train/checkpoint.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/textproto.h"
#include "framework/data/safetensors.h"
#include "llm/model/hf_config.h"

namespace strata::llm {
namespace {

constexpr char kPrefix[] = "checkpoint-";

TrainerState StateOf(const Trainer& trainer) {
  TrainerState state;
  state.set_version(1);
  state.set_step(trainer.step());
  *state.mutable_recipe() = trainer.recipe();
  return state;
}

absl::Status WriteFolder(const Trainer& trainer, const std::string& tokenizer_json,
                         const std::string& folder) {
  STRATA_RETURN_IF_ERROR(MakeDirectories(folder));
  const TensorMap parameters = trainer.Parameters();
  TensorMap moments;
  for (const auto& [name, tensor] : trainer.state()) {
    if (parameters.count(name) == 0) moments[name] = tensor;
  }
  STRATA_RETURN_IF_ERROR(
      WriteFileAtomic(JoinPath(folder, "config.json"), WriteHfConfig(trainer.recipe().model())));
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), tokenizer_json));
  STRATA_RETURN_IF_ERROR(framework::WriteSafetensors(JoinPath(folder, "model.safetensors"),
                                                     parameters, {{"format", "pt"}}));
  STRATA_RETURN_IF_ERROR(
      framework::WriteSafetensors(JoinPath(folder, "optimizer.safetensors"), moments, {}));
  return WriteFileAtomic(JoinPath(folder, "trainer.textproto"), PrintTextProto(StateOf(trainer)));
}

// The recipe less what may change between runs of one training: where it is saved, how often, and on how many ranks.
Recipe Essence(Recipe recipe) {
  for (auto clear : {&Recipe::clear_corpus, &Recipe::clear_tokenizer, &Recipe::clear_output,
                     &Recipe::clear_checkpoint_every, &Recipe::clear_ranks}) {
    (recipe.*clear)();
  }
  return recipe;
}

}  // namespace

absl::StatusOr<std::string> SaveCheckpoint(const Trainer& trainer,
                                           const std::string& tokenizer_json,
                                           const std::string& output) {
  const std::string folder = JoinPath(output, absl::StrFormat("%s%06d", kPrefix, trainer.step()));
  const std::string aside = absl::StrCat(folder, ".partial");
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  absl::Status status = WriteFolder(trainer, tokenizer_json, aside);
  if (status.ok()) {
    std::filesystem::remove_all(folder, error);
    std::filesystem::rename(aside, folder, error);
    if (error)
      status = absl::InternalError(
          absl::StrCat(folder, ": cannot rename into place: ", error.message()));
  }
  if (!status.ok()) {
    std::filesystem::remove_all(aside, error);
    return status;
  }
  return folder;
}

absl::Status LoadCheckpoint(const std::string& folder, Trainer* trainer) {
  TrainerState state;
  const std::string state_path = JoinPath(folder, "trainer.textproto");
  STRATA_RETURN_IF_ERROR(ReadTextProto(state_path, &state));
  if (state.version() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(state_path, ": version: ", state.version(),
                                                   " is unknown; this build reads 1"));
  }
  if (PrintTextProto(Essence(state.recipe())) != PrintTextProto(Essence(trainer->recipe()))) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder,
                     ": was trained by another recipe; use that one (see trainer.textproto), or "
                     "another output folder"));
  }
  TensorMap tensors;
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    STRATA_ASSIGN_OR_RETURN(framework::SafetensorsFile part,
                            framework::OpenSafetensors(JoinPath(folder, file)));
    for (const auto& [name, entry] : part.entries()) {
      STRATA_ASSIGN_OR_RETURN(tensors[name], part.Get(name));
    }
  }
  return Annotate(trainer->Restore(tensors, state.step()), folder);
}

absl::StatusOr<std::string> LatestCheckpoint(const std::string& output) {
  std::string latest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(output, error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kPrefix, 0) != 0 || name.find('.') != std::string::npos) continue;
    if (latest.empty() || entry.path().string() > latest) latest = entry.path().string();
  }
  if (latest.empty()) return absl::NotFoundError(absl::StrCat(output, ": holds no checkpoint"));
  return latest;
}

}  // namespace strata::llm
