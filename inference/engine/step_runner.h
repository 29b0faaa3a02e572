// StepRunner: one step of a model over rows of any sequences. Holds the keys and values of all slots, and the lists of
// slots (views) that rows attend to.
//
//   runner->View(3)[0] = slot of the first token of a text; ...
//   STRATA_ASSIGN_OR_RETURN(graph::HostTensor logits, runner->Run({{.token = 17, .position = 4, .slot = 37, .view = 3,
//                                                                  .length = 5, .logits = true}}));
//
// A row's logits depend on its token, its position and the keys and values it sees, and on nothing else: not on the
// other rows, nor on where the slots lie. Not thread-safe.
#ifndef STRATA_INFERENCE_ENGINE_STEP_RUNNER_H_
#define STRATA_INFERENCE_ENGINE_STEP_RUNNER_H_

#include <cstdint>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::inference {

// One token of a step.
struct StepRow {
  int32_t token = 0;
  int32_t position = 0;  // in its text
  int32_t slot = 0;      // where its key and value go; no two rows of a step have the same
  int32_t view = 0;      // attends to the first `length` slots of this view, its own among them
  int32_t length = 0;
  bool logits = false;  // wanted
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // A list of slots in the order of the text, to be filled by the caller up to the length that rows name.
  virtual absl::Span<int32_t> View(int64_t view) = 0;

  // Logits [>= wanted rows, vocabulary] f32: row i is of the i-th row that wants them. At most max_rows() rows.
  virtual absl::StatusOr<graph::HostTensor> Run(absl::Span<const StepRow> rows) = 0;

  // The keys and values of `count` slots from `from` on, to `to` on.
  virtual void CopySlots(int32_t from, int32_t to, int64_t count) = 0;

  // Makes one thing ready that later steps of up to `rows` rows will need; false when there is nothing left to do. Steps
  // do it themselves when it has not been done.
  virtual bool Prepare(int64_t rows) {
    (void)rows;
    return false;
  }

  virtual int64_t max_rows() const = 0;
  virtual int64_t views() const = 0;
  virtual int64_t view_length() const = 0;
  virtual int64_t kv_bytes() const = 0;  // of all slots
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_STEP_RUNNER_H_
