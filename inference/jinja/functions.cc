// Functions that every template finds: range, dict, namespace, raise_exception, strftime_now.
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/printing.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;
using Function = Result (*)(Interpreter& interpreter, const Arguments& arguments);

constexpr int64_t kLongestRange = 100'000;  // as Jinja's sandbox has it

class BuiltinFunction : public FunctionObject {
 public:
  BuiltinFunction(absl::string_view name, Function function) : name_(name), function_(function) {}
  absl::string_view name() const override { return name_; }
  Result Call(Interpreter& interpreter, Arguments arguments) override {
    return function_(interpreter, arguments);
  }

 private:
  const absl::string_view name_;
  const Function function_;
};

Result Range(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "range", {"start", "stop", "step"}, 1));
  STRATA_ASSIGN_OR_RETURN(int64_t start, ToInteger(bound[0], "start"));
  int64_t stop = start;
  if (bound[1].is_undefined()) {
    start = 0;
  } else {
    STRATA_ASSIGN_OR_RETURN(stop, ToInteger(bound[1], "stop"));
  }
  STRATA_ASSIGN_OR_RETURN(const int64_t step, ToInteger(bound[2], "step", 1));
  if (step == 0) return absl::InvalidArgumentError("the step of range is 0");
  std::vector<Value> numbers;
  for (int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (static_cast<int64_t>(numbers.size()) == kLongestRange)
      return absl::InvalidArgumentError(absl::StrCat("range is longer than ", kLongestRange));
    numbers.push_back(Value::Int(at));
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  STRATA_RETURN_IF_ERROR(in.heap().Spend(static_cast<int64_t>(numbers.size() / 8)));
  return in.heap().Sequence(SequenceFlavor::kRange, std::move(numbers));
}

// A dict of a dict (or of nothing) and named values.
absl::StatusOr<DictObject*> MakeDict(Interpreter& in, const Arguments& arguments) {
  DictObject* dict = in.heap().NewDict();
  if (arguments.positional.size() > 1 ||
      (!arguments.positional.empty() && arguments.positional[0].kind() != Kind::kDict)) {
    return absl::InvalidArgumentError("takes one dict and named values only");
  }
  if (!arguments.positional.empty()) {
    for (const auto& [key, value] : arguments.positional[0].object<DictObject>()->entries())
      STRATA_RETURN_IF_ERROR(dict->Set(key, value));
  }
  for (const auto& [name, value] : arguments.named)
    STRATA_RETURN_IF_ERROR(dict->Set(in.heap().String(name, Origin::kTemplate), value));
  return dict;
}

Result Dict(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(DictObject* const dict, MakeDict(in, arguments));
  return Value::Of(dict);
}

Result Namespace(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(DictObject* const values, MakeDict(in, arguments));
  return Value::Of(in.heap().Own(std::make_unique<NamespaceObject>(values)));
}

Result RaiseException(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "raise_exception", {"message"}, 1));
  TextBuilder message(&in.heap());
  STRATA_RETURN_IF_ERROR(WriteValue(bound[0], &message));
  return absl::InvalidArgumentError(message.text().bytes());
}

Result StrftimeNow(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "strftime_now", {"format"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text format, ToText(bound[0], "format"));
  const std::tm now = in.Now();
  TextBuilder out(&in.heap());
  const std::string& bytes = format.bytes();
  for (size_t at = 0; at < bytes.size() && out.status().ok();) {
    if (bytes[at] != '%') {
      out.Append(format, at++, 1);
      continue;
    }
    std::string field = "%";  // a percent sign, one flag maybe, a letter: never a width
    size_t end = at + 1;
    if (end < bytes.size() && absl::StrContains("-_0^#", bytes[end])) field += bytes[end++];
    if (end == bytes.size() || (!absl::ascii_isalpha(bytes[end]) && bytes[end] != '%')) {
      return absl::InvalidArgumentError(absl::StrCat("strftime_now: the field at character ",
                                                     at + 1, " of the format is unknown"));
    }
    field += bytes[end++];
    char text[256];
    out.Append(absl::string_view(text, std::strftime(text, sizeof text, field.c_str(), &now)),
               format.OriginAt(at));
    at = end;
  }
  return out.Finish();
}

}  // namespace

void AddFunctions(Interpreter* interpreter) {
  static constexpr std::pair<absl::string_view, Function> kFunctions[] = {
      {"range", Range},
      {"dict", Dict},
      {"namespace", Namespace},
      {"raise_exception", RaiseException},
      {"strftime_now", StrftimeNow}};
  for (const auto& [name, function] : kFunctions) {
    interpreter->globals()->values[std::string(name)] =
        Value::Of(interpreter->heap().Own(std::make_unique<BuiltinFunction>(name, function)));
  }
}

}  // namespace strata::inference::jinja
