// Walking and rewriting the tree of a Program: what the steps of a schedule are written with.
#ifndef STRATA_COMPILER_SCHEDULE_TREE_H_
#define STRATA_COMPILER_SCHEDULE_TREE_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

// The loops from the top down to `loop`, itself last. NOT_FOUND names the loops there are. Pointers hold until a body on
// the path changes its size.
absl::StatusOr<std::vector<Node*>> PathTo(Program* program, const std::string& loop);
absl::StatusOr<std::vector<const Node*>> PathTo(const Program& program, const std::string& loop);

// PathTo's last.
absl::StatusOr<Loop*> FindLoop(Program* program, const std::string& loop);

// Every statement below, in textual order.
void ForEachStatement(std::vector<Node>* body, const std::function<void(Statement&)>& visit);
void ForEachStatement(const std::vector<Node>& body,
                      const std::function<void(const Statement&)>& visit);

// Every loop below, outer before inner.
void ForEachLoop(const std::vector<Node>& body, const std::function<void(const Loop&)>& visit);

// The target (is_target) and the loads of a statement, in textual order.
void ForEachAccess(Statement* statement, const std::function<void(Access&, bool is_target)>& visit);
void ForEachAccess(const Statement& statement,
                   const std::function<void(const Access&, bool is_target)>& visit);

// The same for the expressions that load.
void ForEachLoad(Expr* expr, const std::function<void(Expr&)>& visit);
void ForEachLoad(const Expr& expr, const std::function<void(const Expr&)>& visit);

// Indices of the loops in and below `body`, or of one loop.
std::set<std::string> IndicesOf(const std::vector<Node>& body);
std::set<std::string> IndicesOf(const Loop& loop);

// All loops of the program.
Extents ExtentsOf(const Program& program);

// Replaces an index in accesses and conditions; "first" lists are the caller's.
void SubstituteIndex(const std::string& index, const Affine& value, std::vector<Node>* body);

// Adds the condition unless it is there or holds always; the same for a whole body.
void AddCondition(const Condition& condition, const Extents& extents, Statement* statement);

// OK when no buffer, loop or index has this name.
absl::Status CheckFresh(const Program& program, const std::string& name);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_TREE_H_
