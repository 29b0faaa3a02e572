#include "inference/grammar/schema_oracle.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace strata::inference::grammar {
namespace {

using Json = nlohmann::ordered_json;

size_t Characters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == value.type_name();
}

class Validator {
 public:
  explicit Validator(const Json& root) : root_(root) {}

  bool Allows(const Json& schema, const Json& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    return std::all_of(schema.items().begin(), schema.items().end(), [&](const auto& item) {
      return Keyword(item.key(), item.value(), schema, value);
    });
  }

 private:
  bool Keyword(const std::string& key, const Json& is, const Json& schema, const Json& v) const {
    const auto matching = [&] {
      return std::count_if(is.begin(), is.end(), [&](const Json& s) { return Allows(s, v); });
    };
    if (key == "$defs" || key == "title") return true;
    if (key == "$ref")
      return Allows(root_.at(Json::json_pointer(is.get<std::string>().substr(1))), v);
    if (key == "allOf") return matching() == static_cast<ptrdiff_t>(is.size());
    if (key == "anyOf") return matching() > 0;
    if (key == "oneOf") return matching() == 1;
    if (key == "const") return v == is;
    if (key == "enum") return std::find(is.begin(), is.end(), v) != is.end();
    if (key == "type" && is.is_string()) return IsOfType(v, is);
    if (key == "type")
      return std::any_of(is.begin(), is.end(), [&](const Json& t) { return IsOfType(v, t); });
    if (v.is_number()) return !is.is_number() || Number(key, is.get<double>(), v.get<double>());
    if (v.is_string()) return String(key, is, v);
    if (v.is_array()) return Array(key, is, schema, v);
    if (v.is_object()) return Object(key, is, schema, v);
    return true;
  }

  static bool Number(const std::string& key, double bound, double v) {
    if (key == "minimum") return v >= bound;
    if (key == "maximum") return v <= bound;
    if (key == "exclusiveMinimum") return v > bound;
    if (key == "exclusiveMaximum") return v < bound;
    return true;  // a keyword of another type
  }

  static bool String(const std::string& key, const Json& is, const std::string& v) {
    if (key == "minLength") return Characters(v) >= is.get<size_t>();
    if (key == "maxLength") return Characters(v) <= is.get<size_t>();
    if (key == "pattern") return std::regex_search(v, std::regex(is.get<std::string>()));
    return true;
  }

  bool Array(const std::string& key, const Json& is, const Json& schema, const Json& v) const {
    if (key == "minItems") return v.size() >= is.get<size_t>();
    if (key == "maxItems") return v.size() <= is.get<size_t>();
    const size_t first = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
    for (size_t i = 0; i < v.size(); ++i) {
      if (key == "prefixItems" && i < first && !Allows(is[i], v[i])) return false;
      if (key == "items" && i >= first && !Allows(is, v[i])) return false;
    }
    return true;
  }

  bool Object(const std::string& key, const Json& is, const Json& schema, const Json& v) const {
    if (key == "minProperties") return v.size() >= is.get<size_t>();
    if (key == "maxProperties") return v.size() <= is.get<size_t>();
    if (key == "required")
      return std::all_of(is.begin(), is.end(),
                         [&](const Json& name) { return v.contains(name.get<std::string>()); });
    for (const auto& [name, member] : v.items()) {
      const bool known = schema.contains("properties") && schema["properties"].contains(name);
      if (key == "properties" && known && !Allows(is[name], member)) return false;
      if (key == "additionalProperties" && !known && !Allows(is, member)) return false;
      if (key == "propertyNames" && !Allows(is, name)) return false;
    }
    return true;
  }

  const Json& root_;
};

constexpr const char* kPatterns[] = {"^[a-z]{2,4}$", "b+c?$", "^\\d{3}-(x|\"y\")", "\\\\.|[ \\t]$"};
constexpr const char* kMatches[] = {"abc", "xxbb", "123-\"y\"z", "a\tb "};

class Maker {
 public:
  explicit Maker(std::mt19937_64& random) : random_(random) {}

  Json Root() {
    Json root = Make(3);
    root["$defs"]["node"] = {
        {"type", "object"},
        {"properties",
         {{"value", Make(0)},  // no node, so that nodes end
          {"next", {{"anyOf", {{{"$ref", "#/$defs/node"}}, {{"type", "null"}}}}}}}},
        {"required", {"value", "next"}},
        {"additionalProperties", false}};
    return root;
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

  Json Make(int depth) {
    switch (Below(depth == 0 ? 6 : 13)) {
      case 0:
        return {{"type", "boolean"}};
      case 1:
        return String();
      case 2:
        return Bounds("integer", 1);
      case 3:
        return Bounds("number", 100);
      case 4:
        return {{"enum", {"red", 3, nullptr, -1.5, {{"a", {1, 2}}}, "q\"\\\n"}}};
      case 5:
        return {{"type", {"string", "null", "integer"}}, {"minimum", -20}, {"maxLength", 4}};
      case 6:
        return {{"const", Below(2) == 0 ? Json("é") : Json::array({true})}};
      case 7:
        return {{"$ref", "#/$defs/node"}};
      case 8:
        return {{"anyOf", {Make(depth - 1), Make(depth - 1)}}};
      case 9:
        return {{"oneOf",
                 {{{"type", "object"},
                   {"properties", {{"kind", {{"const", "a"}}}, {"x", Make(depth - 1)}}},
                   {"required", {"kind"}},
                   {"additionalProperties", false}},
                  {{"type", "object"},
                   {"properties", {{"kind", {{"const", "b"}}}}},
                   {"required", {"kind"}},
                   {"additionalProperties", false}},
                  {{"type", "string"}, {"maxLength", 3}}}}};
      case 10:
        return Array(depth);
      default:
        return Object(depth);
    }
  }

  Json String() {
    Json schema = {{"type", "string"}};
    const int kind = Below(3);
    if (kind == 0) schema["pattern"] = kPatterns[Below(4)];
    if (kind == 1) schema["minLength"] = Below(5);
    if (kind == 1) schema["maxLength"] = 4 + Below(20);
    return schema;
  }

  Json Bounds(const char* type, int scale) {
    Json schema = {{"type", type}};
    const auto bound = [&](int from) -> Json {
      const int n = from + Below(400);
      return scale == 1 ? Json(n) : Json(static_cast<double>(n) / scale);
    };
    if (Below(3) > 0) schema[Below(2) == 0 ? "minimum" : "exclusiveMinimum"] = bound(-500);
    if (Below(3) > 0) schema[Below(2) == 0 ? "maximum" : "exclusiveMaximum"] = bound(-80);
    const double least =
        std::max(schema.value("minimum", -1e9), schema.value("exclusiveMinimum", -1e9));
    const double most =
        std::min(schema.value("maximum", 1e9), schema.value("exclusiveMaximum", 1e9));
    return most - least > 2 ? schema : Json{{"type", type}};
  }

  Json Array(int depth) {
    Json schema = {{"type", "array"}, {"items", Make(depth - 1)}};
    if (Below(2) == 0) schema["prefixItems"] = {Make(depth - 1), Make(0)};
    if (Below(2) == 0) schema["minItems"] = Below(4);
    if (Below(2) == 0) schema["maxItems"] = 3 + Below(4);
    return schema;
  }

  Json Object(int depth) {
    Json schema = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
    if (Below(4) == 0) return Map(depth);
    const char* names[] = {"a", "ab", "b\"q", "été", "zz"};
    for (const char* name : names) {
      if (Below(2) == 0) continue;
      schema["properties"][name] = Make(depth - 1);
      if (Below(2) == 0) schema["required"].push_back(name);
    }
    const int more = Below(3);
    if (more == 0) schema["additionalProperties"] = false;
    if (more == 1) schema["additionalProperties"] = {{"type", "integer"}};
    return schema;
  }

  Json Map(int depth) {
    Json schema = {{"type", "object"}, {"additionalProperties", Make(depth - 1)}};
    if (Below(2) == 0) schema["minProperties"] = 1;
    if (Below(2) == 0) schema["maxProperties"] = 3;
    if (Below(2) == 0) schema["propertyNames"] = {{"pattern", "^[a-z]{1,3}$"}};
    return schema;
  }

  std::mt19937_64& random_;
};

class ValueMaker {
 public:
  ValueMaker(const Json& root, std::mt19937_64& random) : root_(root), random_(random) {}

  Json Make(const Json& s, int depth) {
    if (s.contains("$ref")) return Make(root_["$defs"]["node"], depth + 1);
    for (const char* key : {"anyOf", "oneOf"})
      if (s.contains(key)) return Make(depth > 6 ? s[key].back() : Pick(s[key]), depth + 1);
    if (s.contains("enum")) return Pick(s["enum"]);
    if (s.contains("const")) return s["const"];
    const Json type = s["type"].is_array() ? Pick(s["type"]) : s["type"];
    if (type == "null") return nullptr;
    if (type == "boolean") return Below(2) == 0;
    if (type == "string") return String(s);
    if (type == "integer" || type == "number") return Number(s, type == "integer");
    return type == "array" ? Array(s, depth) : Object(s, depth);
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  Json Pick(const Json& list) {
    return list[static_cast<size_t>(Below(static_cast<int>(list.size())))];
  }

  Json String(const Json& s) {
    for (size_t i = 0; i < 4; ++i)
      if (s.contains("pattern") && s["pattern"] == kPatterns[i]) return kMatches[i];
    const char* pieces[] = {"a", "é", "🎉", "\n", "\"", "\\", "/", "\x7f", " ", "\x01"};
    const int least = s.value("minLength", 0), most = s.value("maxLength", 12);
    std::string text;
    for (int n = least + Below(most - least + 1); n > 0; --n) text += pieces[Below(10)];
    return text;
  }

  Json Number(const Json& s, bool integer) {
    const double step = integer ? 1 : 0.25;
    double least = std::max(s.value("minimum", -1e3), s.value("exclusiveMinimum", -1e3) + step / 4);
    double most = std::min(s.value("maximum", 1e3), s.value("exclusiveMaximum", 1e3) - step / 4);
    least = std::ceil(least / step), most = std::floor(most / step);
    const double value = step * (least + Below(static_cast<int>(most - least) + 1));
    return integer ? Json(static_cast<int64_t>(value)) : Json(value);
  }

  Json Array(const Json& s, int depth) {
    Json list = Json::array();
    const int least = s.value("minItems", 0), most = s.value("maxItems", least + 3);
    const int size = depth > 6 ? least : least + Below(most - least + 1);
    for (int i = 0; i < size; ++i) {
      const auto at = static_cast<size_t>(i);
      const bool first = s.contains("prefixItems") && at < s["prefixItems"].size();
      list.push_back(Make(first ? s["prefixItems"][at] : s["items"], depth + 1));
    }
    return list;
  }

  Json Object(const Json& s, int depth) {
    Json object = Json::object();
    const Json properties = s.value("properties", Json::object());
    const Json required = s.value("required", Json::array());
    for (const auto& [name, schema] : properties.items()) {
      const bool must = std::find(required.begin(), required.end(), name) != required.end();
      if (must || (depth < 6 && Below(2) == 0)) object[name] = Make(schema, depth + 1);
    }
    if (!s.contains("additionalProperties") || !s["additionalProperties"].is_object())
      return object;
    for (const char* name : {"k", "abc"}) {  // no name of a property, but the beginning of one is
      const bool must = s.contains("minProperties") && object.empty();
      if (must || Below(2) == 0) object[name] = Make(s["additionalProperties"], depth + 1);
    }
    return object;
  }

  const Json& root_;
  std::mt19937_64& random_;
};

}  // namespace

bool SchemaAllows(const Json& root, const Json& schema, const Json& value) {
  return Validator(root).Allows(schema, value);
}

Json RandomSchema(std::mt19937_64& random) { return Maker(random).Root(); }

Json RandomValue(const Json& root, const Json& schema, std::mt19937_64& random) {
  return ValueMaker(root, random).Make(schema, 0);
}

}  // namespace strata::inference::grammar
