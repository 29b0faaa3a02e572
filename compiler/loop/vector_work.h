// VectorWork: how many 16-lane instructions a nest runs, counted from its loops and the costs of its ops.
//
//   const VectorWork work = CountVectorWork(nest);   // softmax of [64, 1024]: work.loads = 3 * 64 * 64
//
// It is what a roof of arithmetic is made of: FLOPs alone count an exponential once, machines run a dozen instructions.
#ifndef STRATA_COMPILER_LOOP_VECTOR_WORK_H_
#define STRATA_COMPILER_LOOP_VECTOR_WORK_H_

#include "compiler/loop/schedule.h"

namespace strata::compiler::loop {

// Over all iterations. Part vectors at the end of a row count whole; what is once a row (finishes, numbers) does not
// count. Strided accesses count one each, which is less than they cost.
struct VectorWork {
  double loads = 0;
  double stores = 0;
  double arithmetic = 0;  // OpCost of each op, 1 an accumulation
};

VectorWork CountVectorWork(const Nest& nest);

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_VECTOR_WORK_H_
