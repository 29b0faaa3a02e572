// How a ParallelPlan names tensors and modules.
//
//   FitsGlob("*.attn.?.weight", "h.0.attn.q.weight");  // true
#ifndef STRATA_DISTRIBUTED_PLAN_GLOB_H_
#define STRATA_DISTRIBUTED_PLAN_GLOB_H_

#include "absl/strings/string_view.h"

namespace strata::parallel {

// '*' is any run of characters, dots too; '?' one; all others stand for themselves. In time of the product of the lengths.
bool FitsGlob(absl::string_view glob, absl::string_view name);

}  // namespace strata::parallel

#endif  // STRATA_DISTRIBUTED_PLAN_GLOB_H_
