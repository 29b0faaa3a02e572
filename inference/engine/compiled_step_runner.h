// CompiledStepRunner: runs a DecoderModel's step graphs. One plan for each bucket of rows, compiled when a step first
// needs it; all share the caches and the weights. Rows that fill up a bucket see nothing and write to slot 0.
//
//   STRATA_ASSIGN_OR_RETURN(auto runner, CompiledStepRunner::Create(model, {.slots = 4096, .views = 8,
//                                                                           .view_length = 2048}, {}));
#ifndef STRATA_INFERENCE_ENGINE_COMPILED_STEP_RUNNER_H_
#define STRATA_INFERENCE_ENGINE_COMPILED_STEP_RUNNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/driver/compiled_evaluator.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/lazy_zeros.h"
#include "inference/engine/step_runner.h"

namespace strata::inference {

struct RunnerSizes {
  int64_t slots = 0;        // >= 2; slot 0 is for padding
  int64_t views = 0;        // >= 1
  int64_t view_length = 0;  // >= 1: the longest text
  int64_t max_rows = 512;   // <= kMostRows
  KvFormat kv = KvFormat::kF16;
};

class CompiledStepRunner : public StepRunner {
 public:
  static constexpr int64_t kMostRows = 512;

  // `model` must outlive the runner. Compiles the plan of one row, so that a model that cannot run fails here.
  static absl::StatusOr<std::unique_ptr<CompiledStepRunner>> Create(
      const DecoderModel* model, const RunnerSizes& sizes,
      compiler::CompiledEvaluator::Options options);

  // Bytes of one slot over all layers.
  static absl::StatusOr<int64_t> SlotBytes(const DecoderModel& model, KvFormat kv);

  // The rows a step of `rows` is filled up to, and the logits of a step that wants `logits` of those.
  static int64_t RowBucket(int64_t rows);
  static int64_t LogitBucket(int64_t logits, int64_t row_bucket);

  absl::Span<int32_t> View(int64_t view) override;
  absl::StatusOr<graph::HostTensor> Run(absl::Span<const StepRow> rows) override;
  void CopySlots(int32_t from, int32_t to, int64_t count) override;

  // Runs, and tells how long each kernel took: `timeline` is of the plan given back, which is owned here.
  absl::StatusOr<const plan::Plan*> Profile(absl::Span<const StepRow> rows,
                                            chips::Timeline* timeline);
  // The graph which that plan is made from; owned here.
  absl::StatusOr<const graph::Graph*> GraphOf(absl::Span<const StepRow> rows);
  // Compiles one plan: those of 1, 2, 3 ... `rows` rows that all give logits, then those of prompts, in which up to
  // `rows` of max_rows rows do.
  bool Prepare(int64_t rows) override;
  int64_t max_rows() const override { return sizes_.max_rows; }
  int64_t views() const override { return sizes_.views; }
  int64_t view_length() const override { return sizes_.view_length; }
  int64_t kv_bytes() const override;

  int64_t plans() const { return static_cast<int64_t>(programs_.size()); }  // compiled so far

 private:
  struct Program {
    graph::Graph graph;
    compiler::CompiledEvaluator::Loaded* loaded = nullptr;  // owned by evaluator_
    std::vector<graph::HostTensor> inputs;                  // in the graph's order
    // Into `inputs`, of one number a row.
    int32_t *tokens = nullptr, *positions = nullptr, *slots = nullptr, *row_view = nullptr,
            *row_length = nullptr;
    int64_t rows = 0, logits = 0;
  };

  CompiledStepRunner(const DecoderModel* model, const RunnerSizes& sizes)
      : model_(model), sizes_(sizes) {}
  absl::StatusOr<Program*> ProgramFor(int64_t rows, int64_t logits);
  // The program for the rows, its inputs filled.
  absl::StatusOr<Program*> Prepare(absl::Span<const StepRow> rows);
  absl::StatusOr<graph::HostTensor> InputTensor(const graph::Graph& graph,
                                                const graph::Input& input, Program* program);

  const DecoderModel* model_;
  const RunnerSizes sizes_;
  std::unique_ptr<compiler::CompiledEvaluator> evaluator_;
  graph::HostTensor views_;                                  // [views, view_length] i32
  LazyZeros cache_memory_;                                   // of all caches
  std::map<std::string, graph::HostTensor> caches_;          // by name; dim 0 is slots
  std::map<std::pair<int64_t, int64_t>, Program> programs_;  // by rows and logits
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_COMPILED_STEP_RUNNER_H_
