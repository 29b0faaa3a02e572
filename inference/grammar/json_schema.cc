#include "inference/grammar/json_schema.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inference/grammar/schema_compiler.h"

namespace strata::inference::grammar {
namespace {

// The keywords that are about one type.
struct TypeKeywords {
  const char* type;
  std::set<std::string> keywords;
};

const std::vector<TypeKeywords>& AllTypeKeywords() {
  static const auto& all = *new std::vector<TypeKeywords>{
      {"object",
       {"properties", "required", "additionalProperties", "propertyNames", "minProperties",
        "maxProperties"}},
      {"array", {"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"}},
      {"string", {"minLength", "maxLength", "pattern", "format"}},
      {"number",
       {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}}};
  return all;
}

bool IsOfType(const std::string& keyword, const std::string& type) {
  const std::string wanted = type == "integer" ? "number" : type;
  return std::any_of(AllTypeKeywords().begin(), AllTypeKeywords().end(), [&](const auto& row) {
    return row.type == wanted && row.keywords.count(keyword) > 0;
  });
}

absl::Status CheckKeywords(const Schema& schema, const std::string& path) {
  static const std::set<std::string>& general = *new std::set<std::string>{
      "type", "nullable", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"};
  for (const auto& [key, value] : schema.items()) {
    if (general.count(key) > 0 || IsAnnotation(key)) continue;
    const bool known = std::any_of(AllTypeKeywords().begin(), AllTypeKeywords().end(),
                                   [&](const auto& row) { return row.keywords.count(key) > 0; });
    if (!known) return SchemaFault(SchemaPath(path, key), "this keyword is not supported");
  }
  return absl::OkStatus();
}

// The types that a schema without `type` is about.
std::vector<std::string> ImpliedTypes(const Schema& schema) {
  std::vector<std::string> types;
  for (const TypeKeywords& row : AllTypeKeywords()) {
    const bool asks =
        std::any_of(schema.items().begin(), schema.items().end(), [&](const auto& item) {
          return item.key() != "format" && row.keywords.count(item.key()) > 0;
        });
    if (asks) types.push_back(row.type);
  }
  if (types.empty() && schema.contains("format")) types.push_back("string");
  return types;
}

// Copies of a schema use the stack for each level, and names are looked for one by one. Counts `left` down, by value.
bool IsTooLarge(const Schema& schema, int levels, int64_t* left) {
  if (--*left < 0) return true;
  return schema.is_structured() &&
         (levels == 0 || std::any_of(schema.begin(), schema.end(), [&](const Schema& part) {
            return IsTooLarge(part, levels - 1, left);
          }));
}

Schema Without(const Schema& schema, const char* key) {
  Schema rest = schema;
  rest.erase(key);
  return rest;
}

}  // namespace

absl::StatusOr<Expr> SchemaCompiler::Compile() {
  STRATA_ASSIGN_OR_RETURN(Expr root, Any(document_.root(), "#"));
  while (!open_.empty()) {
    const auto [schema, path] = open_.back();
    open_.pop_back();
    STRATA_ASSIGN_OR_RETURN(Expr body, Any(*schema, path));
    grammar_.rules[static_cast<size_t>(rules_.at(schema))].body = std::move(body);
  }
  return root;
}

absl::StatusOr<Expr> SchemaCompiler::Any(const Schema& schema, const std::string& path) {
  if (schema == false) return Nothing();
  if (schema == true) return Rule(json_.value());
  if (!schema.is_object()) {
    return SchemaFault(
        path, absl::StrCat("a schema must be an object or a boolean, not ", schema.type_name()));
  }
  if (++schemas_ > kMostSchemas || parts_ > kMostParts)
    return SchemaFault(path, "the schema is too large");
  if (++depth_ > kDeepest)
    return SchemaFault(path, absl::StrCat("the schema is nested over ", kDeepest, " deep"));
  absl::StatusOr<Expr> made = Object(schema, path);
  --depth_;
  return made;
}

absl::StatusOr<Schema> SchemaCompiler::Both(Schema a, const Schema& b, const std::string& path) {
  const std::function<void(const Schema&)> count = [&](const Schema& schema) {
    ++parts_;
    if (!schema.is_structured()) return;
    for (const Schema& part : schema)
      if (parts_ <= kMostParts) count(part);
  };
  count(b);
  if (parts_ > kMostParts) return SchemaFault(path, "the schema is too large");
  return document_.Both(std::move(a), b, path);
}

absl::StatusOr<Expr> SchemaCompiler::Object(const Schema& schema, const std::string& path) {
  STRATA_RETURN_IF_ERROR(CheckKeywords(schema, path));
  if (schema.contains("$ref")) return Reference(schema, path);
  if (schema.contains("allOf")) return AllOf(schema, path);
  for (const char* keyword : {"anyOf", "oneOf"})
    if (schema.contains(keyword)) return Alternatives(schema, keyword, path);
  if (schema.contains("const") || schema.contains("enum")) return Values(schema, path);
  return OfTypes(schema, path);
}

absl::StatusOr<Expr> SchemaCompiler::Reference(const Schema& schema, const std::string& path) {
  const Schema& ref = schema["$ref"];
  if (!ref.is_string()) return SchemaFault(SchemaPath(path, "$ref"), "must be a string");
  const auto& name = ref.get_ref<const std::string&>();
  STRATA_ASSIGN_OR_RETURN(const Schema* target, document_.Resolve(name, path));
  const Schema rest = Without(schema, "$ref");
  if (HasAssertions(rest)) {
    STRATA_ASSIGN_OR_RETURN(const Schema both, Both(rest, *target, path));
    return Any(both, path);
  }
  const auto [entry, fresh] = rules_.try_emplace(target, 0);
  if (fresh) {
    entry->second = grammar_.Add(name);
    open_.emplace_back(target, name);
  }
  return Rule(entry->second);
}

absl::StatusOr<Expr> SchemaCompiler::AllOf(const Schema& schema, const std::string& path) {
  const Schema& parts = schema["allOf"];
  const std::string here = SchemaPath(path, "allOf");
  if (!parts.is_array() || parts.empty()) return SchemaFault(here, "must be a list of schemas");
  Schema all = Without(schema, "allOf");
  for (const Schema& part : parts) {
    STRATA_ASSIGN_OR_RETURN(all, Both(std::move(all), part, here));
  }
  return Any(all, here);
}

absl::StatusOr<Expr> SchemaCompiler::Alternatives(const Schema& schema, const char* keyword,
                                                  const std::string& path) {
  const Schema& parts = schema[keyword];
  const std::string here = SchemaPath(path, keyword);
  if (!parts.is_array() || parts.empty()) return SchemaFault(here, "must be a list of schemas");
  if (keyword[0] == 'o' && parts.size() > kMostOneOf)
    return SchemaFault(here, absl::StrCat("has over ", kMostOneOf, " alternatives; use anyOf"));
  const Schema rest = Without(schema, keyword);
  std::vector<Expr> ways;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string at = SchemaPath(here, absl::StrCat(i));
    for (size_t j = 0; keyword[0] == 'o' && j < i; ++j) {
      STRATA_ASSIGN_OR_RETURN(const bool apart,
                              document_.Disjoint(parts[j], parts[i], here, &comparisons_));
      if (apart) continue;
      return SchemaFault(here, absl::StrCat("alternatives ", j, " and ", i,
                                            " may both match, which oneOf forbids; use anyOf"));
    }
    Schema part = parts[i];
    if (HasAssertions(rest)) {
      STRATA_ASSIGN_OR_RETURN(part, Both(parts[i], rest, at));
    }
    STRATA_ASSIGN_OR_RETURN(Expr way, Any(part, at));
    ways.push_back(std::move(way));
  }
  return Choice(std::move(ways));
}

absl::StatusOr<Expr> SchemaCompiler::Values(const Schema& schema, const std::string& path) {
  for (const auto& [key, value] : schema.items()) {
    if (key == "type" || key == "enum" || key == "const" || key == "nullable" || IsAnnotation(key))
      continue;
    return SchemaFault(SchemaPath(path, key), "is not supported beside enum or const");
  }
  Schema values = schema.contains("const") ? Schema::array({schema["const"]}) : schema["enum"];
  if (!values.is_array()) return SchemaFault(SchemaPath(path, "enum"), "must be a list");
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> types, TypesOf(schema, path));
  const auto is = [&](const std::string& type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  std::vector<Expr> ways;
  for (const Schema& value : values) {
    const std::string type = TypeOf(value);
    if (!is(type) && !(type == "integer" && is("number"))) continue;
    if (schema.contains("enum") && schema.contains("const") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      continue;
    ways.push_back(Exactly(value));
  }
  return Choice(std::move(ways));
}

Expr SchemaCompiler::Exactly(const Schema& value) {
  if (!value.is_structured())
    return Text(value.dump(-1, ' ', false, Schema::error_handler_t::replace));
  std::vector<Expr> parts;
  for (const auto& [key, part] : value.items()) {
    parts.push_back(value.is_array() ? Exactly(part)
                                     : json_.Member(JsonRules::Literal(key), Exactly(part)));
  }
  return value.is_array() ? json_.List(parts) : json_.Object(parts);
}

absl::StatusOr<Expr> SchemaCompiler::OfTypes(const Schema& schema, const std::string& path) {
  std::vector<std::string> types = ImpliedTypes(schema);
  if (!schema.contains("type")) {
    if (types.empty()) return Rule(json_.value());
    if (schema.contains("nullable") && schema["nullable"] == true) types.push_back("null");
  } else {
    STRATA_ASSIGN_OR_RETURN(types, TypesOf(schema, path));
  }
  const bool numbers = std::find(types.begin(), types.end(), "number") != types.end();
  std::vector<Expr> ways;
  for (const std::string& type : types) {
    if (type == "integer" && numbers) continue;
    STRATA_ASSIGN_OR_RETURN(Expr way, OfType(type, schema, path));
    ways.push_back(std::move(way));
  }
  return Choice(std::move(ways));
}

absl::StatusOr<Expr> SchemaCompiler::OfType(const std::string& type, const Schema& schema,
                                            const std::string& path) {
  Schema own = Schema::object();  // keywords of other types say nothing about this one
  for (const auto& [key, value] : schema.items())
    if (IsOfType(key, type)) own[key] = value;
  if (type == "null") return Text("null");
  if (type == "boolean") return Choice({Text("true"), Text("false")});
  if (type == "string") return String(own, path);
  if (type == "array") return Array(own, path);
  if (type == "object") return Members(own, path);
  return Number(own, type == "integer", path);
}

absl::StatusOr<int32_t> SchemaCompiler::Count(const Schema& schema, const char* key,
                                              int32_t otherwise, const std::string& path) {
  if (!schema.contains(key)) return otherwise;
  constexpr int64_t kMost = 1 << 30;
  const Schema& value = schema[key];
  if (!value.is_number_integer() || value < 0)
    return SchemaFault(SchemaPath(path, key), "must be a whole number that is not negative");
  return static_cast<int32_t>(std::min<uint64_t>(value.get<uint64_t>(), kMost));
}

absl::StatusOr<std::pair<int32_t, int32_t>> SchemaCompiler::Counts(const Schema& schema,
                                                                   const char* least,
                                                                   const char* most,
                                                                   const std::string& path) {
  std::pair<int32_t, int32_t> counts;
  STRATA_ASSIGN_OR_RETURN(counts.first, Count(schema, least, 0, path));
  STRATA_ASSIGN_OR_RETURN(counts.second, Count(schema, most, kNoLimit, path));
  return counts;
}

absl::StatusOr<Grammar> GrammarOfSchema(const Schema& schema) {
  Grammar grammar;
  const int root = grammar.Add("#");
  JsonRules json(&grammar);
  STRATA_ASSIGN_OR_RETURN(Expr body, AddSchema(schema, &json, &grammar));
  grammar.rules[static_cast<size_t>(root)].body = std::move(body);
  return grammar;
}

absl::StatusOr<Grammar> GrammarOfSchemaText(absl::string_view text) {
  // Objects that keep the order of their keys take time by the square of their number.
  constexpr size_t kMostBytes = 1 << 17;
  if (text.size() > kMostBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schema is longer than ", kMostBytes, " bytes"));
  }
  const Schema schema =
      Schema::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) return absl::InvalidArgumentError("the schema is not valid JSON");
  return GrammarOfSchema(schema);
}

absl::StatusOr<Expr> AddSchema(const Schema& schema, JsonRules* json, Grammar* grammar) {
  constexpr int kMostLevels = 500;
  int64_t values = 100'000;
  if (IsTooLarge(schema, kMostLevels, &values))
    return SchemaFault("#", "the schema is too large, or nested too deep");
  return SchemaCompiler(schema, json, grammar).Compile();
}

}  // namespace strata::inference::grammar
