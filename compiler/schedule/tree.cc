#include "compiler/schedule/tree.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::compiler::schedule {
namespace {

bool Search(std::vector<Node>* body, const std::string& loop, std::vector<Node*>* path) {
  for (Node& node : *body) {
    if (!node.is_loop) continue;
    path->push_back(&node);
    if (node.loop.name == loop || Search(&node.loop.body, loop, path)) return true;
    path->pop_back();
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<Node*>> PathTo(Program* program, const std::string& loop) {
  std::vector<Node*> path;
  if (Search(&program->body, loop, &path)) return path;
  std::vector<std::string> names;
  ForEachLoop(program->body, [&](const Loop& other) { names.push_back(other.name); });
  return absl::NotFoundError(
      absl::StrCat("there is no loop '", loop, "'; there are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::vector<const Node*>> PathTo(const Program& program, const std::string& loop) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<Node*> path,
                          PathTo(const_cast<Program*>(&program), loop));
  return std::vector<const Node*>(path.begin(), path.end());
}

absl::StatusOr<Loop*> FindLoop(Program* program, const std::string& loop) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<Node*> path, PathTo(program, loop));
  return &path.back()->loop;
}

void ForEachStatement(std::vector<Node>* body, const std::function<void(Statement&)>& visit) {
  for (Node& node : *body) {
    if (node.is_loop) {
      ForEachStatement(&node.loop.body, visit);
    } else {
      visit(node.statement);
    }
  }
}

void ForEachStatement(const std::vector<Node>& body,
                      const std::function<void(const Statement&)>& visit) {
  ForEachStatement(const_cast<std::vector<Node>*>(&body), [&](Statement& s) { visit(s); });
}

void ForEachLoop(const std::vector<Node>& body, const std::function<void(const Loop&)>& visit) {
  for (const Node& node : body) {
    if (!node.is_loop) continue;
    visit(node.loop);
    ForEachLoop(node.loop.body, visit);
  }
}

void ForEachLoad(Expr* expr, const std::function<void(Expr&)>& visit) {
  if (expr->kind == Expr::Kind::kLoad) visit(*expr);
  for (Expr& arg : expr->args) ForEachLoad(&arg, visit);
}

void ForEachLoad(const Expr& expr, const std::function<void(const Expr&)>& visit) {
  ForEachLoad(const_cast<Expr*>(&expr), [&](Expr& load) { visit(load); });
}

void ForEachAccess(Statement* statement, const std::function<void(Access&, bool)>& visit) {
  visit(statement->target, true);
  ForEachLoad(&statement->value, [&](Expr& load) { visit(load.access, false); });
}

void ForEachAccess(const Statement& statement,
                   const std::function<void(const Access&, bool)>& visit) {
  ForEachAccess(const_cast<Statement*>(&statement),
                [&](Access& access, bool is_target) { visit(access, is_target); });
}

std::set<std::string> IndicesOf(const Loop& loop) {
  std::set<std::string> indices;
  for (const Dim& dim : loop.dims) indices.insert(dim.index);
  return indices;
}

std::set<std::string> IndicesOf(const std::vector<Node>& body) {
  std::set<std::string> indices;
  ForEachLoop(body, [&](const Loop& loop) { indices.merge(IndicesOf(loop)); });
  return indices;
}

Extents ExtentsOf(const Program& program) {
  Extents extents;
  ForEachLoop(program.body, [&](const Loop& loop) {
    for (const Dim& dim : loop.dims) extents[dim.index] = dim.extent;
  });
  return extents;
}

void SubstituteIndex(const std::string& index, const Affine& value, std::vector<Node>* body) {
  ForEachStatement(body, [&](Statement& statement) {
    ForEachAccess(&statement, [&](Access& access, bool) {
      for (Affine& affine : access.index) affine = affine.Substitute(index, value);
    });
    const auto substitute = [&](std::vector<Condition>* conditions) {
      for (Condition& condition : *conditions) {
        condition.value = condition.value.Substitute(index, value);
      }
    };
    substitute(&statement.where);
    ForEachLoad(&statement.value, [&](Expr& load) { substitute(&load.inside); });
  });
}

void AddCondition(const Condition& condition, const Extents& extents, Statement* statement) {
  if (condition.value.Range(extents).low >= 0) return;
  std::vector<Condition>& where = statement->where;
  if (std::find(where.begin(), where.end(), condition) == where.end()) where.push_back(condition);
}

absl::Status CheckFresh(const Program& program, const std::string& name) {
  bool taken = program.FindBuffer(name) != nullptr || name == "root";
  ForEachLoop(program.body, [&](const Loop& loop) {
    taken = taken || loop.name == name || IndicesOf(loop).count(name) > 0;
  });
  if (!taken) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("the name '", name, "' is taken"));
}

}  // namespace strata::compiler::schedule
