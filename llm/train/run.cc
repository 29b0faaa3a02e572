#include "llm/train/run.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/recorded_collectives.h"
#include "distributed/transport/world.h"
#include "llm/model/decoder.h"
#include "llm/tokenizer/bpe_trainer.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "llm/train/checkpoint.h"
#include "llm/train/dataset.h"

namespace strata::llm {
namespace {

// Threads of one rank: the cores shared by the ranks of this machine.
int ThreadsPerRank(int local_ranks) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return std::max(1, cores / local_ranks);
}

// One rank of the run, start to end.
class RankRun {
 public:
  RankRun(const Recipe& recipe, const TrainingText& text, const RunOptions& options,
          distributed::Transport& transport)
      : recipe_(recipe), text_(text), options_(options), transport_(transport) {}

  absl::StatusOr<RunResult> Run() {
    STRATA_RETURN_IF_ERROR(Prepare());
    const int64_t steps =
        options_.stop_after > 0 ? std::min(options_.stop_after, recipe_.steps()) : recipe_.steps();
    ProgressLine line(recipe_.steps(), recipe_.batch() * recipe_.sequence(),
                      TrainingFlops(recipe_.model(), 1, recipe_.sequence()), options_.peak_flops);
    RunResult result;
    while (trainer_->step() < steps) {
      const bool profiled = trainer_->step() + 1 == options_.profile_step;
      chips::Timeline timeline;
      const int64_t sent = transport_.count().bytes_sent;
      STRATA_ASSIGN_OR_RETURN(StepResult step, trainer_->Step(profiled ? &timeline : nullptr));
      step.sent_bytes = transport_.count().bytes_sent - sent;
      if (profiled) {
        timeline.set_name(absl::StrCat("rank ", transport_.rank()));
        result.timelines.push_back(std::move(timeline));
      }
      result.steps.push_back(step);
      if (first() && options_.progress) line.Show(step);
      if (first() && options_.on_step) options_.on_step(step, *trainer_);
      const bool due =
          recipe_.checkpoint_every() > 0 && step.step % recipe_.checkpoint_every() == 0;
      if (due && step.step < steps && state_ != nullptr)
        STRATA_RETURN_IF_ERROR(state_->Save(*trainer_));
    }
    if (first() && options_.progress) line.Finish();
    if (state_ != nullptr && !result.steps.empty()) {
      STRATA_RETURN_IF_ERROR(state_->Save(*trainer_));
      STRATA_ASSIGN_OR_RETURN(result.checkpoint, state_->Export(*trainer_, text_.tokenizer_json));
    }
    if (first()) {
      result.graph = trainer_->graph();
      result.plan = trainer_->plan();
    }
    return result;
  }

 private:
  bool first() const { return transport_.rank() == 0; }

  absl::Status Prepare() {
    STRATA_ASSIGN_OR_RETURN(
        TokenDataset dataset,
        TokenDataset::Create(text_.tokens, recipe_.batch(), recipe_.sequence(), recipe_.seed()));
    STRATA_ASSIGN_OR_RETURN(
        collectives_,
        distributed::RecordedCollectives::Create(transport_, {}, [&](distributed::Transport& t) {
          return distributed::MeshCollectives::Create(t, recipe_.parallel(), options_.collectives);
        }));
    Trainer::Options trainer;
    trainer.collectives = collectives_.get();
    trainer.epoch = options_.epoch;
    const bool shared = !transport_.capabilities().between_processes;
    trainer.threads = shared ? ThreadsPerRank(transport_.size()) : 1;
    trainer.cache_dir = options_.cache_dir;
    STRATA_ASSIGN_OR_RETURN(
        trainer_, Trainer::Create(recipe_, std::make_shared<const TokenDataset>(std::move(dataset)),
                                  trainer));
    if (recipe_.output().empty()) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(
        state_, TrainingState::Open(recipe_.output(), recipe_.parallel(), *collectives_));
    return options_.resume ? state_->Resume(trainer_.get()) : absl::OkStatus();
  }

  const Recipe& recipe_;
  const TrainingText& text_;
  const RunOptions& options_;
  distributed::CountingTransport transport_;
  std::unique_ptr<distributed::RecordedCollectives> collectives_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<TrainingState> state_;  // null without an output
};

}  // namespace

absl::StatusOr<TrainingText> PrepareText(const Recipe& recipe) {
  absl::StatusOr<std::string> read = ReadCorpus({recipe.corpus().begin(), recipe.corpus().end()});
  if (!read.ok()) return Annotate(read.status(), "corpus");
  const std::string corpus = *std::move(read);
  TrainingText text;
  if (!recipe.tokenizer().empty()) {
    STRATA_ASSIGN_OR_RETURN(text.tokenizer, LoadTokenizer(recipe.tokenizer()));
  } else {
    BpeTrainerOptions options;
    if (recipe.tokenizer_vocab() != 0)
      options.vocab_size = static_cast<int>(recipe.tokenizer_vocab());
    absl::StatusOr<std::unique_ptr<TextTokenizer>> trained = TrainTokenizer(corpus, options);
    if (!trained.ok()) return Annotate(trained.status(), "tokenizer_vocab");
    text.tokenizer = *std::move(trained);
  }
  text.tokenizer_json = PrintTokenizerJson(text.tokenizer->spec());
  text.tokens = text.tokenizer->Encode(corpus);
  return text;
}

absl::StatusOr<RunResult> RunTraining(const Recipe& recipe, const TrainingText& text,
                                      const RunOptions& options) {
  distributed::RegisterAllTransports();
  distributed::RegisterAllCollectives();
  STRATA_ASSIGN_OR_RETURN(auto world,
                          distributed::WorldRegistry().Create(options.transport, recipe.ranks()));
  std::vector<RunResult> results(static_cast<size_t>(recipe.ranks()));
  STRATA_RETURN_IF_ERROR(
      distributed::RunRanks(*world, [&](distributed::Transport& transport) -> absl::Status {
        absl::StatusOr<RunResult> mine = RankRun(recipe, text, options, transport).Run();
        if (mine.ok()) results[static_cast<size_t>(transport.rank())] = *std::move(mine);
        return mine.status();
      }));
  RunResult result = std::move(results[static_cast<size_t>(world->local.front()->rank())]);
  for (size_t i = 1; i < results.size(); ++i) {
    for (chips::Timeline& timeline : results[i].timelines)
      result.timelines.push_back(std::move(timeline));
  }
  return result;
}

}  // namespace strata::llm
