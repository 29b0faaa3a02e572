// ValidatePlan(): the one check of a Plan at every boundary. Code behind it trusts the message.
//
//   STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
#ifndef STRATA_COMPILER_PLAN_VALIDATE_H_
#define STRATA_COMPILER_PLAN_VALIDATE_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "compiler/plan/plan.pb.h"

namespace strata::plan {

// Offsets of temporaries are multiples of this.
inline constexpr uint64_t kAlignment = 64;

// OK, or INVALID_ARGUMENT with the first fault's path: "plan 'mlp': buffers[3] ('h'): offset 24 is
// not a multiple of 64". Checks version, target, buffers (type, size, bounds, alignment, aliases),
// that temporaries which live at the same time share no byte, kernels, steps (operands, order of
// making and reading, reasons, streams), inputs, outputs.
absl::Status ValidatePlan(const Plan& plan);

// The buffer whose storage `id` is, following in_place_of to its end. The plan must be valid.
uint32_t RootBuffer(const Plan& plan, uint32_t id);

}  // namespace strata::plan

#endif  // STRATA_COMPILER_PLAN_VALIDATE_H_
