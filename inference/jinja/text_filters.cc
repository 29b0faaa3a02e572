// Filters of texts: upper, trim, replace, indent, tojson, ...
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "inference/jinja/access.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/json_value.h"
#include "inference/jinja/operators.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/text_operations.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// The text of the first argument, whatever it is.
absl::StatusOr<Text> Operand(Interpreter& in, const Value& value) {
  STRATA_ASSIGN_OR_RETURN(const Value text, ToString(value, &in.heap()));
  return text.text();
}

Result String(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "string", {"value"}, 1));
  return ToString(bound[0], &in.heap());
}

template <Result (*Change)(const Text&, Heap*)>
Result Changed(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "filter", {"s"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  return Change(text, &in.heap());
}

// Words begin after white space and opening brackets.
Result TitleText(const Text& text, Heap* heap) {
  return MapCharacters(
      text,
      [](uint32_t code, uint32_t before) {
        const bool begins = before == 0 || IsSpace(before) || before == '-' || before == '(' ||
                            before == '{' || before == '[' || before == '<';
        return begins ? UpperCase(code) : LowerCase(code);
      },
      heap);
}

Result EscapeText(const Text& text, Heap* heap) {
  static constexpr std::pair<char, absl::string_view> kEscapes[] = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&#34;"}, {'\'', "&#39;"}};
  TextBuilder out(heap);
  for (size_t at = 0; at < text.size() && out.status().ok(); ++at) {
    const char c = text.bytes()[at];
    const auto* escape = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                                      [c](const auto& entry) { return entry.first == c; });
    if (escape == std::end(kEscapes)) {
      out.Append(text, at, 1);
    } else {
      out.Append(escape->second, text.OriginAt(at));
    }
  }
  return out.Finish();
}

Result UrlEncodeText(const Text& text, Heap* heap) {
  TextBuilder out(heap);
  for (size_t at = 0; at < text.size() && out.status().ok(); ++at) {
    const auto c = static_cast<unsigned char>(text.bytes()[at]);
    if (c < 0x80 && (IsLetter(c) || IsDigit(c) || absl::StrContains("_.-~/", text.bytes()[at]))) {
      out.Append(text, at, 1);
    } else {
      out.Append(absl::StrFormat("%%%02X", c), text.OriginAt(at));
    }
  }
  return out.Finish();
}

Result Unchanged(const Text& text, Heap* heap) { return heap->String(text); }

Result Trim(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "trim", {"value", "chars"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  if (bound[1].is_undefined() || bound[1].is_none())
    return in.heap().String(StripText(text, nullptr, true, true));
  STRATA_ASSIGN_OR_RETURN(const Text characters, ToText(bound[1], "chars"));
  STRATA_RETURN_IF_ERROR(
      in.heap().Spend(static_cast<int64_t>(text.size() * characters.size() / 64)));
  return in.heap().String(StripText(text, &characters.bytes(), true, true));
}

Result Replace(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "replace", {"s", "old", "new", "count"}, 3));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  STRATA_ASSIGN_OR_RETURN(const Text from, Operand(in, bound[1]));
  STRATA_ASSIGN_OR_RETURN(const Text to, Operand(in, bound[2]));
  STRATA_ASSIGN_OR_RETURN(const int64_t count, ToInteger(bound[3], "count", -1));
  return ReplaceText(text, from, to, count, &in.heap());
}

Result Indent(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "indent", {"s", "width", "first", "blank"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, ToText(bound[0], "the operand of indent"));
  Text indent;
  if (bound[1].is_string()) {
    indent = bound[1].text();
  } else {
    STRATA_ASSIGN_OR_RETURN(const int64_t width, ToInteger(bound[1], "width", 4));
    if (width > 10000) return absl::InvalidArgumentError("width is beyond 10000");
    indent =
        Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '), Origin::kTemplate);
  }
  const bool first = ToBool(bound[2], false), blank = ToBool(bound[3], false);
  Text whole = text;
  whole.Append("\n", Origin::kTemplate);  // so that a break at the end begins a line
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> lines, SplitLines(whole, false, &in.heap()));
  TextBuilder out(&in.heap());
  for (size_t i = 0; i < lines.size() && out.status().ok(); ++i) {
    if (i > 0) out.Append("\n");
    const bool indented = i == 0 ? first : (blank || !lines[i].text().empty());
    if (indented) out.Append(indent);
    out.Append(lines[i].text());
  }
  return out.Finish();
}

Result Center(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "center", {"value", "width"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  STRATA_ASSIGN_OR_RETURN(const int64_t width, ToInteger(bound[1], "width", 80));
  return PadText(text, width, " ", Alignment::kCenter, &in.heap());
}

Result Truncate(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "truncate",
                                                 {"s", "length", "killwords", "end", "leeway"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  STRATA_ASSIGN_OR_RETURN(const int64_t length, ToInteger(bound[1], "length", 255));
  STRATA_ASSIGN_OR_RETURN(const int64_t leeway, ToInteger(bound[4], "leeway", 5));
  Text end("...", Origin::kTemplate);
  if (!bound[3].is_undefined()) {
    STRATA_ASSIGN_OR_RETURN(end, ToText(bound[3], "end"));
  }
  const std::vector<size_t> starts = CharacterStarts(text.bytes());
  const auto count = static_cast<int64_t>(starts.size()) - 1;
  const int64_t room = length - CountCharacters(end.bytes());
  if (room < 0 || leeway < 0) return absl::InvalidArgumentError("length is less than that of end");
  if (count <= length || count - length <= leeway) return in.heap().String(text);
  size_t kept = starts[static_cast<size_t>(room)];
  const size_t space = text.bytes().substr(0, kept).rfind(' ');
  if (!ToBool(bound[2], false) && space != std::string::npos) kept = space;
  TextBuilder out(&in.heap());
  out.Append(text, 0, kept);
  out.Append(end);
  return out.Finish();
}

Result WordCount(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "wordcount", {"s"}, 1));
  STRATA_ASSIGN_OR_RETURN(const Text text, Operand(in, bound[0]));
  int64_t words = 0;
  bool in_word = false;
  const absl::string_view bytes = text.bytes();
  for (size_t at = 0; at < bytes.size();) {  // \w+
    const size_t size = CharacterSize(bytes.substr(at));
    const uint32_t code = CodePoint(bytes.substr(at, size));
    const bool part = IsLetter(code) || IsDigit(code) || code == '_';
    if (part && !in_word) ++words;
    in_word = part;
    at += size;
  }
  return Value::Int(words);
}

Result Format(Interpreter& in, const Arguments& arguments) {
  if (arguments.positional.empty()) return absl::InvalidArgumentError("format needs a text");
  STRATA_ASSIGN_OR_RETURN(const Text format, Operand(in, arguments.positional[0]));
  if (arguments.named.empty()) {
    return FormatPercent(
        format, in.heap().Tuple({arguments.positional.begin() + 1, arguments.positional.end()}),
        &in.heap());
  }
  if (arguments.positional.size() > 1)
    return absl::InvalidArgumentError("format takes values with names or without, not both");
  DictObject* values = in.heap().NewDict();
  for (const auto& [name, value] : arguments.named)
    STRATA_RETURN_IF_ERROR(values->Set(in.heap().String(name, Origin::kTemplate), value));
  return FormatPercent(format, Value::Of(values), &in.heap());
}

Result ToJson(Interpreter& in, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      Bind(arguments, "tojson", {"x", "ensure_ascii", "indent", "separators", "sort_keys"}, 1));
  JsonStyle style;
  style.ascii = ToBool(bound[1], false);
  style.sort_keys = ToBool(bound[4], false);
  if (bound[2].is_string()) {
    style.indent = bound[2].text().bytes();
  } else if (bound[2].is_number()) {
    STRATA_ASSIGN_OR_RETURN(const int64_t indent, ToInteger(bound[2], "indent"));
    if (indent > 1000) return absl::InvalidArgumentError("indent is beyond 1000");
    style.indent = std::string(static_cast<size_t>(std::max<int64_t>(indent, 0)), ' ');
  }
  if (!bound[3].is_undefined() && !bound[3].is_none()) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<Value> pair, Items(bound[3], &in.heap()));
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
      return absl::InvalidArgumentError("separators must be two strings: (',', ':')");
    style.between_items = pair[0].text().bytes();
    style.after_key = pair[1].text().bytes();
  }
  TextBuilder out(&in.heap());
  STRATA_RETURN_IF_ERROR(WriteJson(bound[0], style, &out));
  return out.Finish();
}

}  // namespace

void AddTextFilters(FilterTable* table) {
  table->insert({{"string", String},
                 {"upper", Changed<UpperText>},
                 {"lower", Changed<LowerText>},
                 {"capitalize", Changed<CapitalizeText>},
                 {"title", Changed<TitleText>},
                 {"escape", Changed<EscapeText>},
                 {"e", Changed<EscapeText>},
                 {"forceescape", Changed<EscapeText>},
                 {"safe", Changed<Unchanged>},
                 {"urlencode", Changed<UrlEncodeText>},
                 {"trim", Trim},
                 {"replace", Replace},
                 {"indent", Indent},
                 {"center", Center},
                 {"truncate", Truncate},
                 {"wordcount", WordCount},
                 {"format", Format},
                 {"tojson", ToJson}});
}

}  // namespace strata::inference::jinja
