// Methods of strings, as Python has them.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/text_operations.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

template <Result (*Change)(const Text&, Heap*)>
Result Changed(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "method", {}, 0).status());
  return Change(self.text(), &in.heap());
}

// Words begin after anything that is no letter.
Result TitleText(const Text& text, Heap* heap) {
  return MapCharacters(
      text,
      [](uint32_t code, uint32_t before) {
        return before != 0 && IsLetter(before) ? LowerCase(code) : UpperCase(code);
      },
      heap);
}

template <bool kLeft, bool kRight>
Result Strip(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "strip", {"chars"}, 0));
  if (bound[0].is_undefined() || bound[0].is_none())
    return in.heap().String(StripText(self.text(), nullptr, kLeft, kRight));
  STRATA_ASSIGN_OR_RETURN(const Text characters, ToText(bound[0], "chars"));
  STRATA_RETURN_IF_ERROR(
      in.heap().Spend(static_cast<int64_t>(self.text().size() * characters.size() / 64)));
  return in.heap().String(StripText(self.text(), &characters.bytes(), kLeft, kRight));
}

template <bool kFromRight>
Result Split(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "split", {"sep", "maxsplit"}, 0));
  STRATA_ASSIGN_OR_RETURN(const int64_t most, ToInteger(bound[1], "maxsplit", -1));
  std::vector<Value> parts;
  if (bound[0].is_undefined() || bound[0].is_none()) {
    if (kFromRight && most >= 0)
      return absl::InvalidArgumentError("rsplit with maxsplit needs a separator");
    STRATA_ASSIGN_OR_RETURN(parts, SplitWords(self.text(), most, &in.heap()));
  } else {
    STRATA_ASSIGN_OR_RETURN(const Text separator, ToText(bound[0], "sep"));
    if (separator.empty()) return absl::InvalidArgumentError("sep of split is empty");
    STRATA_ASSIGN_OR_RETURN(
        parts, SplitText(self.text(), separator.bytes(), most, kFromRight, &in.heap()));
  }
  return in.heap().List(std::move(parts));
}

Result SplitLinesOf(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "splitlines", {"keepends"}, 0));
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> lines,
                          SplitLines(self.text(), ToBool(bound[0], false), &in.heap()));
  return in.heap().List(std::move(lines));
}

// One text, or any of a tuple of them.
template <bool kStart>
Result AtEdge(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, kStart ? "startswith" : "endswith", {"part"}, 1));
  std::vector<Value> parts = {bound[0]};
  if (bound[0].kind() == Kind::kSequence) {
    STRATA_ASSIGN_OR_RETURN(parts, Items(bound[0], &in.heap()));
  }
  for (const Value& part : parts) {
    STRATA_ASSIGN_OR_RETURN(const Text text, ToText(part, "part"));
    const bool fits = kStart ? absl::StartsWith(self.text().bytes(), text.bytes())
                             : absl::EndsWith(self.text().bytes(), text.bytes());
    if (fits) return Value::Bool(true);
  }
  return Value::Bool(false);
}

template <bool kStart>
Result RemoveEdge(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "remove", {"part"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text part, ToText(bound[0], "part"));
  const Text& text = self.text();
  const bool fits = kStart ? absl::StartsWith(text.bytes(), part.bytes())
                           : absl::EndsWith(text.bytes(), part.bytes());
  if (!fits) return self;
  return in.heap().String(text.Substr(kStart ? part.size() : 0, text.size() - part.size()));
}

Result Replace(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "replace", {"old", "new", "count"}, 2));
  STRATA_ASSIGN_OR_RETURN(const Text from, ToText(bound[0], "old"));
  STRATA_ASSIGN_OR_RETURN(const Text to, ToText(bound[1], "new"));
  STRATA_ASSIGN_OR_RETURN(const int64_t count, ToInteger(bound[2], "count", -1));
  return ReplaceText(self.text(), from, to, count, &in.heap());
}

Result Join(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "join", {"iterable"}, 1));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Items(bound[0], &in.heap()));
  TextBuilder out(&in.heap());
  for (size_t i = 0; i < items.size() && out.status().ok(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const Text item, ToText(items[i], "an item to be joined"));
    if (i > 0) out.Append(self.text());
    out.Append(item);
  }
  return out.Finish();
}

Result Count(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "count", {"part"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text part, ToText(bound[0], "part"));
  if (part.empty()) return Value::Int(CountCharacters(self.text().bytes()) + 1);
  return Value::Int(static_cast<int64_t>(FindAll(self.text().bytes(), part.bytes(), -1).size()));
}

// The place in characters; -1 when it is nowhere.
template <bool kFromRight>
Result Find(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "find", {"part"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text part, ToText(bound[0], "part"));
  std::string text = self.text().bytes(), wanted = part.bytes();
  if (kFromRight) {
    std::reverse(text.begin(), text.end());
    std::reverse(wanted.begin(), wanted.end());
  }
  const std::vector<size_t> places = FindAll(text, wanted, 1);
  if (places.empty()) return Value::Int(-1);
  const size_t at = kFromRight ? text.size() - places[0] - wanted.size() : places[0];
  return Value::Int(CountCharacters(absl::string_view(self.text().bytes()).substr(0, at)));
}

template <Alignment kAlignment>
Result Pad(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "just", {"width", "fillchar"}, 1));
  STRATA_ASSIGN_OR_RETURN(const int64_t width, ToInteger(bound[0], "width"));
  if (bound[1].is_undefined()) return PadText(self.text(), width, " ", kAlignment, &in.heap());
  STRATA_ASSIGN_OR_RETURN(const Text fill, ToText(bound[1], "fillchar"));
  if (CountCharacters(fill.bytes()) != 1)
    return absl::InvalidArgumentError("fillchar must be one character");
  return PadText(self.text(), width, fill.bytes(), kAlignment, &in.heap());
}

// Whether all characters (at least one) are of a kind.
template <bool (*Is)(uint32_t)>
Result All(Interpreter&, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "method", {}, 0).status());
  const absl::string_view bytes = self.text().bytes();
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = CharacterSize(bytes.substr(at));
    if (!Is(CodePoint(bytes.substr(at, size)))) return Value::Bool(false);
    at += size;
  }
  return Value::Bool(!bytes.empty());
}
bool IsLetterOrDigit(uint32_t code) { return IsLetter(code) || IsDigit(code); }

template <bool kUpper>
Result InCase(Interpreter& in, const Value& self, const Arguments& arguments) {
  STRATA_RETURN_IF_ERROR(Bind(arguments, "method", {}, 0).status());
  STRATA_ASSIGN_OR_RETURN(const bool holds, in.CallTest(kUpper ? "upper" : "lower", {{self}, {}}));
  return Value::Bool(holds);
}

// "{} {0} {name}": fields without formats.
Result Format(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Text& text = self.text();
  const absl::string_view bytes = text.bytes();
  TextBuilder out(&in.heap());
  size_t next = 0;
  for (size_t at = 0; at < bytes.size() && out.status().ok();) {
    const char c = bytes[at];
    const bool doubled = (c == '{' || c == '}') && at + 1 < bytes.size() && bytes[at + 1] == c;
    if (doubled || (c != '{' && c != '}')) {
      out.Append(text, at, 1);
      at += doubled ? 2 : 1;
      continue;
    }
    const size_t close = bytes.find('}', at);
    if (c == '}' || close == absl::string_view::npos)
      return absl::InvalidArgumentError("a single brace in the text of format; double it");
    const absl::string_view name = bytes.substr(at + 1, close - at - 1);
    size_t index = 0;
    const Value* value = arguments.Find(name);
    if (name.empty()) {
      index = next++;
    } else if (!absl::SimpleAtoi(name, &index) && value == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("format: there is no value for {", name, "}; fields are {}, {0} or {name}"));
    }
    if (value == nullptr) {
      if (index >= arguments.positional.size())
        return absl::InvalidArgumentError("format has more fields than values");
      value = &arguments.positional[index];
    }
    STRATA_RETURN_IF_ERROR(WriteValue(*value, &out));
    at = close + 1;
  }
  return out.Finish();
}

}  // namespace

const MethodTable& StringMethods() {
  static const auto& table = *new MethodTable{{"upper", Changed<UpperText>},
                                              {"lower", Changed<LowerText>},
                                              {"title", Changed<TitleText>},
                                              {"capitalize", Changed<CapitalizeText>},
                                              {"strip", Strip<true, true>},
                                              {"lstrip", Strip<true, false>},
                                              {"rstrip", Strip<false, true>},
                                              {"split", Split<false>},
                                              {"rsplit", Split<true>},
                                              {"splitlines", SplitLinesOf},
                                              {"startswith", AtEdge<true>},
                                              {"endswith", AtEdge<false>},
                                              {"removeprefix", RemoveEdge<true>},
                                              {"removesuffix", RemoveEdge<false>},
                                              {"replace", Replace},
                                              {"join", Join},
                                              {"count", Count},
                                              {"find", Find<false>},
                                              {"rfind", Find<true>},
                                              {"center", Pad<Alignment::kCenter>},
                                              {"ljust", Pad<Alignment::kLeft>},
                                              {"rjust", Pad<Alignment::kRight>},
                                              {"isspace", All<IsSpace>},
                                              {"isalpha", All<IsLetter>},
                                              {"isdigit", All<IsDigit>},
                                              {"isnumeric", All<IsDigit>},
                                              {"isalnum", All<IsLetterOrDigit>},
                                              {"isupper", InCase<true>},
                                              {"islower", InCase<false>},
                                              {"format", Format}};
  return table;
}

}  // namespace strata::inference::jinja
