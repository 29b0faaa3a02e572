// Objects of JSON schemas.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "inference/grammar/schema_compiler.h"
#include "inference/grammar/text_reader.h"

namespace strata::inference::grammar {
namespace {

// The beginnings of names, by their characters.
struct NameTree {
  std::map<char32_t, NameTree> next;
  bool ends = false;
};

}  // namespace

absl::StatusOr<Expr> SchemaCompiler::Members(const Schema& schema, const std::string& path) {
  const bool named = schema.contains("properties");
  const Schema additional =
      schema.contains("additionalProperties") ? schema["additionalProperties"] : Schema(!named);
  STRATA_ASSIGN_OR_RETURN(const std::vector<Property> properties,
                          Properties(schema, additional, path));
  STRATA_ASSIGN_OR_RETURN(const std::optional<Expr> more,
                          AdditionalMember(schema, additional, properties, path));
  STRATA_ASSIGN_OR_RETURN(const auto counts,
                          MemberCounts(schema, properties, more.has_value(), path));
  if (counts.second < counts.first) return Nothing();
  if (properties.empty()) {
    if (!more.has_value() || counts.second == 0)
      return counts.first > 0 ? Nothing() : json_.Bracketed("{", Empty(), "}");
    const int32_t others = counts.second == kNoLimit ? kNoLimit : counts.second - 1;
    Expr some = Sequence(
        {*more, Repeat(Sequence({json_.Comma(), *more}), std::max(counts.first - 1, 0), others)});
    return json_.Bracketed("{", counts.first > 0 ? std::move(some) : Optional(std::move(some)),
                           "}");
  }
  return json_.Bracketed("{", InOrder(properties, more.value_or(Nothing())), "}");
}

absl::StatusOr<std::vector<SchemaCompiler::Property>> SchemaCompiler::Properties(
    const Schema& schema, const Schema& additional, const std::string& path) {
  const Schema described = schema.contains("properties") ? schema["properties"] : Schema::object();
  if (!described.is_object())
    return SchemaFault(SchemaPath(path, "properties"), "must be an object");
  const Schema required = schema.contains("required") ? schema["required"] : Schema::array();
  if (!required.is_array()) return SchemaFault(SchemaPath(path, "required"), "must be a list");
  std::set<std::string> names, required_names;
  std::vector<std::pair<std::string, Schema>> all;
  for (const auto& [name, value] : described.items()) {
    names.insert(name);
    all.emplace_back(name, value);
  }
  for (const Schema& name : required) {
    if (!name.is_string())
      return SchemaFault(SchemaPath(path, "required"), "must be a list of strings");
    required_names.insert(name.get<std::string>());
    if (!names.insert(name.get<std::string>()).second) continue;
    // One that is not described is as additional ones are; with `properties` alone any value.
    const bool open = !schema.contains("additionalProperties");
    all.emplace_back(name.get<std::string>(), open ? Schema(true) : additional);
  }
  if (schema.contains("propertyNames") && !all.empty()) {
    return SchemaFault(SchemaPath(path, "propertyNames"),
                       "is not supported together with properties or required");
  }
  std::vector<Property> properties;
  for (const auto& [name, value] : all) {
    const std::string at = SchemaPath(SchemaPath(path, "properties"), name);
    STRATA_ASSIGN_OR_RETURN(Expr body, Any(value, at));
    properties.push_back({name, required_names.count(name) > 0,
                          grammar_.Add(at, json_.Member(JsonRules::Literal(name), body))});
  }
  return properties;
}

absl::StatusOr<std::optional<Expr>> SchemaCompiler::AdditionalMember(
    const Schema& schema, const Schema& additional, const std::vector<Property>& properties,
    const std::string& path) {
  if (additional == false) return std::optional<Expr>();
  const std::string here = SchemaPath(path, "additionalProperties");
  STRATA_ASSIGN_OR_RETURN(const Expr value, Any(additional, here));
  STRATA_ASSIGN_OR_RETURN(Expr key, KeyExcept(properties, here));
  if (schema.contains("propertyNames")) {
    const std::string at = SchemaPath(path, "propertyNames");
    STRATA_ASSIGN_OR_RETURN(const Schema names,
                            Both({{"type", "string"}}, schema["propertyNames"], at));
    STRATA_ASSIGN_OR_RETURN(key, Any(names, at));
  }
  return std::optional<Expr>(Rule(grammar_.Add(here, json_.Member(key, value))));
}

// How many members there are where all are additional. Names may come twice then, so that only one is sure.
absl::StatusOr<std::pair<int32_t, int32_t>> SchemaCompiler::MemberCounts(
    const Schema& schema, const std::vector<Property>& properties, bool more,
    const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const auto counts,
                          Counts(schema, "minProperties", "maxProperties", path));
  const auto required = static_cast<int32_t>(std::count_if(
      properties.begin(), properties.end(), [](const Property& p) { return p.required; }));
  const auto all = static_cast<int32_t>(properties.size());
  const bool enough = counts.first <= std::max(required, properties.empty() ? 1 : 0);
  if (!enough) {
    return SchemaFault(SchemaPath(path, "minProperties"),
                       "is not supported above the number of required properties");
  }
  const bool few =
      properties.empty() || counts.second == kNoLimit || (!more && counts.second >= all);
  if (!few) {
    return SchemaFault(SchemaPath(path, "maxProperties"),
                       "is not supported together with properties");
  }
  return counts;
}

// Members in their order, with commas between them. Rule i is what follows once something was written and properties
// before i are done.
Expr SchemaCompiler::InOrder(const std::vector<Property>& properties, const Expr& more) {
  Expr follows = Repeat(Sequence({json_.Comma(), more}));
  std::vector<Expr> first;  // ways to begin, from behind
  for (size_t i = properties.size(); i-- > 0;) {
    const Property& p = properties[i];
    const Expr rest = Rule(grammar_.Add(absl::StrCat("after ", p.name), std::move(follows)));
    if (p.required) first.clear();
    first.push_back(Sequence({Rule(p.rule), rest}));
    const Expr next = Sequence({json_.Comma(), Rule(p.rule)});
    follows = Sequence({p.required ? next : Optional(next), rest});
  }
  if (std::none_of(properties.begin(), properties.end(),
                   [](const auto& p) { return p.required; })) {
    first.push_back(Optional(Sequence({more, Repeat(Sequence({json_.Comma(), more}))})));
  }
  return Choice(std::move(first));
}

// A string that is none of the names.
absl::StatusOr<Expr> SchemaCompiler::KeyExcept(const std::vector<Property>& properties,
                                               const std::string& path) {
  if (properties.empty()) return Rule(json_.string());
  NameTree names;
  for (const Property& p : properties) {
    if (p.name.size() > kLongestName || !json_.TakeCharacters(p.name.size()))
      return SchemaFault(path, "is not supported beside properties with such long names");
    NameTree* at = &names;
    absl::StatusOr<TextReader> reader = TextReader::Create("name", p.name);
    while (reader.ok() && !reader->done()) at = &at->next[reader->Next()];
    at->ends = true;
  }
  // A rule for each beginning: the names go on, or the key is another.
  const auto write = [&](const auto& self, const NameTree& tree) -> int {
    std::vector<Expr> ways;
    std::vector<CodeRange> taken;
    if (!tree.ends) ways.push_back(Text("\""));
    for (const auto& [code, next] : tree.next) {
      taken.push_back({code, code});
      ways.push_back(Sequence({JsonCharacters({{code, code}}), Rule(self(self, next))}));
    }
    ways.push_back(Sequence({JsonCharacters(Complement(std::move(taken))),
                             Repeat(Rule(json_.character())), Text("\"")}));
    return grammar_.Add("another name", Choice(std::move(ways)));
  };
  return Sequence({Text("\""), Rule(write(write, names))});
}

}  // namespace strata::inference::grammar
