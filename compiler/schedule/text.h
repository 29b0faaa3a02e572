// The text of the parts of a Program, as Print() writes them; for messages and comments.
#ifndef STRATA_COMPILER_SCHEDULE_TEXT_H_
#define STRATA_COMPILER_SCHEDULE_TEXT_H_

#include <string>

#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

std::string AccessText(const Access& access);                          // "A[14*i0 + i1, k]"
std::string ExprText(const Expr& expr);                                // "A[i, k] * B[k, j]"
std::string ConditionText(const Condition& condition);                 // "14*i0 + i1 < 64"
std::string ConditionsText(const std::vector<Condition>& conditions);  // joined by "and"
std::string StatementText(const Statement& statement);  // "C[i, j] += A[i, k] * B[k, j] first k"
std::string LoopText(const Loop& loop);                 // "for i < 64", "parallel p(i < 4, j < 8)"

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_TEXT_H_
