// Memory against work: one training step of a GPT, compiled again and again for less memory.
//
//   STRATA_ASSIGN_OR_RETURN(Pareto pareto, SweepMemory(ParetoModel{}, /*timed_steps=*/0));
//   for (const Claim& claim : ClaimsOf(pareto)) ...
//
// The first points take passes away (as the author ordered it; ordered; the least cut), the others set budgets below
// the least cut's peak until the compiler refuses one. Bytes and flops are counted in the plans, not measured.
#ifndef STRATA_COURSES_COMPILER_MEMORY_PARETO_PARETO_H_
#define STRATA_COURSES_COMPILER_MEMORY_PARETO_PARETO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/plan/memory_use.h"
#include "compiler/plan/plan.pb.h"
#include "courses/lab/claims.h"

namespace strata::courses {

struct ParetoModel {
  int64_t layers = 6, width = 64, heads = 4, vocabulary = 128;
  int64_t batch = 4, tokens = 32;
};

struct ParetoPoint {
  std::string name;
  uint64_t budget = 0;  // bytes; 0: none
  plan::MemoryUse memory;
  double flops = 0;        // of the step, the extra ones included
  double extra_flops = 0;  // done a second time
  double loss = 0;         // after one step from the same start
  double seconds = 0;      // of a step, the least of those timed; 0: not measured
  plan::Plan plan;
};

struct Pareto {
  std::vector<ParetoPoint> points;
  size_t least_cut = 0;  // the point of the whole pipeline without a budget
  std::string refusal;   // what the compiler says to a budget that cannot be met
};

absl::StatusOr<Pareto> SweepMemory(const ParetoModel& model, int timed_steps);

std::vector<Claim> ClaimsOf(const Pareto& pareto);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_MEMORY_PARETO_PARETO_H_
