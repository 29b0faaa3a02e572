// StepBatch: lays out the rows of one step: slots for the tokens to compute, the views they attend to, and the places of
// speculation's candidates. Candidates of the first path (the trunk) lie where the text will lie; the others lie in pages
// of their own, and each of their paths is a view.
//
//   StepBatch batch(&kv, runner, /*first_branch_view=*/8);
//   batch.Add(sequence, /*count=*/1, tree);
//   STRATA_ASSIGN_OR_RETURN(graph::HostTensor logits, runner->Run(batch.rows()));
//   ... batch.work()[0].first_logits ...
//   batch.Accept(work, {node, node});   // keys and values of accepted candidates move to where the text lies
#ifndef STRATA_INFERENCE_ENGINE_STEP_BATCH_H_
#define STRATA_INFERENCE_ENGINE_STEP_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "inference/engine/candidate_tree.h"
#include "inference/engine/kv_cache.h"
#include "inference/engine/sequence.h"
#include "inference/engine/step_runner.h"

namespace strata::inference {

class StepBatch {
 public:
  struct Work {
    Sequence* sequence = nullptr;
    int64_t count = 0;   // known tokens computed
    CandidateTree tree;  // what of it found room
    int64_t first_logits =
        -1;  // logits row of the last known token, -1: not computed; node i has the (i + 1)-th after
    std::vector<int32_t> slots;  // of the nodes
    PageList branch_pages;
  };

  // Branches use views from `first_branch_view` on. All must outlive the batch.
  StepBatch(KvCache* kv, StepRunner* runner, int64_t first_branch_view)
      : kv_(kv), runner_(runner), next_view_(first_branch_view) {}
  ~StepBatch();
  StepBatch(const StepBatch&) = delete;
  StepBatch& operator=(const StepBatch&) = delete;

  // Computes the next `count` tokens of the sequence, and the candidates if those are the last known ones. Candidates
  // that find no page or view are left out. False, and nothing is changed, when the tokens find no pages.
  bool Add(Sequence* sequence, int64_t count, CandidateTree tree);

  // `path`: nodes of the tree, each the child of the one before, that became text.
  void Accept(const Work& work, absl::Span<const int32_t> path);

  absl::Span<const StepRow> rows() const { return rows_; }
  std::vector<Work>& work() { return work_; }

 private:
  bool ReservePages(Work* work);
  void FillView(Sequence* sequence, int64_t length);
  void AddKnown(Work* work);
  void AddCandidates(Work* work);
  std::vector<int32_t> BranchViews(const Work& work);

  KvCache* kv_;
  StepRunner* runner_;
  int64_t next_view_;
  int64_t logits_ = 0;
  std::vector<StepRow> rows_;
  std::vector<Work> work_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_STEP_BATCH_H_
