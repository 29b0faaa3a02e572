// Reads the text of a Program: one token of look-ahead, one function a construct.
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) { Next(); }

  absl::StatusOr<Program> Run() {
    Program program;
    absl::Status status = Read(&program);
    if (!status.ok()) return Annotate(status, absl::StrCat("line ", line_));
    STRATA_RETURN_IF_ERROR(Validate(program));
    return program;
  }

 private:
  // ---- tokens: names, numbers, "<", ">=", "+=", "max=" (as "max" "="), single signs; "" at the end

  void Next() {
    while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) {
      line_ += text_[at_] == '\n';
      ++at_;
    }
    const size_t start = at_;
    if (at_ == text_.size()) {
      token_.clear();
      return;
    }
    if (IsNameStart(text_[at_])) {
      while (at_ < text_.size() && (IsNameStart(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    } else if (IsDigit(text_[at_]) || text_[at_] == '.') {
      while (at_ < text_.size() && (IsDigit(text_[at_]) || text_[at_] == '.' || IsExponent()))
        ++at_;
    } else {
      at_ += text_.compare(at_, 2, ">=") == 0 || text_.compare(at_, 2, "+=") == 0 ? 2 : 1;
    }
    token_ = text_.substr(start, at_ - start);
  }
  bool IsExponent() const {
    const char c = text_[at_], before = text_[at_ - 1];
    return c == 'e' || ((c == '-' || c == '+') && before == 'e');
  }

  bool Take(const char* token) {
    if (token_ != token) return false;
    Next();
    return true;
  }
  absl::Status Fault(const std::string& wanted) const {
    return absl::InvalidArgumentError(absl::StrCat("expected ", wanted, ", found '",
                                                   token_.empty() ? "end of text" : token_, "'"));
  }
  absl::Status Expect(const char* token) {
    return Take(token) ? absl::OkStatus() : Fault(absl::StrCat("'", token, "'"));
  }
  absl::StatusOr<std::string> Name(const char* what) {
    if (token_.empty() || !IsNameStart(token_[0])) return Fault(what);
    std::string name = token_;
    Next();
    return name;
  }
  absl::StatusOr<int64_t> Integer() {
    int64_t value = 0;
    if (!absl::SimpleAtoi(token_, &value)) return Fault("a whole number");
    Next();
    return value;
  }

  // ---- constructs

  absl::Status Read(Program* program) {
    STRATA_RETURN_IF_ERROR(Expect("program"));
    STRATA_ASSIGN_OR_RETURN(program->name, Name("the program's name"));
    for (;;) {
      Scope scope = Scope::kInput;
      if (!IsScope(&scope)) break;
      Next();
      STRATA_ASSIGN_OR_RETURN(Buffer buffer, ReadBuffer(scope));
      program->buffers.push_back(std::move(buffer));
    }
    while (!token_.empty()) STRATA_RETURN_IF_ERROR(ReadNode(0, &program->body));
    return absl::OkStatus();
  }

  bool IsScope(Scope* scope) const {
    for (Scope s :
         {Scope::kInput, Scope::kOutput, Scope::kScratch, Scope::kStack, Scope::kRegister}) {
      if (token_ == ScopeName(s)) {
        *scope = s;
        return true;
      }
    }
    return false;
  }

  absl::StatusOr<Buffer> ReadBuffer(Scope scope) {
    Buffer buffer;
    buffer.scope = scope;
    STRATA_ASSIGN_OR_RETURN(buffer.name, Name("a buffer's name"));
    STRATA_ASSIGN_OR_RETURN(const std::string dtype, Name("a dtype"));
    STRATA_ASSIGN_OR_RETURN(buffer.dtype, chips::ParseDType(dtype));
    STRATA_RETURN_IF_ERROR(Expect("["));
    while (!Take("]")) {
      STRATA_ASSIGN_OR_RETURN(const int64_t dim, Integer());
      buffer.dims.push_back(dim);
      if (token_ != "]") STRATA_RETURN_IF_ERROR(Expect(","));
    }
    if (Take("in")) {
      STRATA_ASSIGN_OR_RETURN(buffer.within, Name("a loop's name"));
    }
    return buffer;
  }

  absl::Status ReadNode(int depth, std::vector<Node>* body) {
    if (depth > 64) return absl::InvalidArgumentError("loops are nested more than 64 deep");
    for (LoopKind kind :
         {LoopKind::kSerial, LoopKind::kUnrolled, LoopKind::kVector, LoopKind::kParallel}) {
      if (!Take(LoopKindName(kind))) continue;
      STRATA_ASSIGN_OR_RETURN(Loop loop, ReadLoop(kind, depth));
      body->push_back(Node::Of(std::move(loop)));
      return absl::OkStatus();
    }
    STRATA_ASSIGN_OR_RETURN(Statement statement, ReadStatement());
    body->push_back(Node::Of(std::move(statement)));
    return absl::OkStatus();
  }

  absl::StatusOr<Loop> ReadLoop(LoopKind kind, int depth) {
    Loop loop;
    loop.kind = kind;
    STRATA_ASSIGN_OR_RETURN(loop.name, Name("a loop's name"));
    if (Take("<")) {
      STRATA_ASSIGN_OR_RETURN(const int64_t extent, Integer());
      loop.dims.push_back({loop.name, extent});
    } else {
      STRATA_RETURN_IF_ERROR(Expect("("));
      while (!Take(")")) {
        Dim dim;
        STRATA_ASSIGN_OR_RETURN(dim.index, Name("an index"));
        STRATA_RETURN_IF_ERROR(Expect("<"));
        STRATA_ASSIGN_OR_RETURN(dim.extent, Integer());
        loop.dims.push_back(dim);
        if (token_ != ")") STRATA_RETURN_IF_ERROR(Expect(","));
      }
    }
    if (Take("with")) {
      STRATA_ASSIGN_OR_RETURN(loop.with, Name("a loop's name"));
    }
    if (Take("as")) {
      STRATA_ASSIGN_OR_RETURN(loop.intrinsic, Name("an intrinsic"));
    }
    STRATA_RETURN_IF_ERROR(Expect("{"));
    while (!Take("}")) STRATA_RETURN_IF_ERROR(ReadNode(depth + 1, &loop.body));
    return loop;
  }

  absl::StatusOr<Statement> ReadStatement() {
    Statement statement;
    STRATA_ASSIGN_OR_RETURN(std::string target, Name("a loop, a statement or '}'"));
    if ((target == "prefetch" || target == "prefetch_write") && token_ != "[") {
      statement.update = Update::kPrefetch;
      statement.value = Expr::Constant(target == "prefetch_write");
      STRATA_ASSIGN_OR_RETURN(target, Name("a buffer"));
      STRATA_ASSIGN_OR_RETURN(statement.target, ReadAccess(target));
      if (Take("if")) STRATA_RETURN_IF_ERROR(ReadConditions(&statement.where));
      return statement;
    }
    STRATA_ASSIGN_OR_RETURN(statement.target, ReadAccess(target));
    if (Take("+=")) {
      statement.update = Update::kAdd;
    } else {
      if (Take("max")) statement.update = Update::kMax;
      STRATA_RETURN_IF_ERROR(Expect("="));
    }
    STRATA_ASSIGN_OR_RETURN(statement.value, ReadSum(0));
    if (Take("first")) {
      do {
        STRATA_ASSIGN_OR_RETURN(const std::string index, Name("an index"));
        statement.first.push_back(index);
      } while (Take(","));
    }
    if (Take("if")) STRATA_RETURN_IF_ERROR(ReadConditions(&statement.where));
    return statement;
  }

  absl::Status ReadConditions(std::vector<Condition>* conditions) {
    do {
      STRATA_ASSIGN_OR_RETURN(const Affine a, ReadAffine());
      const bool less = token_ == "<";
      if (!less && token_ != ">=") return Fault("'<' or '>='");
      Next();
      STRATA_ASSIGN_OR_RETURN(const Affine b, ReadAffine());
      conditions->push_back(less ? Less(a, b) : Condition{a - b});
    } while (Take("and"));
    return absl::OkStatus();
  }

  absl::StatusOr<Access> ReadAccess(const std::string& buffer) {
    Access access{buffer, {}};
    STRATA_RETURN_IF_ERROR(Expect("["));
    while (!Take("]")) {
      STRATA_ASSIGN_OR_RETURN(Affine index, ReadAffine());
      access.index.push_back(std::move(index));
      if (token_ != "]") STRATA_RETURN_IF_ERROR(Expect(","));
    }
    return access;
  }

  absl::StatusOr<Affine> ReadAffine() {
    Affine affine;
    int64_t sign = Take("-") ? -1 : 1;
    for (;;) {
      if (!token_.empty() && IsDigit(token_[0])) {
        STRATA_ASSIGN_OR_RETURN(const int64_t number, Integer());
        if (Take("*")) {
          STRATA_ASSIGN_OR_RETURN(const std::string index, Name("an index"));
          affine += Affine::Index(index, sign * number);
        } else {
          affine += sign * number;
        }
      } else {
        STRATA_ASSIGN_OR_RETURN(const std::string index, Name("an index or a number"));
        affine += Affine::Index(index, sign);
      }
      if (Take("+")) {
        sign = 1;
      } else if (Take("-")) {
        sign = -1;
      } else {
        return affine;
      }
    }
  }

  absl::StatusOr<Expr> ReadSum(int depth) {
    STRATA_ASSIGN_OR_RETURN(Expr left, ReadProduct(depth));
    while (token_ == "+" || token_ == "-") {
      const std::string op = token_ == "+" ? "add" : "sub";
      Next();
      STRATA_ASSIGN_OR_RETURN(Expr right, ReadProduct(depth));
      left = Expr::Apply(op, {std::move(left), std::move(right)});
    }
    return left;
  }

  absl::StatusOr<Expr> ReadProduct(int depth) {
    STRATA_ASSIGN_OR_RETURN(Expr left, ReadPrimary(depth));
    while (token_ == "*" || token_ == "/") {
      const std::string op = token_ == "*" ? "mul" : "div";
      Next();
      STRATA_ASSIGN_OR_RETURN(Expr right, ReadPrimary(depth));
      left = Expr::Apply(op, {std::move(left), std::move(right)});
    }
    return left;
  }

  absl::StatusOr<Expr> ReadPrimary(int depth) {
    if (depth > 64) return absl::InvalidArgumentError("an expression is nested more than 64 deep");
    if (Take("(")) {
      STRATA_ASSIGN_OR_RETURN(Expr inner, ReadSum(depth + 1));
      STRATA_RETURN_IF_ERROR(Expect(")"));
      return inner;
    }
    const double sign = Take("-") ? -1 : 1;
    double number = 0;
    if (!token_.empty() &&
        (IsDigit(token_[0]) || token_[0] == '.' || token_ == "inf" || token_ == "nan")) {
      if (!absl::SimpleAtod(token_, &number)) return Fault("a number");
      Next();
      return Expr::Constant(sign * number);
    }
    if (sign < 0) return Fault("a number after '-'");
    STRATA_ASSIGN_OR_RETURN(const std::string name, Name("an operand"));
    if (token_ == "[") {
      STRATA_ASSIGN_OR_RETURN(Access access, ReadAccess(name));
      return Expr::Load(access.buffer, std::move(access.index));
    }
    STRATA_RETURN_IF_ERROR(Expect("("));
    if (name == "inside") return ReadInside();
    std::vector<Expr> args;
    while (!Take(")")) {
      STRATA_ASSIGN_OR_RETURN(Expr arg, ReadSum(depth + 1));
      args.push_back(std::move(arg));
      if (token_ != ")") STRATA_RETURN_IF_ERROR(Expect(","));
    }
    return Expr::Apply(name, std::move(args));
  }

  absl::StatusOr<Expr> ReadInside() {
    STRATA_ASSIGN_OR_RETURN(const std::string buffer, Name("a buffer"));
    STRATA_ASSIGN_OR_RETURN(Access access, ReadAccess(buffer));
    Expr load = Expr::Load(access.buffer, std::move(access.index));
    STRATA_RETURN_IF_ERROR(Expect(","));
    STRATA_RETURN_IF_ERROR(ReadConditions(&load.inside));
    STRATA_RETURN_IF_ERROR(Expect(")"));
    return load;
  }

  const std::string& text_;
  size_t at_ = 0;
  int line_ = 1;
  std::string token_;
};

}  // namespace

absl::StatusOr<Program> ParseProgram(const std::string& text) { return Parser(text).Run(); }

}  // namespace strata::compiler::schedule
