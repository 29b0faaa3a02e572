#include "compiler/driver/pipelines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/numerics/dtype.h"
#include "compiler/pass/pass.h"

namespace strata::compiler {

std::vector<std::string> StrataPipeline() {
  return {
      "attention_fusion",   // attention that is written out becomes the op
      "decompose",          // composites without a routine become primitives
      "constant_folding",   // what depends on constants only is computed now
      "algebraic",          // local identities
      "cse",                // forward and backward share their statistics
      "dce",                // what nobody needs goes
      "packed_fusion",      // packed weights that meet one x are one product
      "transpose_sinking",  // transposes go where they cost nothing
      "layout_assignment",  // the order of axes that moves the fewest bytes
      "min_cut_partition",  // what the backward pass makes again rather than keep
      "rematerialisation",  // more of that, for a memory budget
      "epilogue_fusion",    // what follows a product that is emitted joins its kernel
      "optimizer_fusion",   // a parameter's update is one kernel, small ones share one
      "fusion",             // primitives become kernels
      "dce",                // producers that every group made again go
      "memory_order",       // gradients die early, large values are made late
  };
}

std::vector<std::string> NpuPipeline() {
  return {
      "attention_expansion",  // attention becomes two products and a softmax
      "decompose",            // composites become primitives
      "constant_folding",     // what depends on constants only is computed now
      "algebraic",            // local identities
      "cse",                  // equal values are made once
      "dce",                  // what nobody needs goes
      "explicit_transpose",   // of operands that the array takes only as they are
      "npu_fusion",           // a product and what follows it, a softmax, a norm: a program each
      "dce",                  // constants that every group made again go
      "memory_order",         // large values are made late and die early
  };
}

absl::StatusOr<std::vector<std::string>> PassesOf(std::vector<std::string> passes,
                                                  const CompileOptions& options) {
  const std::string pipeline = absl::StrJoin(passes, ", ");
  if (options.compute_dtype == chips::BF16) {
    // Before cse, which lets all readers of a value share its rounding.
    passes.insert(std::find(passes.begin(), passes.end(), "cse"), "mixed_precision");
  } else if (options.compute_dtype != chips::DTYPE_UNSPECIFIED &&
             options.compute_dtype != chips::F32) {
    return absl::InvalidArgumentError(
        absl::StrCat("compute_dtype: ", chips::DTypeName(options.compute_dtype),
                     " is not known; use f32 or bf16"));
  }
  for (const std::string& skipped : options.skip_passes) {
    if (std::find(passes.begin(), passes.end(), skipped) == passes.end() &&
        !PassRegistry().Create(skipped).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("skip_passes: no pass '", skipped, "'; the pipeline is ", pipeline));
    }
    passes.erase(std::remove(passes.begin(), passes.end(), skipped), passes.end());
  }
  return passes;
}

}  // namespace strata::compiler
