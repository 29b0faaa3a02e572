// ExplainPlan(): the plan as a table for people, one line a step: which kernel, its exact work, the
// model line it serves, and why it was chosen.
//
//   std::cout << plan::ExplainPlan(plan);
#ifndef STRATA_COMPILER_PLAN_EXPLAIN_H_
#define STRATA_COMPILER_PLAN_EXPLAIN_H_

#include <string>

#include "compiler/plan/plan.pb.h"

namespace strata::plan {

// Ends with totals: steps by kind, flops, bytes, arena. The plan must be valid.
std::string ExplainPlan(const Plan& plan);

// What a step runs: "launch k_norm_1a2b", "library matmul", "host concat", "copy", "collective
// all_reduce".
std::string DescribeStep(const Plan& plan, const Step& step);

// The same without its kind, as profiles name it: "k_norm_1a2b", "matmul", "concat", "copy", "all_reduce".
std::string KernelName(const Plan& plan, const Step& step);

// "12.6 MB", "3.1 GFLOP": three digits and a decimal unit.
std::string HumanNumber(double value, const std::string& unit);

}  // namespace strata::plan

#endif  // STRATA_COMPILER_PLAN_EXPLAIN_H_
