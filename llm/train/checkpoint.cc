#include "llm/train/checkpoint.h"

#include <filesystem>
#include <map>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/textproto.h"
#include "distributed/checkpoint/exchange.h"
#include "distributed/checkpoint/stored_checkpoint.h"
#include "framework/data/safetensors.h"
#include "llm/model/decoder.h"
#include "llm/model/hf_config.h"

namespace strata::llm {
namespace {

using distributed::ShardedTensor;

constexpr char kPrefix[] = "checkpoint-";
constexpr char kTrainerKey[] = "trainer.textproto";  // TrainerState, beside the tensors

TrainerState StateOf(const Trainer& trainer) {
  TrainerState state;
  state.set_version(1);
  state.set_step(trainer.step());
  *state.mutable_recipe() = trainer.recipe();
  return state;
}

absl::Status WriteFolder(const distributed::StoredCheckpoint& stored, const DecoderConfig& config,
                         const std::string& tokenizer_json, const std::string& folder) {
  STRATA_RETURN_IF_ERROR(MakeDirectories(folder));
  std::map<std::string, graph::HostTensor> parameters;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    STRATA_ASSIGN_OR_RETURN(parameters[spec.name], stored.LoadWhole(spec.name));
  }
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(folder, "config.json"), WriteHfConfig(config)));
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), tokenizer_json));
  return framework::WriteSafetensors(JoinPath(folder, "model.safetensors"), parameters,
                                     {{"format", "pt"}});
}

absl::Status ReplaceFolder(const distributed::StoredCheckpoint& stored, const DecoderConfig& config,
                           const std::string& tokenizer_json, const std::string& folder) {
  const std::string aside = absl::StrCat(folder, ".partial");
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  absl::Status status = WriteFolder(stored, config, tokenizer_json, aside);
  if (status.ok()) {
    std::filesystem::remove_all(folder, error);
    std::filesystem::rename(aside, folder, error);
    if (error)
      status = absl::InternalError(
          absl::StrCat(folder, ": cannot rename into place: ", error.message()));
  }
  if (!status.ok()) std::filesystem::remove_all(aside, error);
  return status;
}

// Of the checkpoint `state`.
absl::Status ExportFrom(const std::string& state, const DecoderConfig& config,
                        const std::string& tokenizer_json, const std::string& folder) {
  STRATA_ASSIGN_OR_RETURN(const auto stored, distributed::StoredCheckpoint::Open(state));
  return ReplaceFolder(stored, config, tokenizer_json, folder);
}

// The recipe less what may change between runs of one training: where it is saved, how often, and on which ranks.
Recipe Essence(Recipe recipe) {
  for (auto clear : {&Recipe::clear_corpus, &Recipe::clear_tokenizer, &Recipe::clear_output,
                     &Recipe::clear_checkpoint_every, &Recipe::clear_ranks, &Recipe::clear_parallel,
                     &Recipe::clear_pipeline_schedule}) {
    (recipe.*clear)();
  }
  return recipe;
}

// A run of before there was OUTPUT/state would begin anew and write over its checkpoints.
absl::Status CheckNoOlderFormat(const std::string& output) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(output, error)) {
    const std::string folder = entry.path().string();
    if (!absl::StartsWith(entry.path().filename().string(), kPrefix)) continue;
    if (!FileExists(JoinPath(folder, "optimizer.safetensors"))) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        folder,
        ": is a checkpoint of an older format, which this build does not resume; end that "
        "run with the release that began it, or give another output folder"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainerState> ReadTrainerState(const distributed::StoredCheckpoint& stored) {
  const std::map<std::string, std::string> extra = stored.extra();
  const std::string where = absl::StrCat(stored.folder(), ": ", kTrainerKey);
  const auto it = extra.find(kTrainerKey);
  if (it == extra.end()) return absl::InvalidArgumentError(absl::StrCat(where, ": is missing"));
  TrainerState state;
  STRATA_RETURN_IF_ERROR(ParseTextProto(it->second, where, &state));
  if (state.version() == 1) return state;
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": version: ", state.version(), " is unknown; this build reads 1"));
}

absl::Status LoadState(const std::string& folder, Trainer* trainer) {
  STRATA_ASSIGN_OR_RETURN(const auto stored, distributed::StoredCheckpoint::Open(folder));
  STRATA_ASSIGN_OR_RETURN(const TrainerState state, ReadTrainerState(stored));
  if (PrintTextProto(Essence(state.recipe())) != PrintTextProto(Essence(trainer->recipe()))) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder,
                     ": was trained by another recipe; use that one (see its manifest), or another "
                     "output folder"));
  }
  std::vector<ShardedTensor> tensors = trainer->state();  // the trainer's own storage
  STRATA_RETURN_IF_ERROR(Annotate(stored.Load(absl::MakeSpan(tensors)), folder));
  trainer->set_step(state.step());
  return absl::OkStatus();
}

}  // namespace

std::string StateFolder(const std::string& output) { return JoinPath(output, "state"); }

absl::StatusOr<std::unique_ptr<TrainingState>> TrainingState::Open(
    const std::string& output, const parallel::ParallelPlan& plan, compiler::Collectives& ranks) {
  distributed::Checkpointer::Options options;
  options.root = StateFolder(output);
  for (const parallel::MeshAxis& axis : plan.mesh())
    options.mesh.push_back({axis.name(), static_cast<int>(axis.size())});
  STRATA_ASSIGN_OR_RETURN(auto saver, distributed::Checkpointer::Open(options, ranks));
  return std::unique_ptr<TrainingState>(new TrainingState(output, ranks, std::move(saver)));
}

absl::Status TrainingState::Resume(Trainer* trainer) {
  const absl::StatusOr<distributed::GoodCheckpoint> good =
      distributed::LatestGood(StateFolder(output_), ranks_);
  if (absl::IsNotFound(good.status())) return CheckNoOlderFormat(output_);
  STRATA_RETURN_IF_ERROR(good.status());
  return LoadState(good->folder, trainer);
}

absl::Status TrainingState::Save(const Trainer& trainer) {
  return saver_->Save(trainer.step(), trainer.state(),
                      {{kTrainerKey, PrintTextProto(StateOf(trainer))}});
}

absl::StatusOr<std::string> TrainingState::Export(const Trainer& trainer,
                                                  const std::string& tokenizer_json) {
  STRATA_RETURN_IF_ERROR(saver_->Wait());
  const distributed::SaveReport& last = saver_->last_report();
  const std::string folder = JoinPath(output_, absl::StrFormat("%s%06d", kPrefix, last.step));
  const absl::Status written =
      ranks_.rank() == 0 ? ExportFrom(last.folder, trainer.recipe().model(), tokenizer_json, folder)
                         : absl::OkStatus();
  STRATA_RETURN_IF_ERROR(distributed::Agree(ranks_, written));
  return folder;
}

}  // namespace strata::llm
