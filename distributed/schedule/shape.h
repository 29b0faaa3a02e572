// What a schedule is made for.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_SHAPE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_SHAPE_H_

namespace strata::schedule {

struct ScheduleShape {
  int ranks = 0;         // of the pipeline axis
  int microbatches = 0;  // of a step
  int chunks_per_rank =
      0;  // #chunks / #ranks; 0: what the schedule prescribes (interleaved_1f1b: 2)
};

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_SHAPE_H_
