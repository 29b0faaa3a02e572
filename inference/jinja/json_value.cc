#include "inference/jinja/json_value.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/unicode.h"
#include "nlohmann/json.hpp"

namespace strata::inference::jinja {
namespace {

absl::Status TooDeep() {
  return absl::ResourceExhaustedError("a value is nested too deeply for JSON; pass its parts");
}

template <typename Json>
absl::StatusOr<Value> FromJson(const Json& json, Origin origin, int depth, Heap* heap) {
  if (depth > heap->limits().depth) return TooDeep();
  STRATA_RETURN_IF_ERROR(heap->CheckRoom());
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::Bool(json.template get<bool>());
    case Json::value_t::number_integer:
      return Value::Int(json.template get<int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.template get<uint64_t>();
      if (number > uint64_t{INT64_MAX}) return Value::Float(static_cast<double>(number));
      return Value::Int(static_cast<int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value::Float(json.template get<double>());
    case Json::value_t::string:
      return heap->String(json.template get_ref<const std::string&>(), origin);
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) {
        STRATA_ASSIGN_OR_RETURN(Value value, FromJson(item, origin, depth + 1, heap));
        items.push_back(std::move(value));
      }
      return heap->List(std::move(items));
    }
    case Json::value_t::object: {
      DictObject* dict = heap->NewDict();
      for (const auto& [key, item] : json.items()) {
        STRATA_ASSIGN_OR_RETURN(Value value, FromJson(item, origin, depth + 1, heap));
        STRATA_RETURN_IF_ERROR(dict->Set(heap->String(key, origin), std::move(value)));
      }
      return Value::Of(dict);
    }
    default:
      return Value::None();
  }
}

class Writer {
 public:
  Writer(const JsonStyle& style, TextBuilder* out)
      : style_(style),
        comma_(style.between_items.value_or(style.indent.has_value() ? "," : ", ")),
        colon_(style.after_key.value_or(": ")),
        out_(out) {}

  absl::Status Write(const Value& value, int depth) {
    STRATA_RETURN_IF_ERROR(out_->status());
    STRATA_RETURN_IF_ERROR(out_->heap()->Spend(1));
    if (depth > out_->heap()->limits().depth) return TooDeep();
    switch (value.kind()) {
      case Kind::kString:
        WriteString(value.text());
        return absl::OkStatus();
      case Kind::kSequence:
        if (!value.object<SequenceObject>()->indexable()) break;
        if (value.object<SequenceObject>()->flavor == SequenceFlavor::kRange) break;
        return WriteList(value.object<SequenceObject>()->items, depth);
      case Kind::kDict:
        return WriteDict(*value.object<DictObject>(), depth);
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        out_->Append(Scalar(value));
        return absl::OkStatus();
      default:
        break;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("a value of type ", value.TypeName(), " cannot be written as JSON",
                     value.is_undefined() ? absl::StrCat(": ", value.undefined_message()) : ""));
  }

 private:
  static std::string Scalar(const Value& value) {
    switch (value.kind()) {
      case Kind::kNone:
        return "null";
      case Kind::kBool:
        return value.bool_value() ? "true" : "false";
      case Kind::kInt:
        return absl::StrCat(value.int_value());
      default:
        if (std::isnan(value.float_value())) return "NaN";
        if (std::isinf(value.float_value()))
          return value.float_value() < 0 ? "-Infinity" : "Infinity";
        return FormatFloat(value.float_value());
    }
  }

  std::string Escape(absl::string_view character) const {
    const uint32_t code = CodePoint(character);
    switch (code) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      case '\r':
        return "\\r";
      case '\t':
        return "\\t";
      case '\b':
        return "\\b";
      case '\f':
        return "\\f";
      default:
        break;
    }
    if (code >= 0x20 && (code < 0x7F || !style_.ascii)) return "";
    if (code == 0x7F) return "";
    if (code < 0x10000) return absl::StrFormat("\\u%04x", code);
    const uint32_t rest = code - 0x10000;
    return absl::StrFormat("\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  }

  void WriteString(const Text& text) {
    const absl::string_view bytes = text.bytes();
    out_->Append("\"");
    size_t plain = 0;  // where characters begin that stand for themselves
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = CharacterSize(bytes.substr(at));
      const std::string escape = Escape(bytes.substr(at, size));
      if (!escape.empty()) {
        out_->Append(text, plain, at - plain);
        out_->Append(escape, text.OriginAt(at));
        plain = at + size;
      }
      at += size;
    }
    out_->Append(text, plain, bytes.size() - plain);
    out_->Append("\"");
  }

  void NewLine(int depth) {
    if (!style_.indent.has_value()) return;
    out_->Append("\n");
    for (int i = 0; i < depth; ++i) out_->Append(*style_.indent);
  }

  absl::Status WriteList(const std::vector<Value>& items, int depth) {
    out_->Append("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_->Append(comma_);
      NewLine(depth + 1);
      STRATA_RETURN_IF_ERROR(Write(items[i], depth + 1));
    }
    if (!items.empty()) NewLine(depth);
    out_->Append("]");
    return absl::OkStatus();
  }

  absl::Status WriteKey(const Value& key) {
    if (key.is_string()) {
      WriteString(key.text());
    } else if (key.is_none() || key.is_number()) {
      out_->Append(absl::StrCat("\"", Scalar(key), "\""));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("a ", key.TypeName(), " cannot be a key of a JSON object"));
    }
    return absl::OkStatus();
  }

  absl::Status WriteDict(const DictObject& dict, int depth) {
    std::vector<DictObject::Entry> entries = dict.entries();
    if (style_.sort_keys) {
      for (const auto& entry : entries) {
        if (!entry.first.is_string())
          return absl::InvalidArgumentError("sort_keys needs keys that are strings");
      }
      std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return a.first.text().bytes() < b.first.text().bytes();
      });
    }
    out_->Append("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_->Append(comma_);
      NewLine(depth + 1);
      STRATA_RETURN_IF_ERROR(WriteKey(entries[i].first));
      out_->Append(colon_);
      STRATA_RETURN_IF_ERROR(Write(entries[i].second, depth + 1));
    }
    if (!entries.empty()) NewLine(depth);
    out_->Append("}");
    return absl::OkStatus();
  }

  const JsonStyle& style_;
  const std::string comma_, colon_;
  TextBuilder* const out_;
};

}  // namespace

absl::StatusOr<Value> ValueFromJson(const nlohmann::ordered_json& json, Origin origin, Heap* heap) {
  return FromJson(json, origin, 0, heap);
}

absl::StatusOr<Value> ValueFromJson(const nlohmann::json& json, Origin origin, Heap* heap) {
  return FromJson(json, origin, 0, heap);
}

absl::Status WriteJson(const Value& value, const JsonStyle& style, TextBuilder* out) {
  STRATA_RETURN_IF_ERROR(Writer(style, out).Write(value, 0));
  return out->status();
}

}  // namespace strata::inference::jinja
