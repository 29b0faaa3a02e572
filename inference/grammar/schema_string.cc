// Strings of JSON schemas.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "inference/grammar/regex.h"
#include "inference/grammar/schema_compiler.h"
#include "inference/grammar/string_formats.h"

namespace strata::inference::grammar {

Expr JsonCharacters(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> plain = Complement(ranges);
  plain.insert(plain.end(), {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}});
  std::vector<Expr> ways = {Class(Complement(std::move(plain)))};
  for (const CodeRange& range : Normalized(std::move(ranges))) {
    for (char32_t code = range.first; code <= std::min<char32_t>(range.last, '\\'); ++code)
      if (code < 0x20 || code == '"' || code == '\\') ways.push_back(Text(EscapedCharacter(code)));
  }
  return Choice(std::move(ways));
}

absl::StatusOr<Expr> SchemaCompiler::String(const Schema& schema, const std::string& path) {
  if (schema.empty()) return Rule(json_.string());
  STRATA_ASSIGN_OR_RETURN(const auto counts, Counts(schema, "minLength", "maxLength", path));
  const bool counted = schema.contains("minLength") || schema.contains("maxLength");
  const char* given = schema.contains("pattern") ? "pattern" : "format";
  if (!schema.contains(given)) {
    if (counts.second < counts.first) return Nothing();
    const Expr characters = Repeat(Rule(json_.character()), counts.first, counts.second);
    return Sequence({Text("\""), characters, Text("\"")});
  }
  if (counted || (schema.contains("pattern") && schema.contains("format"))) {
    return SchemaFault(
        path, absl::StrCat("\"", given, "\" is not supported together with ",
                           counted ? "a length" : "\"format\"", "; say all in one pattern"));
  }
  const std::string here = SchemaPath(path, given);
  if (!schema[given].is_string()) return SchemaFault(here, "must be a string");
  const std::string regex = schema[given];
  RegexOptions options;
  options.write = JsonCharacters;
  options.search = schema.contains("pattern");
  const std::string* known = &regex;
  if (!options.search) {
    known = FormatRegex(regex);
    if (known == nullptr)
      return SchemaFault(here, absl::StrCat("\"", regex, "\" is not a format that is supported"));
    if (const int* rule = json_.Shared(regex)) return Rule(*rule);
  }
  if (!json_.TakeCharacters(known->size())) {
    return SchemaFault(here, absl::StrCat("the patterns have over ", JsonRules::kMostCharacters,
                                          " characters in all"));
  }
  absl::StatusOr<Expr> text = ParseRegex(*known, options);
  if (!text.ok()) return SchemaFault(here, text.status().message());
  Expr quoted = Sequence({Text("\""), *std::move(text), Text("\"")});
  if (options.search) return quoted;
  return Rule(json_.Share(regex, std::move(quoted)));
}

}  // namespace strata::inference::grammar
