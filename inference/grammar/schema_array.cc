// Arrays of JSON schemas.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "inference/grammar/schema_compiler.h"

namespace strata::inference::grammar {

absl::StatusOr<Expr> SchemaCompiler::Array(const Schema& schema, const std::string& path) {
  if (schema.contains("uniqueItems") && schema["uniqueItems"] != false)
    return SchemaFault(SchemaPath(path, "uniqueItems"), "is not supported");
  STRATA_ASSIGN_OR_RETURN(auto counts, Counts(schema, "minItems", "maxItems", path));
  // Draft 7 calls prefixItems items, and items additionalItems.
  const bool old = schema.contains("items") && schema["items"].is_array();
  const char* first_key = old ? "items" : "prefixItems";
  const char* rest_key = old ? "additionalItems" : "items";
  const Schema prefix = schema.contains(first_key) ? schema[first_key] : Schema::array();
  if (!prefix.is_array()) return SchemaFault(SchemaPath(path, first_key), "must be a list");
  if (counts.second < counts.first) return Nothing();

  std::vector<int> rules;  // of the first items
  for (size_t i = 0; i < prefix.size(); ++i) {
    const std::string at = SchemaPath(SchemaPath(path, first_key), absl::StrCat(i));
    STRATA_ASSIGN_OR_RETURN(Expr item, Any(prefix[i], at));
    rules.push_back(grammar_.Add(at, std::move(item)));
  }
  const Schema rest = schema.contains(rest_key) ? schema[rest_key] : Schema(prefix.empty());
  STRATA_ASSIGN_OR_RETURN(Expr item, Any(rest, SchemaPath(path, rest_key)));
  if (rules.empty()) {
    const int rule = grammar_.Add(SchemaPath(path, rest_key), std::move(item));
    return json_.ListOf(Rule(rule), counts.first, counts.second);
  }
  // From behind: what may follow the first items.
  const auto written = static_cast<int32_t>(rules.size());
  const int32_t least = std::max(counts.first - written, 0);
  const int32_t most = counts.second == kNoLimit ? kNoLimit : std::max(counts.second - written, 0);
  Expr tail = Repeat(Sequence({json_.Comma(), std::move(item)}), least, most);
  for (int32_t i = written; i-- > 0;) {
    if (i >= counts.second) {
      tail = Empty();
      continue;
    }
    std::vector<Expr> with = {Rule(rules[static_cast<size_t>(i)]), std::move(tail)};
    if (i > 0) with.insert(with.begin(), json_.Comma());
    Expr more = Sequence(std::move(with));
    tail = Rule(grammar_.Add(SchemaPath(path, first_key),
                             i < counts.first ? std::move(more) : Optional(std::move(more))));
  }
  return json_.Bracketed("[", std::move(tail), "]");
}

}  // namespace strata::inference::grammar
