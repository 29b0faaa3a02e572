#include "distributed/elastic/train_loop.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

class Loop {
 public:
  Loop(compiler::Collectives& collectives, const ElasticRun& run)
      : run_(run),
        watched_(collectives, run.slot, run.clock),
        stragglers_(collectives.size(), run.straggler_rule) {}

  absl::Status Train(const TraineeFactory& make_trainee, const CommitStoreFactory& open_store) {
    watched_.SetPhase(Phase::kStart);
    STRATA_ASSIGN_OR_RETURN(trainee_, make_trainee(watched_));
    STRATA_ASSIGN_OR_RETURN(store_, open_store(watched_));
    STRATA_RETURN_IF_ERROR(Load());
    while (done_ < run_.steps) {
      STRATA_RETURN_IF_ERROR(Annotate(Step(), absl::StrCat("step ", done_ + 1)));
      const bool save = run_.save_every > 0 && done_ % run_.save_every == 0;
      if (save || done_ == run_.steps) STRATA_RETURN_IF_ERROR(Save());
    }
    STRATA_RETURN_IF_ERROR(Annotate(store_->Finish(), "saving the last commit"));
    watched_.SetPhase(Phase::kDone);
    return absl::OkStatus();
  }

  int culprit() const { return trainee_ == nullptr ? -1 : trainee_->culprit(); }

 private:
  absl::Status Load() {
    watched_.SetPhase(Phase::kLoad);
    absl::StatusOr<int64_t> last = store_->LastCommit();
    if (!last.ok()) return Annotate(last.status(), "looking for the last commit");
    done_ = *last;
    if (done_ == 0) return absl::OkStatus();
    return Annotate(store_->Load(done_, trainee_->State()),
                    absl::StrCat("loading the commit of step ", done_));
  }

  absl::Status Save() {
    watched_.SetPhase(Phase::kSave);
    return Annotate(store_->Save(done_, trainee_->State()),
                    absl::StrCat("saving the commit of step ", done_));
  }

  absl::Status Step() {
    watched_.SetPhase(Phase::kCompute);
    if (run_.slot != nullptr) run_.slot->PostStep(done_ + 1);
    const double start = run_.clock(), waited = watched_.waited_seconds();
    STRATA_ASSIGN_OR_RETURN(const double loss, trainee_->Step(done_ + 1));
    ++done_;
    if (run_.on_step) run_.on_step(done_, loss);
    if (!run_.on_straggler) return absl::OkStatus();
    const double computed = run_.clock() - start - (watched_.waited_seconds() - waited);
    return CompareTimes(computed);
  }

  absl::Status CompareTimes(double computed) {
    std::vector<double> all(static_cast<size_t>(watched_.size()));
    STRATA_RETURN_IF_ERROR(watched_.AllGather(&computed, all.data(), 1, chips::F64));
    for (const Straggler& straggler : stragglers_.Observe(all)) run_.on_straggler(done_, straggler);
    return absl::OkStatus();
  }

  const ElasticRun& run_;
  WatchedCollectives watched_;
  StragglerDetector stragglers_;
  std::unique_ptr<Trainee> trainee_;
  std::unique_ptr<CommitStore> store_;
  int64_t done_ = 0;
};

}  // namespace

absl::Status TrainElastic(const TraineeFactory& make_trainee, const CommitStoreFactory& open_store,
                          compiler::Collectives& collectives, const ElasticRun& run) {
  Loop loop(collectives, run);
  const absl::Status status = loop.Train(make_trainee, open_store);
  if (!status.ok() && run.slot != nullptr)
    run.slot->PostReason(std::string(status.message()), loop.culprit());
  return status;
}

}  // namespace strata::distributed
