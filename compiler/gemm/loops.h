// GemmLoops: a matrix product as a loop program, and a config as the schedule of it (compiler/schedule). What EmitGemm()
// makes its kernels of.
//
//   STRATA_ASSIGN_OR_RETURN(GemmLoops loops, GemmLoopsOf(problem, config, {}));
//   Print(loops.program);    // for i < 256 { for j < 3072 { for k < 768 { C[i, j] += A[i, k] * B[k, j] first k } } }
//   Print(loops.schedule);   // split i 14 -> ip ii; ...; pack A at root -> Ap [d0/14, d1, d0%14:16]; ...
//
// The loops are those of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, ACM TOMS 2008), turned
// so that threads share the columns: a block of B as deep as the sum allows is packed into the second-level cache, panels
// of A stream past it, and a tile of C stays in registers for the whole depth. No kernel waits for another thread.
//
//   jb: blocks of panels of B, this thread's       (config.panels)
//     k0: blocks of terms                          (config.depth)
//       pack the block of B                        unless a kernel has done so before
//       ip: panels of A                            (config.rows)
//         jp: panels of the block                  (config.columns())
//           ks, kk: tile of C += panel of A · panel of B; every few terms the next block of B is asked for, a share
//           a tile
//
// With config.by_rows, behind a product of whole sums, threads share the panels of A: for each one, block of columns after
// block, the tiles of a row, then what follows on its elements, row by row.
#ifndef STRATA_COMPILER_GEMM_LOOPS_H_
#define STRATA_COMPILER_GEMM_LOOPS_H_

#include <optional>
#include <vector>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/gemm_epilogue.h"
#include "compiler/gemm/problem.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/recipe.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler {

struct GemmLoops {
  schedule::Program program;
  schedule::Schedule schedule;
  // Which nests of the scheduled program are the kernels, with their buffers.
  schedule::KernelPart pack_a;
  std::optional<schedule::KernelPart> pack_b;  // when config.pack_b_first
  schedule::KernelPart multiply;
};

// For a problem and a config that are valid. INVALID_ARGUMENT for an epilogue that breaks its rules; UNIMPLEMENTED for one
// of a product of no terms.
absl::StatusOr<GemmLoops> GemmLoopsOf(const GemmProblem& problem, const GemmConfig& config,
                                      const GemmEpilogue& epilogue);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_LOOPS_H_
