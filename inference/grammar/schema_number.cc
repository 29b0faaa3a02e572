// Numbers of JSON schemas.
#include <map>

#include "absl/strings/str_cat.h"
#include "inference/grammar/schema_compiler.h"

namespace strata::inference::grammar {
namespace {

bool IsLess(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative;
  const Decimal& small = a.negative ? b : a;
  const Decimal& great = a.negative ? a : b;
  if (small.whole.size() != great.whole.size()) return small.whole.size() < great.whole.size();
  if (small.whole != great.whole) return small.whole < great.whole;
  return small.fraction < great.fraction;
}

// What OpenAPI's formats of numbers bind; those of floating point bind nothing.
struct NumberFormat {
  const char* least;
  const char* most;
};

const NumberFormat* FindFormat(const std::string& name) {
  static const auto& formats = *new std::map<std::string, NumberFormat>{
      {"int8", {"-128", "127"}},
      {"int16", {"-32768", "32767"}},
      {"int32", {"-2147483648", "2147483647"}},
      {"int64", {nullptr, nullptr}},  // more digits than are written
      {"uint8", {"0", "255"}},
      {"uint16", {"0", "65535"}},
      {"uint32", {"0", "4294967295"}},
      {"uint64", {"0", nullptr}},
      {"uint", {"0", nullptr}},
      {"float", {nullptr, nullptr}},
      {"double", {nullptr, nullptr}}};
  const auto found = formats.find(name);
  return found == formats.end() ? nullptr : &found->second;
}

}  // namespace

// The tighter of several bounds counts.
absl::Status SchemaCompiler::ReadBound(const Schema& schema, const char* key,
                                       const std::string& path, std::optional<Decimal>* bound,
                                       bool* excluded, bool least) {
  if (!schema.contains(key)) return absl::OkStatus();
  const Schema& value = schema[key];
  if (!value.is_number()) {
    return SchemaFault(SchemaPath(path, key),
                       absl::StrCat("must be a number, not ", value.type_name()));
  }
  absl::StatusOr<Decimal> decimal = Decimal::Parse(value.dump());
  if (!decimal.ok()) return SchemaFault(SchemaPath(path, key), decimal.status().message());
  const bool excludes = key[0] == 'e';
  if (bound->has_value()) {
    const bool tighter = least ? IsLess(**bound, *decimal) : IsLess(*decimal, **bound);
    const bool equal = !IsLess(**bound, *decimal) && !IsLess(*decimal, **bound);
    if (!tighter && !(equal && excludes)) return absl::OkStatus();
  }
  *bound = *std::move(decimal);
  *excluded = excludes;
  return absl::OkStatus();
}

absl::StatusOr<Expr> SchemaCompiler::Number(const Schema& schema, bool integer,
                                            const std::string& path) {
  if (schema.contains("multipleOf") && !(integer && schema["multipleOf"] == 1))
    return SchemaFault(SchemaPath(path, "multipleOf"), "is not supported");
  Schema bounds = schema;
  if (schema.contains("format")) {
    const NumberFormat* format =
        schema["format"].is_string() ? FindFormat(schema["format"]) : nullptr;
    if (format == nullptr) {
      return SchemaFault(SchemaPath(path, "format"),
                         absl::StrCat(schema["format"].dump(), " is not a format of numbers"));
    }
    if (format->least != nullptr && !bounds.contains("minimum"))
      bounds["minimum"] = Schema::parse(format->least);
    if (format->most != nullptr && !bounds.contains("maximum"))
      bounds["maximum"] = Schema::parse(format->most);
  }
  NumberRange range;
  for (const char* key : {"minimum", "exclusiveMinimum"}) {
    STRATA_RETURN_IF_ERROR(
        ReadBound(bounds, key, path, &range.least, &range.above_least, /*least=*/true));
  }
  for (const char* key : {"maximum", "exclusiveMaximum"}) {
    STRATA_RETURN_IF_ERROR(
        ReadBound(bounds, key, path, &range.most, &range.below_most, /*least=*/false));
  }
  if (!range.bounded()) return Rule(integer ? json_.integer() : json_.number());
  absl::StatusOr<Expr> made = integer ? IntegersBetween(range) : NumbersBetween(range);
  if (!made.ok()) return SchemaFault(path, made.status().message());
  return made;
}

}  // namespace strata::inference::grammar
