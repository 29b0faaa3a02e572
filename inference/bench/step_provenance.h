// StepProvenance: where the time of one step of a model goes, for the provenance page: every kernel of the step, the
// products with packed weights and paged attention too, with the reason for its choice, its exact work, its measured
// time and that of the chip's roofline.
//
//   STRATA_ASSIGN_OR_RETURN(compiler::Provenance p, StepProvenance(runner.get(), rows, host, options, /*runs=*/5));
//   STRATA_RETURN_IF_ERROR(WriteFileAtomic("page.html", compiler::ProvenancePage(p)));
//
// Attention over pages is counted as the op defines it: every row sees a whole view. A step of shorter texts does less,
// and may be measured below its roofline time.
#ifndef STRATA_INFERENCE_BENCH_STEP_PROVENANCE_H_
#define STRATA_INFERENCE_BENCH_STEP_PROVENANCE_H_

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/compiled_evaluator.h"
#include "compiler/tools/provenance/provenance.h"
#include "inference/engine/compiled_step_runner.h"

namespace strata::inference {

// Medians of `runs` >= 1 after one that is not counted. `options` are those that the runner was created with; `host`
// gives the roofline. The rows are written to their slots again in every run.
absl::StatusOr<compiler::Provenance> StepProvenance(
    CompiledStepRunner* runner, absl::Span<const StepRow> rows, const chips::Chip& host,
    const compiler::CompiledEvaluator::Options& options, int runs);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_BENCH_STEP_PROVENANCE_H_
