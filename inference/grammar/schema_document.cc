#include "inference/grammar/schema_document.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace strata::inference::grammar {
namespace {

const std::vector<std::string>& AllTypes() {
  static const auto& all =
      *new std::vector<std::string>{"null", "boolean", "object", "array", "number", "string"};
  return all;
}

bool Has(const std::vector<std::string>& list, const std::string& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

// The types of both lists; integers are numbers.
std::vector<std::string> CommonTypes(const std::vector<std::string>& a,
                                     const std::vector<std::string>& b) {
  std::vector<std::string> common;
  for (const std::string& type : a)
    if (Has(b, type) || (type == "integer" && Has(b, "number"))) common.push_back(type);
  if (Has(b, "integer") && Has(a, "number") && !Has(common, "integer")) common.push_back("integer");
  return common;
}

// Values of const or enum; null when the schema does not list its values.
Schema ValuesOf(const Schema& schema) {
  if (!schema.is_object()) return nullptr;
  if (schema.contains("const")) return Schema::array({schema["const"]});
  if (schema.contains("enum") && schema["enum"].is_array()) return schema["enum"];
  return nullptr;
}

bool Contains(const Schema& list, const Schema& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Schema Common(const Schema& a, const Schema& b) {
  const std::set<Schema> others(b.begin(), b.end());
  Schema common = Schema::array();
  for (const Schema& value : a)
    if (others.count(value) > 0) common.push_back(value);
  return common;
}

const Schema& Child(const Schema& schema, const char* key) {
  static const Schema& none = *new Schema(Schema::object());
  const auto found = schema.find(key);
  return found == schema.end() || !found->is_object() ? none : *found;
}

bool Requires(const Schema& schema, const std::string& name) {
  const auto required = schema.find("required");
  return required != schema.end() && required->is_array() && Contains(*required, name);
}

// Whether `closed` has no room for something that `other` must have.
bool LacksRequired(const Schema& closed, const Schema& other) {
  const auto additional = closed.find("additionalProperties");
  if (additional == closed.end() || *additional != false || closed.contains("patternProperties"))
    return false;
  const auto required = other.find("required");
  if (required == other.end() || !required->is_array()) return false;
  return std::any_of(required->begin(), required->end(), [&](const Schema& name) {
    return name.is_string() && !Child(closed, "properties").contains(name.get<std::string>());
  });
}

// `nullable` is about the type beside it, not about that of another schema.
absl::Status NullAsType(Schema* schema, const std::string& path) {
  if (!schema->contains("type") || !schema->contains("nullable")) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(
      (*schema)["type"],
      TypesOf({{"type", (*schema)["type"]}, {"nullable", (*schema)["nullable"]}}, path));
  schema->erase("nullable");
  return absl::OkStatus();
}

// Whether `items` of one are about items that the other describes by their places.
bool ItemsOverlap(const Schema& all, const Schema& placed) {
  const bool old = placed.contains("items") && placed["items"].is_array();
  return all.contains("items") && !all.contains("prefixItems") && !all["items"].is_array() &&
         (old || placed.contains("prefixItems"));
}

// Properties that `closed` does not describe are additional to it.
absl::Status BindAdditional(const Schema& closed, const std::string& path, Schema* other) {
  const auto additional = closed.find("additionalProperties");
  if (additional == closed.end() || !HasAssertions(*additional)) return absl::OkStatus();
  if (Child(*other, "properties").empty()) return absl::OkStatus();
  for (auto& [name, schema] : (*other)["properties"].items()) {
    if (Child(closed, "properties").contains(name)) continue;
    if (*additional != false) {
      return SchemaFault(path, absl::StrCat("\"additionalProperties\" of one and \"", name,
                                            "\" of the other cannot be combined"));
    }
    schema = false;
  }
  return absl::OkStatus();
}

constexpr const char* kGreater[] = {"minimum", "exclusiveMinimum", "minLength", "minItems",
                                    "minProperties"};
constexpr const char* kSmaller[] = {"maximum", "exclusiveMaximum", "maxLength", "maxItems",
                                    "maxProperties"};

bool IsOneOf(const std::string& key, const char* const (&list)[5]) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

}  // namespace

absl::Status SchemaFault(const std::string& path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", message));
}

std::string SchemaPath(const std::string& path, absl::string_view key) {
  return absl::StrCat(path, "/", absl::StrReplaceAll(key, {{"~", "~0"}, {"/", "~1"}}));
}

bool IsAnnotation(absl::string_view keyword) {
  static const auto& annotations = *new std::set<std::string>{
      "$schema",   "$id",         "$comment", "$anchor",      "$defs",           "definitions",
      "title",     "default",     "examples", "example",      "deprecated",      "readOnly",
      "writeOnly", "description", "xml",      "externalDocs", "contentEncoding", "contentMediaType",
      "strict"};
  // OpenAPI's discriminator repeats what its oneOf says.
  return annotations.count(std::string(keyword)) > 0 || keyword == "discriminator" ||
         absl::StartsWith(keyword, "x-");
}

bool HasAssertions(const Schema& schema) {
  if (!schema.is_object()) return schema != true;
  for (const auto& [key, value] : schema.items())
    if (!IsAnnotation(key)) return true;
  return false;
}

std::string TypeOf(const Schema& value) {
  if (value.is_number_integer()) return "integer";
  return value.type_name();
}

absl::StatusOr<std::vector<std::string>> TypesOf(const Schema& schema, const std::string& path) {
  std::vector<std::string> types;
  const Schema values = ValuesOf(schema);
  for (const Schema& value : values)
    if (!Has(types, TypeOf(value))) types.push_back(TypeOf(value));
  if (!schema.is_object() || !schema.contains("type"))
    return values.is_null() ? AllTypes() : std::move(types);
  const Schema list = schema["type"].is_array() ? schema["type"] : Schema::array({schema["type"]});
  std::vector<std::string> named;
  for (const Schema& type : list) {
    const std::string name = type.is_string() ? type.get<std::string>() : type.dump();
    if (!Has(AllTypes(), name) && name != "integer")
      return SchemaFault(SchemaPath(path, "type"), absl::StrCat("\"", name, "\" is no type"));
    if (!Has(named, name)) named.push_back(name);
  }
  if (schema.contains("nullable") && schema["nullable"] == true && !Has(named, "null"))
    named.push_back("null");
  return values.is_null() ? std::move(named) : CommonTypes(types, named);
}

absl::StatusOr<const Schema*> SchemaDocument::Resolve(absl::string_view ref,
                                                      const std::string& path) const {
  const auto fault = [&](absl::string_view message) {
    return SchemaFault(SchemaPath(path, "$ref"), absl::StrCat("\"", ref, "\" ", message));
  };
  if (ref.empty() || ref[0] != '#' || (ref.size() > 1 && ref[1] != '/'))
    return fault("is not in this schema; only \"#\" and \"#/...\" are supported");
  const Schema* at = &root_;
  absl::string_view rest = ref.substr(1);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string key =
        absl::StrReplaceAll(absl::StrReplaceAll(rest.substr(0, end), {{"~1", "/"}, {"~0", "~"}}),
                            {{"%25", "%"}, {"%20", " "}});
    rest.remove_prefix(end);
    size_t index = 0;
    if (at->is_object() && at->contains(key)) {
      at = &(*at)[key];
    } else if (at->is_array() && absl::SimpleAtoi(key, &index) && index < at->size()) {
      at = &(*at)[index];
    } else {
      return fault("is not there");
    }
  }
  return at;
}

absl::StatusOr<const Schema*> SchemaDocument::Behind(const Schema& schema,
                                                     const std::string& path) const {
  const Schema* at = &schema;
  for (int steps = 0; at->is_object() && at->contains("$ref"); ++steps) {
    if (steps == 64) return SchemaFault(path, "$ref goes round in a circle");
    const Schema& ref = (*at)["$ref"];
    if (!ref.is_string()) return SchemaFault(SchemaPath(path, "$ref"), "must be a string");
    Schema rest = *at;
    rest.erase("$ref");
    if (HasAssertions(rest)) break;
    STRATA_ASSIGN_OR_RETURN(at, Resolve(ref.get_ref<const std::string&>(), path));
  }
  return at;
}

absl::StatusOr<bool> SchemaDocument::Disjoint(const Schema& a, const Schema& b,
                                              const std::string& path, int64_t* work) const {
  return Disjoint(a, b, path, work, /*depth=*/0);
}

absl::StatusOr<Schema> SchemaDocument::Both(Schema a, const Schema& b,
                                            const std::string& path) const {
  STRATA_ASSIGN_OR_RETURN(const Schema* first, Behind(a, path));
  STRATA_ASSIGN_OR_RETURN(const Schema* second, Behind(b, path));
  if (*first == false || *second == false) return Schema(false);
  if (!HasAssertions(*first)) return *second;
  if (first != &a) a = Schema(*first);
  if (!HasAssertions(*second)) return a;
  if (!a.is_object() || !second->is_object())
    return SchemaFault(path, "must be an object or a boolean");
  Schema other = *second;
  for (Schema* schema : {&a, &other}) STRATA_RETURN_IF_ERROR(NullAsType(schema, path));
  if (ItemsOverlap(a, other) || ItemsOverlap(other, a))
    return SchemaFault(path, "\"items\" of one and first items of the other cannot be combined");
  STRATA_RETURN_IF_ERROR(BindAdditional(a, path, &other));
  STRATA_RETURN_IF_ERROR(BindAdditional(other, path, &a));
  for (const auto& [key, value] : other.items()) STRATA_RETURN_IF_ERROR(Add(key, value, path, &a));
  return a;
}

absl::Status SchemaDocument::Add(const std::string& key, const Schema& value,
                                 const std::string& path, Schema* to) const {
  if (IsAnnotation(key)) return absl::OkStatus();
  if (!to->contains(key)) {
    (*to)[key] = value;
    return absl::OkStatus();
  }
  Schema& known = (*to)[key];
  if (known == value) return absl::OkStatus();
  const bool numbers = known.is_number() && value.is_number();
  if (numbers && IsOneOf(key, kGreater)) {
    known = std::max(known, value);
  } else if (numbers && IsOneOf(key, kSmaller)) {
    known = std::min(known, value);
  } else if (key == "type") {
    STRATA_ASSIGN_OR_RETURN(const auto here, TypesOf({{"type", known}}, path));
    STRATA_ASSIGN_OR_RETURN(const auto there, TypesOf({{"type", value}}, path));
    known = CommonTypes(here, there);
  } else if (key == "required" && known.is_array() && value.is_array()) {
    for (const Schema& name : value)
      if (!Contains(known, name)) known.push_back(name);
  } else if (key == "properties" && known.is_object() && value.is_object()) {
    for (const auto& [name, schema] : value.items()) {
      known[name] = known.contains(name) ? Schema{{"allOf", {known[name], schema}}} : schema;
    }
  } else if (key == "enum" && known.is_array() && value.is_array()) {
    known = Common(known, value);
  } else if (key == "items" || key == "additionalProperties" || key == "propertyNames") {
    known = Schema{{"allOf", {known, value}}};
  } else {
    return SchemaFault(path, absl::StrCat("two different \"", key, "\" cannot be combined"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SchemaDocument::Disjoint(const Schema& a, const Schema& b,
                                              const std::string& path, int64_t* work,
                                              int depth) const {
  constexpr int kDeepest = 8;
  if (depth > kDeepest || --*work < 0) return false;
  STRATA_ASSIGN_OR_RETURN(const Schema* first, Behind(a, path));
  STRATA_ASSIGN_OR_RETURN(const Schema* second, Behind(b, path));
  if (!first->is_object() || !second->is_object()) return *first == false || *second == false;
  STRATA_ASSIGN_OR_RETURN(const auto types, TypesOf(*first, path));
  STRATA_ASSIGN_OR_RETURN(const auto others, TypesOf(*second, path));
  const std::vector<std::string> common = CommonTypes(types, others);
  if (common.empty()) return true;
  // Names are looked for one by one.
  const auto named = [](const Schema& schema) {
    const auto required = schema.find("required");
    return static_cast<int64_t>(Child(schema, "properties").size() +
                                (required == schema.end() ? 0 : required->size()));
  };
  *work -= named(*first) * named(*second) / 64;
  const Schema values = ValuesOf(*first), other_values = ValuesOf(*second);
  *work -= static_cast<int64_t>(values.size() + other_values.size()) / 4;
  if (*work < 0) return false;
  if (!values.is_null() && !other_values.is_null()) return Common(values, other_values).empty();
  if (common != std::vector<std::string>{"object"}) return false;
  if (LacksRequired(*first, *second) || LacksRequired(*second, *first)) return true;
  // A property that tells them apart.
  for (const auto& [name, schema] : Child(*first, "properties").items()) {
    const Schema& properties = Child(*second, "properties");
    if (!properties.contains(name) || (!Requires(*first, name) && !Requires(*second, name)))
      continue;
    STRATA_ASSIGN_OR_RETURN(const bool apart,
                            Disjoint(schema, properties[name], path, work, depth + 1));
    if (apart) return true;
  }
  return false;
}

}  // namespace strata::inference::grammar
