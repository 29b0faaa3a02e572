#include "compiler/gemm/gemm_epilogue.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler {
namespace {

using schedule::Access;
using schedule::Affine;
using schedule::Buffer;
using schedule::Loop;
using schedule::Node;
using schedule::Scope;
using schedule::Statement;

absl::Status Fault(const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat("epilogue: ", message));
}

class Checker {
 public:
  Checker(const GemmProblem& problem, const GemmEpilogue& epilogue)
      : problem_(problem), epilogue_(epilogue) {}

  absl::Status Run() {
    if (epilogue_.outputs.empty() && !epilogue_.keeps_product)
      return Fault("there is no result; name an output or keep the product");
    for (const Buffer& buffer : epilogue_.inputs)
      STRATA_RETURN_IF_ERROR(CheckBuffer(buffer, Scope::kInput));
    for (const Buffer& buffer : epilogue_.outputs) {
      STRATA_RETURN_IF_ERROR(CheckBuffer(buffer, Scope::kOutput));
      if (buffer.dims != Dims())
        return Fault(
            absl::StrCat("output '", buffer.name, "' is not [", problem_.M, ", ", problem_.N, "]"));
    }
    for (size_t i = 0; i < epilogue_.nests.size(); ++i) {
      STRATA_RETURN_IF_ERROR(
          Annotate(CheckNest(epilogue_.nests[i]), absl::StrCat("nests[", i, "]")));
    }
    for (const Buffer& output : epilogue_.outputs) {
      if (written_.count(output.name) == 0)
        return Fault(absl::StrCat("output '", output.name, "' is not written"));
    }
    return absl::OkStatus();
  }

 private:
  std::vector<int64_t> Dims() const { return {problem_.M, problem_.N}; }

  absl::Status CheckBuffer(const Buffer& buffer, Scope scope) {
    const bool taken = buffer.name == "A" || buffer.name == "B" || buffer.name == "C";
    if (taken || !names_.insert(buffer.name).second)
      return Fault(absl::StrCat("the buffer name '", buffer.name, "' is taken"));
    if (buffer.scope != scope)
      return Fault(absl::StrCat("buffer '", buffer.name, "' is no ", ScopeName(scope)));
    return absl::OkStatus();
  }

  absl::Status CheckNest(const Node& node) {
    const bool nested = node.is_loop && node.loop.body.size() == 1 && node.loop.body[0].is_loop;
    if (!nested) return Fault("is no perfect nest of two loops");
    const Loop &rows = node.loop, &columns = node.loop.body[0].loop;
    if (rows.dims.size() != 1 || columns.dims.size() != 1 || rows.extent() != problem_.M ||
        columns.extent() != problem_.N) {
      return Fault(absl::StrCat("its loops are not over ", problem_.M, " and ", problem_.N));
    }
    const std::vector<Affine> element = {Affine::Index(rows.name), Affine::Index(columns.name)};
    for (const Node& leaf : columns.body) {
      if (leaf.is_loop) return Fault("is no perfect nest of two loops");
      STRATA_RETURN_IF_ERROR(CheckStatement(leaf.statement, element));
    }
    return absl::OkStatus();
  }

  bool IsOutput(const std::string& name) const {
    for (const Buffer& output : epilogue_.outputs) {
      if (output.name == name) return true;
    }
    return false;
  }

  absl::Status CheckStatement(const Statement& statement, const std::vector<Affine>& element) {
    if (statement.update != schedule::Update::kAssign || !statement.where.empty())
      return Fault("has a statement that is no assignment without conditions");
    absl::Status status;
    schedule::ForEachLoad(statement.value, [&](const schedule::Expr& load) {
      status.Update(CheckRead(load.access, element));
    });
    STRATA_RETURN_IF_ERROR(status);
    const Access& target = statement.target;
    if (!IsOutput(target.buffer))
      return Fault(absl::StrCat("writes '", target.buffer, "', which is no output"));
    if (!written_.insert(target.buffer).second)
      return Fault(absl::StrCat("writes '", target.buffer, "' again"));
    return CheckElement(target, element);
  }

  absl::Status CheckRead(const Access& access, const std::vector<Affine>& element) const {
    if (access.buffer == "C") return CheckElement(access, element);
    if (IsOutput(access.buffer)) {
      if (written_.count(access.buffer) == 0)
        return Fault(absl::StrCat("reads '", access.buffer, "' before it is written"));
      return CheckElement(access, element);
    }
    if (names_.count(access.buffer) > 0) return absl::OkStatus();
    return Fault(absl::StrCat("reads '", access.buffer, "', which is no buffer of it"));
  }

  absl::Status CheckElement(const Access& access, const std::vector<Affine>& element) const {
    if (access.index == element) return absl::OkStatus();
    return Fault(absl::StrCat("touches '", access.buffer, "' at another element"));
  }

  const GemmProblem& problem_;
  const GemmEpilogue& epilogue_;
  std::set<std::string> names_, written_;
};

}  // namespace

absl::Status CheckEpilogue(const GemmProblem& problem, const GemmEpilogue& epilogue) {
  return Checker(problem, epilogue).Run();
}

std::vector<Node> EpilogueStatements(const GemmEpilogue& epilogue, const std::string& row,
                                     const std::string& column, const std::string& product) {
  std::vector<Node> statements;
  for (const Node& nest : epilogue.nests) {
    std::vector<Node> body = nest.loop.body[0].loop.body;
    schedule::SubstituteIndex(nest.loop.name, Affine::Index("epilogue_row"), &body);
    schedule::SubstituteIndex(nest.loop.body[0].loop.name, Affine::Index(column), &body);
    schedule::SubstituteIndex("epilogue_row", Affine::Index(row), &body);
    schedule::ForEachStatement(&body, [&](Statement& statement) {
      schedule::ForEachAccess(&statement, [&](Access& access, bool) {
        if (access.buffer == "C") access.buffer = product;
      });
    });
    statements.insert(statements.end(), body.begin(), body.end());
  }
  return statements;
}

}  // namespace strata::compiler
