// The makers of schedules, one a file, each with its paper. Used by name: schedules.h.
//
// All are of the same form: INVALID_ARGUMENT names the field of the shape that the schedule cannot
// do, and what it can.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_MAKERS_H_
#define STRATA_DISTRIBUTED_SCHEDULE_MAKERS_H_

#include "base/status.h"
#include "distributed/schedule/schedule.h"
#include "distributed/schedule/shape.h"

namespace strata::schedule {

// GPipe (Huang et al., 2019, arXiv:1811.06965, figure 2c): all forwards, then all backwards, last
// first.
absl::StatusOr<Schedule> MakeGpipe(const ScheduleShape& shape);

// 1F1B (PipeDream-Flush: Narayanan et al., 2020, arXiv:2006.09503; DAPPLE: Fan et al., 2021): a few
// forwards, one for each rank further down, then a forward and a backward in turn, so that no more
// than `ranks` microbatches wait.
absl::StatusOr<Schedule> Make1F1B(const ScheduleShape& shape);

// Interleaved 1F1B (Narayanan et al., 2021, arXiv:2104.04473, section 2.2): chunks_per_rank >= 2
// chunks on each rank, dealt round; groups of `ranks` microbatches pass a chunk before the next has
// its turn. microbatches must be a multiple of ranks.
absl::StatusOr<Schedule> MakeInterleaved1F1B(const ScheduleShape& shape);

// ZB-H1 (Qi et al., 2023, arXiv:2401.10241, figure 3): 1F1B whose W comes `rank` microbatches after
// its B, so that every rank holds `ranks` microbatches, and the tail's bubbles are filled.
absl::StatusOr<Schedule> MakeZbH1(const ScheduleShape& shape);

// ZB-H2 (the same, figure 3 below): more forwards before the first backward, no bubbles when F = B
// = W, about twice the activations. A rank ends before the one after it: the optimizer must not
// wait for all.
absl::StatusOr<Schedule> MakeZbH2(const ScheduleShape& shape);

// ZB-V (the same, section 5; Qi et al., 2024, arXiv:2405.15362): two chunks on each rank, down and
// back up, no bubbles when F = B = W, the activations of 1F1B.
absl::StatusOr<Schedule> MakeZbV(const ScheduleShape& shape);

// DualPipe (DeepSeek-AI, 2024, arXiv:2412.19437, figure 5): half of the microbatches enter at
// either end; each rank holds two chunks, each chunk is held twice. A forward of one direction runs
// with a backward of the other. ranks must be even, microbatches even and at least twice the ranks.
absl::StatusOr<Schedule> MakeDualPipe(const ScheduleShape& shape);

// DualPipeV (Sea AI Lab's "cut in half", 2025; deepseek-ai/DualPipe): the first half of DualPipe's
// ranks, folded: two chunks on each, down and back up, each held once. microbatches at least twice
// the ranks.
absl::StatusOr<Schedule> MakeDualPipeV(const ScheduleShape& shape);

// Chimera (Li and Hoefler, 2021, arXiv:2107.06925, figure 3, direct concatenation): half of the
// microbatches enter at either end, as in DualPipe; two 1F1B of ranks / 2 microbatches each fit
// into one another. ranks must be even.
absl::StatusOr<Schedule> MakeChimera(const ScheduleShape& shape);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_MAKERS_H_
