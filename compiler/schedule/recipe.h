// KernelRecipe: all that a kernel's source is made from, as text that a Plan keeps (Kernel.schedule in plan.proto).
//
//   program gemm_f32_nn_64x48x32
//   input A f32[64, 32]
//   ...
//   for i < 64 {
//   ...
//   }
//   schedule
//   split i 14 -> ip ii
//   ...
//   kernel k_gemm_f32_nn nest 1 buffers Ap B C
//
// The program as it begins, the steps that are applied to it, and which nest of what comes out is the kernel.
// EmitRecipe() in emit_c.h makes the kernel of it: the same source, always.
#ifndef STRATA_COMPILER_SCHEDULE_RECIPE_H_
#define STRATA_COMPILER_SCHEDULE_RECIPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {

// One kernel of a scheduled program.
struct KernelPart {
  std::string name;  // the entry begins with it
  int64_t nest = 0;  // which of the top-level nodes
  std::vector<std::string>
      buffers;  // arguments of the kernel, in its order; all that the nest touches
};

struct KernelRecipe {
  Program program;
  Schedule schedule;
  KernelPart kernel;
};

// ParseRecipe(Print(r)) is r. INVALID_ARGUMENT names the part and the line that does not read.
std::string Print(const KernelRecipe& recipe);
absl::StatusOr<KernelRecipe> ParseRecipe(const std::string& text);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_RECIPE_H_
