// EmitC: kernels in header-free C for the top-level nests of a Program.
//
//   STRATA_ASSIGN_OR_RETURN(Program program, Apply(Matmul(shape), schedule));
//   STRATA_ASSIGN_OR_RETURN(std::vector<plan::Kernel> kernels, EmitC(program, Print(schedule)));
//   // each: void entry(void* const* buffers, long begin, long end), `buffers` as program.Arguments()
//
// One kernel a top-level node, to be run one after another, each over [0, parallel_extent) of its parallel loop (extent 1
// where there is none). They need the text of Prelude(isa) (compiler/codegen/emit.h) before them. All kernels take the
// same `buffers`.
//
// How the text comes about: unrolled loops are written out; vector loops become vectors of 16 lanes, masked where
// conditions cut them; a register buffer becomes one variable a vector where all its accesses are known when the text is
// written (else an array); conditions that only tell the last tile from the others are tested once around the loops that
// they concern, and the tile is written out for each case; loads of the same element are written once.
#ifndef STRATA_COMPILER_SCHEDULE_EMIT_C_H_
#define STRATA_COMPILER_SCHEDULE_EMIT_C_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/plan/plan.pb.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/recipe.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {

// Arrays that one kernel may keep on its stack, in bytes.
inline constexpr int64_t kMaxStackBytes = int64_t{2} << 20;

// Complete kernels but for `grain`, which is 1. `schedule` is the text that made the program, kept as a comment of the
// source; "" for none. Entries are "k_<program>_<n>_<hash of the text>". UNIMPLEMENTED where stack arrays are too large.
absl::StatusOr<std::vector<plan::Kernel>> EmitC(const Program& program,
                                                const std::string& schedule);

// Kernels of some of the nests that Apply(program, schedule) has, each with the buffers that it names. They keep their
// recipe (recipe.h) as Kernel.schedule.
absl::StatusOr<std::vector<plan::Kernel>> EmitKernels(const Program& program,
                                                      const Schedule& schedule,
                                                      const std::vector<KernelPart>& parts);

// The kernel whose recipe `text` is, again: the same entry and source.
absl::StatusOr<plan::Kernel> EmitRecipe(const std::string& text);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_EMIT_C_H_
