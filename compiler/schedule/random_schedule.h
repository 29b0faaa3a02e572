// Random programs and random legal schedules of them, for tests: the same for the same seed.
#ifndef STRATA_COMPILER_SCHEDULE_RANDOM_SCHEDULE_H_
#define STRATA_COMPILER_SCHEDULE_RANDOM_SCHEDULE_H_

#include "compiler/schedule/program.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {

// A small matmul of any layout, a convolution, or an elementwise producer with its reduction (whole numbers stay whole).
Program RandomNaiveProgram(unsigned seed);

// Tries `tries` random steps one after another and keeps those that Apply() takes.
Schedule RandomSchedule(const Program& program, unsigned seed, int tries);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_RANDOM_SCHEDULE_H_
