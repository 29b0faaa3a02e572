#include "inference/jinja/printing.h"

#include <charconv>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

// The escape of a character inside quotes, or nothing when it stands for itself.
std::string Escape(absl::string_view character, char quote) {
  const uint32_t code = CodePoint(character);
  switch (code) {
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  if (code == static_cast<uint32_t>(quote)) return std::string{'\\', quote};
  if (IsPrintable(code)) return "";
  if (code < 0x100) return absl::StrFormat("\\x%02x", code);
  if (code < 0x10000) return absl::StrFormat("\\u%04x", code);
  return absl::StrFormat("\\U%08x", code);
}

void WriteQuoted(const Text& text, TextBuilder* out) {
  const absl::string_view bytes = text.bytes();
  const char quote = absl::StrContains(bytes, '\'') && !absl::StrContains(bytes, '"') ? '"' : '\'';
  out->Append(absl::string_view(&quote, 1));
  size_t plain = 0;  // where characters begin that stand for themselves
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = CharacterSize(bytes.substr(at));
    const std::string escape = Escape(bytes.substr(at, size), quote);
    if (!escape.empty()) {
      out->Append(text, plain, at - plain);
      out->Append(escape, text.OriginAt(at));
      plain = at + size;
    }
    at += size;
  }
  out->Append(text, plain, bytes.size() - plain);
  out->Append(absl::string_view(&quote, 1));
}

class Printer {
 public:
  explicit Printer(TextBuilder* out) : out_(out) {}

  absl::Status Write(const Value& value, int depth) {
    STRATA_RETURN_IF_ERROR(out_->status());
    STRATA_RETURN_IF_ERROR(out_->heap()->Spend(1));
    if (depth > out_->heap()->limits().depth) {
      return absl::ResourceExhaustedError(
          "a value is nested too deeply to be printed; print its parts");
    }
    switch (value.kind()) {
      case Kind::kString:
        WriteQuoted(value.text(), out_);
        return absl::OkStatus();
      case Kind::kSequence:
        return WriteSequence(*value.object<SequenceObject>(), value.TypeName(), depth);
      case Kind::kDict:
        return WriteDict(*value.object<DictObject>(), depth);
      case Kind::kNamespace:
        out_->Append("<Namespace ");
        STRATA_RETURN_IF_ERROR(WriteDict(*value.object<NamespaceObject>()->values, depth));
        out_->Append(">");
        return absl::OkStatus();
      default:
        out_->Append(Plain(value));
        return absl::OkStatus();
    }
  }

 private:
  static std::string Plain(const Value& value) {
    switch (value.kind()) {
      case Kind::kUndefined:
        return "Undefined";
      case Kind::kNone:
        return "None";
      case Kind::kBool:
        return value.bool_value() ? "True" : "False";
      case Kind::kInt:
        return absl::StrCat(value.int_value());
      case Kind::kFloat:
        return FormatFloat(value.float_value());
      case Kind::kFunction:
        return absl::StrCat("<function ", value.object<FunctionObject>()->name(), ">");
      default:
        return absl::StrCat("<", value.TypeName(), " object>");
    }
  }

  absl::Status WriteItems(const std::vector<Value>& items, int depth) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_->Append(", ");
      STRATA_RETURN_IF_ERROR(Write(items[i], depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status WriteSequence(const SequenceObject& sequence, absl::string_view type, int depth) {
    const std::vector<Value>& items = sequence.items;
    if (sequence.flavor == SequenceFlavor::kRange) return WriteRange(items);
    if (sequence.flavor == SequenceFlavor::kTuple) {
      out_->Append("(");
      STRATA_RETURN_IF_ERROR(WriteItems(items, depth));
      out_->Append(items.size() == 1 ? ",)" : ")");
      return absl::OkStatus();
    }
    const bool view = sequence.flavor != SequenceFlavor::kList;
    if (view) out_->Append(absl::StrCat(type, "("));
    out_->Append("[");
    STRATA_RETURN_IF_ERROR(WriteItems(items, depth));
    out_->Append(view ? "])" : "]");
    return absl::OkStatus();
  }

  absl::Status WriteRange(const std::vector<Value>& items) {
    const int64_t first = items.empty() ? 0 : items[0].int_value();
    const int64_t step = items.size() < 2 ? 1 : items[1].int_value() - first;
    const int64_t end = items.empty() ? 0 : items.back().int_value() + (step < 0 ? -1 : 1);
    out_->Append(absl::StrCat("range(", first, ", ", end));
    out_->Append(step == 1 ? ")" : absl::StrCat(", ", step, ")"));
    return absl::OkStatus();
  }

  absl::Status WriteDict(const DictObject& dict, int depth) {
    out_->Append("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries()) {
      if (!first) out_->Append(", ");
      first = false;
      STRATA_RETURN_IF_ERROR(Write(key, depth + 1));
      out_->Append(": ");
      STRATA_RETURN_IF_ERROR(Write(value, depth + 1));
    }
    out_->Append("}");
    return absl::OkStatus();
  }

  TextBuilder* const out_;
};

}  // namespace

std::string FormatFloat(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const double size = std::abs(number);
  const bool scientific = size != 0 && (size < 1e-4 || size >= 1e16);
  char digits[64];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, number,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(digits, end.ptr);
  if (!scientific && !absl::StrContains(text, '.')) text += ".0";
  return text;
}

absl::Status WriteRepr(const Value& value, TextBuilder* out) {
  STRATA_RETURN_IF_ERROR(Printer(out).Write(value, 0));
  return out->status();
}

absl::Status WriteValue(const Value& value, TextBuilder* out) {
  if (value.is_undefined()) return absl::OkStatus();
  if (!value.is_string()) return WriteRepr(value, out);
  out->Append(value.text());
  return out->status();
}

absl::StatusOr<Value> ToString(const Value& value, Heap* heap) {
  if (value.is_string()) return value;
  TextBuilder text(heap);
  STRATA_RETURN_IF_ERROR(WriteValue(value, &text));
  return text.Finish();
}

}  // namespace strata::inference::jinja
