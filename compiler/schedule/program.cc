#include "compiler/schedule/program.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compiler/schedule/sharing.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Fault(const std::string& message) { return absl::InvalidArgumentError(message); }

bool IsName(const std::string& name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

class Validator {
 public:
  explicit Validator(const Program& program) : program_(program) {}

  absl::Status Run() {
    if (!IsName(program_.name)) return Fault(absl::StrCat("'", program_.name, "' is no name"));
    for (const Buffer& buffer : program_.buffers) {
      STRATA_RETURN_IF_ERROR(
          Annotate(CheckBuffer(buffer), absl::StrCat("buffer '", buffer.name, "'")));
    }
    STRATA_RETURN_IF_ERROR(CheckBody(program_.body));
    for (const Buffer& buffer : program_.buffers) {
      if (!buffer.within.empty() && loops_.count(buffer.within) == 0) {
        return Fault(
            absl::StrCat("buffer '", buffer.name, "': there is no loop '", buffer.within, "'"));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckBuffer(const Buffer& buffer) {
    if (!IsName(buffer.name)) return Fault("is no name");
    if (!names_.insert(buffer.name).second) return Fault("the name is taken");
    if (buffer.dtype != chips::F32 && buffer.dtype != chips::BF16)
      return Fault("must be f32 or bf16");
    int64_t elements = 1;
    for (int64_t dim : buffer.dims) {
      if (dim < 0 || __builtin_mul_overflow(elements, dim, &elements)) {
        return Fault(absl::StrCat("dims: ", dim, " is below 0, or there are too many elements"));
      }
    }
    if (IsArgument(buffer.scope) != buffer.within.empty()) {
      return Fault("stack and register buffers, and only they, live in a loop ('in LOOP')");
    }
    return absl::OkStatus();
  }

  absl::Status CheckBody(const std::vector<Node>& body) {
    for (const Node& node : body) {
      if (node.is_loop) {
        STRATA_RETURN_IF_ERROR(
            Annotate(CheckLoop(node.loop), absl::StrCat("loop '", node.loop.name, "'")));
      } else {
        STRATA_RETURN_IF_ERROR(
            Annotate(CheckStatement(node.statement),
                     absl::StrCat("statement on '", node.statement.target.buffer, "'")));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckLoop(const Loop& loop) {
    if (!IsName(loop.name)) return Fault("is no name");
    if (loop.dims.empty()) return Fault("has no dims");
    if (!names_.insert(loop.name).second) return Fault("the name is taken");
    if (loop.dims.size() == 1 && loop.dims[0].index != loop.name) {
      return Fault("a loop of one dim has its index's name");
    }
    loops_.insert(loop.name);
    open_loops_.insert(loop.name);
    for (const Dim& dim : loop.dims) {
      if (dim.extent < 0) return Fault(absl::StrCat("extent ", dim.extent, " is below 0"));
      if (loop.dims.size() > 1 && (!IsName(dim.index) || !names_.insert(dim.index).second)) {
        return Fault(absl::StrCat("index '", dim.index, "' is no name or is taken"));
      }
      indices_.insert(dim.index);
    }
    STRATA_RETURN_IF_ERROR(CheckBody(loop.body));
    if (!loop.with.empty()) STRATA_RETURN_IF_ERROR(SharingOf(loop).status());
    for (const Dim& dim : loop.dims) indices_.erase(dim.index);
    open_loops_.erase(loop.name);
    return absl::OkStatus();
  }

  absl::Status CheckAffine(const Affine& affine) const {
    for (const auto& [name, coefficient] : affine.terms()) {
      if (indices_.count(name) == 0) {
        return Fault(absl::StrCat("'", name, "' is no index of a loop around it"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckAccess(const Access& access) const {
    const Buffer* buffer = program_.FindBuffer(access.buffer);
    if (buffer == nullptr) return Fault(absl::StrCat("there is no buffer '", access.buffer, "'"));
    if (buffer->dims.size() != access.index.size()) {
      return Fault(absl::StrCat("'", access.buffer, "' has ", buffer->dims.size(), " dims, not ",
                                access.index.size()));
    }
    if (!buffer->within.empty() && open_loops_.count(buffer->within) == 0) {
      return Fault(
          absl::StrCat("'", access.buffer, "' lives in loop '", buffer->within, "', not here"));
    }
    for (const Affine& index : access.index) STRATA_RETURN_IF_ERROR(CheckAffine(index));
    return absl::OkStatus();
  }

  absl::Status CheckExpr(const Expr& expr) const {
    for (const Condition& condition : expr.inside)
      STRATA_RETURN_IF_ERROR(CheckAffine(condition.value));
    if (expr.kind == Expr::Kind::kLoad) return CheckAccess(expr.access);
    if (expr.kind == Expr::Kind::kConstant) return absl::OkStatus();
    const int arity = OpArity(expr.op);
    if (arity == 0) return Fault(absl::StrCat("'", expr.op, "' is no op of loop programs"));
    if (static_cast<size_t>(arity) != expr.args.size()) {
      return Fault(
          absl::StrCat("'", expr.op, "' takes ", arity, " arguments, not ", expr.args.size()));
    }
    for (const Expr& arg : expr.args) STRATA_RETURN_IF_ERROR(CheckExpr(arg));
    return absl::OkStatus();
  }

  absl::Status CheckStatement(const Statement& statement) const {
    STRATA_RETURN_IF_ERROR(CheckAccess(statement.target));
    for (const Condition& condition : statement.where)
      STRATA_RETURN_IF_ERROR(CheckAffine(condition.value));
    if (statement.update == Update::kPrefetch) return absl::OkStatus();
    if (program_.FindBuffer(statement.target.buffer)->scope == Scope::kInput) {
      return Fault("an input is not written");
    }
    if (statement.update == Update::kAssign && !statement.first.empty()) {
      return Fault("only an update has a first iteration");
    }
    for (const std::string& index : statement.first)
      STRATA_RETURN_IF_ERROR(CheckAffine(Affine::Index(index)));
    return CheckExpr(statement.value);
  }

  const Program& program_;
  std::set<std::string> names_, loops_, open_loops_, indices_;
};

}  // namespace

const char* ScopeName(Scope scope) {
  static const char* kNames[] = {"input", "output", "scratch", "stack", "register"};
  return kNames[static_cast<size_t>(scope)];
}

const char* LoopKindName(LoopKind kind) {
  static const char* kNames[] = {"for", "unroll", "vector", "parallel"};
  return kNames[static_cast<size_t>(kind)];
}

int OpArity(const std::string& op) {
  static const auto* table = new std::map<std::string, int>{
      {"add", 2},     {"sub", 2}, {"mul", 2},  {"div", 2},  {"max", 2},        {"min", 2},
      {"neg", 1},     {"exp", 1}, {"log", 1},  {"sqrt", 1}, {"rsqrt", 1},      {"tanh", 1},
      {"sigmoid", 1}, {"erf", 1}, {"relu", 1}, {"abs", 1},  {"reciprocal", 1}, {"square", 1}};
  const auto it = table->find(op);
  return it == table->end() ? 0 : it->second;
}

int64_t Buffer::elements() const {
  int64_t elements = 1;
  for (int64_t dim : dims) elements *= dim;
  return elements;
}

int64_t Loop::extent() const {
  int64_t extent = 1;
  for (const Dim& dim : dims) extent *= dim.extent;
  return extent;
}

Expr Expr::Load(std::string buffer, std::vector<Affine> index) {
  Expr expr;
  expr.kind = Kind::kLoad;
  expr.access = {std::move(buffer), std::move(index)};
  return expr;
}

Expr Expr::Constant(double value) {
  Expr expr;
  expr.value = value;
  return expr;
}

Expr Expr::Apply(std::string op, std::vector<Expr> args) {
  Expr expr;
  expr.kind = Kind::kApply;
  expr.op = std::move(op);
  expr.args = std::move(args);
  return expr;
}

Condition Less(const Affine& a, const Affine& b) { return {b - a - 1}; }

Node Node::Of(Loop loop) {
  Node node;
  node.is_loop = true;
  node.loop = std::move(loop);
  return node;
}

Node Node::Of(Statement statement) {
  Node node;
  node.statement = std::move(statement);
  return node;
}

const Buffer* Program::FindBuffer(const std::string& wanted) const {
  for (const Buffer& buffer : buffers) {
    if (buffer.name == wanted) return &buffer;
  }
  return nullptr;
}

Buffer* Program::FindBuffer(const std::string& wanted) {
  return const_cast<Buffer*>(static_cast<const Program*>(this)->FindBuffer(wanted));
}

std::vector<Buffer> Program::Arguments() const {
  std::vector<Buffer> arguments;
  for (const Buffer& buffer : buffers) {
    if (IsArgument(buffer.scope)) arguments.push_back(buffer);
  }
  return arguments;
}

absl::Status Validate(const Program& program) {
  return Annotate(Validator(program).Run(), absl::StrCat("program '", program.name, "'"));
}

}  // namespace strata::compiler::schedule
