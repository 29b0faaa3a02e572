// Finds what is wrong with a program before it runs, by running its queues and tokens without time.
//
//   STRATA_RETURN_IF_ERROR(Verify(*core, program));
//
// INVALID_ARGUMENT names file, line, instruction and reason, of the first fault in this order of work:
//   "gemm.s:12: mma.i8 0, 512, ...: k: 17 is more than the array's rows, 16"      what no machine does
//   "gemm.s:12: st.l1 ...: writes DRAM [4096, 8192), which lies in no region"     bounds, alignment
//   "gemm.s:12: mm.i8 ...: reads L1 [0, 256), which nothing has written"
//   "gemm.s:12: mm.i8 ... reads L1 [0, 256) and is not ordered after gemm.s:9: ld.l1 ..., which
//    writes it; put signal load, matrix, 0 behind gemm.s:9 and wait load, matrix, 0 before
//    gemm.s:12"                                                                 hazards
//   "k.s:9: vadds.i32 ...: reads UB [0, 64) and is not ordered after k.s:8: mv.c ..., which writes it;
//    put pipe_barrier V between them"                  of a unit that does not see its own results
//   "deadlock: gemm.s:14: wait load, matrix, 0 (never signalled) ..."
//   "gemm.s:20: signal ...: nothing waits for this token"
//
// Since each token has one unit that signals and one that waits, no outcome depends on timing: what is
// found to be ordered here is ordered on every machine of these sizes, and what deadlocks here always
// does. Queues have the machine's depth.
#ifndef STRATA_CHIPS_NPU_SIM_VERIFIER_H_
#define STRATA_CHIPS_NPU_SIM_VERIFIER_H_

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

absl::Status Verify(const Core& core, const Program& program);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_VERIFIER_H_
