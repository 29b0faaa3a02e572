// FormatPercent of operators.h.
#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "inference/jinja/operators.h"
#include "inference/jinja/printing.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

constexpr int kMostWidth = 10000;  // of one field; precision too

struct Specification {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  int width = 0;
  int precision = -1;
  char conversion = 's';
};

class PercentFormatter {
 public:
  PercentFormatter(const Text& format, const Value& values, Heap* heap)
      : format_(format), bytes_(format.bytes()), values_(values), heap_(heap), out_(heap) {
    if (values.kind() == Kind::kSequence &&
        values.object<SequenceObject>()->flavor == SequenceFlavor::kTuple) {
      tuple_ = &values.object<SequenceObject>()->items;
    }
  }

  absl::StatusOr<Value> Run() {
    while (at_ < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.Append(format_, at_, percent - at_);
      at_ = percent;
      if (at_ < bytes_.size()) STRATA_RETURN_IF_ERROR(Field());
    }
    const size_t given = tuple_ != nullptr ? tuple_->size() : 1;
    if (used_ < given && values_.kind() != Kind::kDict)
      return absl::InvalidArgumentError("not all values were used by the format string");
    return out_.Finish();
  }

 private:
  absl::StatusOr<Value> Next() {
    if (tuple_ != nullptr && used_ < tuple_->size()) return (*tuple_)[used_++];
    if (tuple_ == nullptr && used_++ == 0) return values_;
    return absl::InvalidArgumentError("the format string has more fields than there are values");
  }

  absl::StatusOr<Value> Named() {
    const size_t close = bytes_.find(')', at_);
    if (close == absl::string_view::npos)
      return absl::InvalidArgumentError("a format field lacks its ')'");
    const absl::string_view name = bytes_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    const Value* value =
        values_.kind() == Kind::kDict ? values_.object<DictObject>()->Find(name) : nullptr;
    if (value != nullptr) return *value;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no value '", name, "' for the format string"));
  }

  absl::StatusOr<int> Number() {
    int number = 0;
    for (; at_ < bytes_.size() && absl::ascii_isdigit(bytes_[at_]); ++at_) {
      number = number * 10 + (bytes_[at_] - '0');
      if (number > kMostWidth)
        return absl::InvalidArgumentError(
            absl::StrCat("a format field is wider than ", kMostWidth));
    }
    return number;
  }

  absl::StatusOr<Specification> ReadSpecification() {
    Specification field;
    for (; at_ < bytes_.size(); ++at_) {
      const char flag = bytes_[at_];
      if (flag == '-') {
        field.left = true;
      } else if (flag == '0') {
        field.zero = true;
      } else if (flag == '+') {
        field.plus = true;
      } else if (flag == ' ') {
        field.space = true;
      } else if (flag == '#') {
        field.alternate = true;
      } else {
        break;
      }
    }
    STRATA_ASSIGN_OR_RETURN(field.width, Number());
    if (at_ < bytes_.size() && bytes_[at_] == '.') {
      ++at_;
      STRATA_ASSIGN_OR_RETURN(field.precision, Number());
    }
    if (at_ == bytes_.size())
      return absl::InvalidArgumentError("the format string ends in a field");
    field.conversion = bytes_[at_++];
    return field;
  }

  absl::Status Field() {
    ++at_;  // the percent sign
    absl::StatusOr<Value> named = Value();
    const bool by_name = at_ < bytes_.size() && bytes_[at_] == '(';
    if (by_name) {
      STRATA_ASSIGN_OR_RETURN(named, Named());
    }
    STRATA_ASSIGN_OR_RETURN(const Specification field, ReadSpecification());
    if (field.conversion == '%') {
      out_.Append("%");
      return absl::OkStatus();
    }
    STRATA_ASSIGN_OR_RETURN(const Value value, by_name ? named : Next());
    STRATA_ASSIGN_OR_RETURN(const Text text, Convert(value, field));
    const int64_t missing = field.width - CountCharacters(text.bytes());
    const std::string padding(static_cast<size_t>(std::max<int64_t>(missing, 0)), ' ');
    if (!field.left) out_.Append(padding);
    out_.Append(text);
    if (field.left) out_.Append(padding);
    return absl::OkStatus();
  }

  absl::StatusOr<Text> Convert(const Value& value, const Specification& field) {
    switch (field.conversion) {
      case 's':
      case 'r': {
        TextBuilder text(heap_);
        STRATA_RETURN_IF_ERROR(field.conversion == 's' ? WriteValue(value, &text)
                                                       : WriteRepr(value, &text));
        STRATA_ASSIGN_OR_RETURN(Text whole, text.FinishText());
        if (field.precision < 0) return whole;
        const std::vector<size_t> starts = CharacterStarts(whole.bytes());
        const size_t count =
            std::min<size_t>(static_cast<size_t>(field.precision), starts.size() - 1);
        return whole.Substr(0, starts[count]);
      }
      case 'c':
        if (value.is_string() && CountCharacters(value.text().bytes()) == 1) return value.text();
        return absl::InvalidArgumentError("%c takes a string of one character");
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return Integer(value, field);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return Float(value, field);
      default:
        return absl::InvalidArgumentError(absl::StrCat("the format string has the unknown field %",
                                                       std::string(1, field.conversion),
                                                       "; known are %s %r %d %x %o %e %f %g %c"));
    }
  }

  absl::Status NeedNumber(const Value& value, const Specification& field) {
    if (value.is_number()) return absl::OkStatus();
    if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
    return absl::InvalidArgumentError(absl::StrCat("%", std::string(1, field.conversion),
                                                   " takes a number, not a ", value.TypeName()));
  }

  absl::StatusOr<Text> Integer(const Value& value, const Specification& field) {
    STRATA_RETURN_IF_ERROR(NeedNumber(value, field));
    int64_t number = 0;
    if (value.is_integer()) {
      number = value.int_value();
    } else {
      if (!(std::abs(value.float_value()) < 9e18))
        return absl::InvalidArgumentError("a float is beyond 64 bits; print it with %f");
      number = static_cast<int64_t>(value.float_value());
    }
    const uint64_t size =
        number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    std::string digits, prefix;
    if (field.conversion == 'x') {
      digits = absl::StrFormat("%x", size), prefix = "0x";
    } else if (field.conversion == 'X') {
      digits = absl::StrFormat("%X", size), prefix = "0X";
    } else if (field.conversion == 'o') {
      digits = absl::StrFormat("%o", size), prefix = "0o";
    } else {
      digits = absl::StrCat(size);
    }
    if (static_cast<int>(digits.size()) < field.precision)
      digits.insert(0, static_cast<size_t>(field.precision) - digits.size(), '0');
    return Signed(number < 0, field.alternate ? prefix : "", digits, field);
  }

  absl::StatusOr<Text> Float(const Value& value, const Specification& field) {
    STRATA_RETURN_IF_ERROR(NeedNumber(value, field));
    const double number = value.AsDouble();
    const int precision = field.precision < 0 ? 6 : std::min(field.precision, 300);
    const double size = std::abs(number);
    std::string digits;
    switch (field.conversion) {
      case 'e':
        digits = absl::StrFormat("%.*e", precision, size);
        break;
      case 'E':
        digits = absl::StrFormat("%.*E", precision, size);
        break;
      case 'g':
        digits = absl::StrFormat("%.*g", precision, size);
        break;
      case 'G':
        digits = absl::StrFormat("%.*G", precision, size);
        break;
      default:
        digits = absl::StrFormat("%.*f", precision, size);
        break;
    }
    return Signed(std::signbit(number), "", digits, field);
  }

  static Text Signed(bool negative, const std::string& prefix, const std::string& digits,
                     const Specification& field) {
    std::string text = negative ? "-" : (field.plus ? "+" : (field.space ? " " : ""));
    text += prefix;
    const size_t size = text.size() + digits.size(), width = static_cast<size_t>(field.width);
    if (field.zero && !field.left && size < width) text.append(width - size, '0');
    return Text(text + digits, Origin::kTemplate);
  }

  const Text& format_;
  const absl::string_view bytes_;
  const Value& values_;
  Heap* const heap_;
  TextBuilder out_;
  const std::vector<Value>* tuple_ = nullptr;
  size_t at_ = 0, used_ = 0;
};

}  // namespace

absl::StatusOr<Value> FormatPercent(const Text& format, const Value& values, Heap* heap) {
  return PercentFormatter(format, values, heap).Run();
}

}  // namespace strata::inference::jinja
