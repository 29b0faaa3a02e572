#include "compiler/schedule/interpreter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "chips/numerics/float16.h"
#include "compiler/schedule/text.h"

namespace strata::compiler::schedule {
namespace {

float Rounded(DType dtype, float x) {
  return dtype == chips::BF16 ? chips::Bf16ToFloat(chips::FloatToBf16(x)) : x;
}

float Apply(const std::string& op, float a, float b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "div") return a / b;
  if (op == "max") return a > b || a != a ? a : b;
  if (op == "min") return a < b || a != a ? a : b;
  if (op == "neg") return -a;
  if (op == "exp") return std::exp(a);
  if (op == "log") return std::log(a);
  if (op == "sqrt") return std::sqrt(a);
  if (op == "rsqrt") return 1 / std::sqrt(a);
  if (op == "tanh") return std::tanh(a);
  if (op == "sigmoid") return 1 / (1 + std::exp(-a));
  if (op == "erf") return std::erf(a);
  if (op == "relu") return a < 0 ? 0 : a;
  if (op == "abs") return std::fabs(a);
  if (op == "reciprocal") return 1 / a;
  return a * a;  // square
}

class Interpreter {
 public:
  Interpreter(const Program& program, Values* values) : program_(program), values_(*values) {}

  absl::Status Run() {
    for (const Buffer& buffer : program_.buffers) STRATA_RETURN_IF_ERROR(Prepare(buffer));
    STRATA_RETURN_IF_ERROR(Body(program_.body));
    for (const Buffer& buffer : program_.buffers) {
      if (buffer.scope != Scope::kInput && buffer.scope != Scope::kOutput)
        values_.erase(buffer.name);
    }
    return absl::OkStatus();
  }

 private:
  static constexpr float kUndefined = std::numeric_limits<float>::quiet_NaN();

  absl::Status Prepare(const Buffer& buffer) {
    std::vector<float>& values = values_[buffer.name];
    const bool given = buffer.scope <= Scope::kOutput && !values.empty();
    if (!given) values.assign(static_cast<size_t>(buffer.elements()), kUndefined);
    if (values.size() != static_cast<size_t>(buffer.elements())) {
      return absl::InvalidArgumentError(absl::StrCat("'", buffer.name, "' has ", values.size(),
                                                     " values, its dims make ", buffer.elements()));
    }
    if (buffer.scope == Scope::kInput && !given && buffer.elements() > 0) {
      return absl::InvalidArgumentError(absl::StrCat("input '", buffer.name, "' has no values"));
    }
    for (float& value : values) value = Rounded(buffer.dtype, value);
    if (!buffer.within.empty()) locals_[buffer.within].push_back(&buffer);
    return absl::OkStatus();
  }

  absl::Status Body(const std::vector<Node>& body) {
    for (const Node& node : body) {
      STRATA_RETURN_IF_ERROR(node.is_loop ? Iterate(node.loop, 0) : Run(node.statement));
    }
    return absl::OkStatus();
  }

  absl::Status Iterate(const Loop& loop, size_t dim) {
    if (dim == loop.dims.size()) {
      for (const Buffer* buffer : locals_[loop.name]) {
        std::vector<float>& values = values_[buffer->name];
        std::fill(values.begin(), values.end(), kUndefined);
      }
      return Body(loop.body);
    }
    int64_t& index = indices_[loop.dims[dim].index];
    for (index = 0; index < loop.dims[dim].extent; ++index) {
      STRATA_RETURN_IF_ERROR(Iterate(loop, dim + 1));
    }
    return absl::OkStatus();
  }

  int64_t Evaluate(const Affine& affine) const {
    int64_t value = affine.constant();
    for (const auto& [name, coefficient] : affine.terms()) value += coefficient * indices_.at(name);
    return value;
  }

  bool Hold(const std::vector<Condition>& conditions) const {
    return std::all_of(conditions.begin(), conditions.end(),
                       [&](const Condition& c) { return Evaluate(c.value) >= 0; });
  }

  absl::StatusOr<float*> Element(const Access& access) {
    const Buffer& buffer = *program_.FindBuffer(access.buffer);
    int64_t offset = 0;
    for (size_t d = 0; d < buffer.dims.size(); ++d) {
      const int64_t index = Evaluate(access.index[d]);
      if (index < 0 || index >= buffer.dims[d]) return OutOfRange(access, d, index, buffer.dims[d]);
      offset = offset * buffer.dims[d] + index;
    }
    return &values_[access.buffer][static_cast<size_t>(offset)];
  }

  absl::Status OutOfRange(const Access& access, size_t dim, int64_t index, int64_t size) const {
    std::string where;
    for (const auto& [name, value] : indices_) absl::StrAppend(&where, " ", name, "=", value);
    return absl::OutOfRangeError(absl::StrCat(AccessText(access), ": index ", dim, " is ", index,
                                              ", outside [0, ", size, "), at", where));
  }

  absl::StatusOr<float> Value(const Expr& expr) {
    if (expr.kind == Expr::Kind::kConstant) return static_cast<float>(expr.value);
    if (expr.kind == Expr::Kind::kLoad) {
      if (!Hold(expr.inside)) return 0.0f;
      STRATA_ASSIGN_OR_RETURN(const float* element, Element(expr.access));
      return *element;
    }
    STRATA_ASSIGN_OR_RETURN(const float a, Value(expr.args[0]));
    if (expr.args.size() == 1) return Apply(expr.op, a, 0);
    STRATA_ASSIGN_OR_RETURN(const float b, Value(expr.args[1]));
    return Apply(expr.op, a, b);
  }

  absl::Status Run(const Statement& statement) {
    if (statement.update == Update::kPrefetch) return absl::OkStatus();
    if (!Hold(statement.where)) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(const float value, Value(statement.value));
    STRATA_ASSIGN_OR_RETURN(float* target, Element(statement.target));
    const bool first =
        !statement.first.empty() &&
        std::all_of(statement.first.begin(), statement.first.end(),
                    [&](const std::string& index) { return indices_.at(index) == 0; });
    float result = value;
    if (statement.update != Update::kAssign && !first) {
      result = Apply(statement.update == Update::kAdd ? "add" : "max", value, *target);
    }
    *target = Rounded(program_.FindBuffer(statement.target.buffer)->dtype, result);
    return absl::OkStatus();
  }

  const Program& program_;
  Values& values_;
  std::map<std::string, int64_t> indices_;
  std::map<std::string, std::vector<const Buffer*>> locals_;  // by the loop they live in
};

}  // namespace

absl::Status Interpret(const Program& program, Values* values) {
  STRATA_RETURN_IF_ERROR(Validate(program));
  return Annotate(Interpreter(program, values).Run(), absl::StrCat("program '", program.name, "'"));
}

}  // namespace strata::compiler::schedule
