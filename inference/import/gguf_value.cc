#include "inference/import/gguf_value.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

constexpr const char* kNames[kGgufTypes] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                            "bool", "string", "array", "u64", "i64", "f64"};
constexpr size_t kBytes[kGgufTypes] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// The number of `type` at `bytes`; types of texts and arrays have none.
GgufValue LoadNumber(GgufType type, const char* bytes) {
  switch (type) {
    case GgufType::kU8:
      return Load<uint8_t>(bytes);
    case GgufType::kI8:
      return Load<int8_t>(bytes);
    case GgufType::kU16:
      return Load<uint16_t>(bytes);
    case GgufType::kI16:
      return Load<int16_t>(bytes);
    case GgufType::kU32:
      return Load<uint32_t>(bytes);
    case GgufType::kI32:
      return Load<int32_t>(bytes);
    case GgufType::kF32:
      return Load<float>(bytes);
    case GgufType::kBool:
      return Load<uint8_t>(bytes) != 0;
    case GgufType::kU64:
      return Load<uint64_t>(bytes);
    case GgufType::kI64:
      return Load<int64_t>(bytes);
    default:
      return Load<double>(bytes);
  }
}

absl::StatusOr<int64_t> ToInteger(const GgufValue& value) {
  return std::visit(
      [](const auto& v) -> absl::StatusOr<int64_t> {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          if (v > T{0} && static_cast<uint64_t>(v) > std::numeric_limits<int64_t>::max()) {
            return absl::InvalidArgumentError(absl::StrCat(v, " is above 2^63 - 1"));
          }
          return static_cast<int64_t>(v);
        }
        return absl::InvalidArgumentError("is no whole number");
      },
      value);
}

absl::StatusOr<double> ToNumber(const GgufValue& value) {
  return std::visit(
      [](const auto& v) -> absl::StatusOr<double> {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
          return static_cast<double>(v);
        }
        return absl::InvalidArgumentError("is no number");
      },
      value);
}

absl::StatusOr<const GgufValue*> Find(const GgufMetadata& metadata, const std::string& key) {
  auto it = metadata.find(key);
  if (it != metadata.end()) return &it->second;
  return absl::NotFoundError(absl::StrCat(key, ": is not in the metadata"));
}

std::string Kind(const GgufValue& value) {
  const auto* array = std::get_if<GgufArray>(&value);
  return array == nullptr ? GgufTypeName(TypeOf(value))
                          : absl::StrCat("an array of ", GgufTypeName(array->type()));
}

absl::Status WrongKind(const std::string& key, const GgufValue& value, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": is ", Kind(value), ", not ", wanted));
}

template <typename T>
absl::StatusOr<T> GetExactly(const GgufMetadata& metadata, const std::string& key,
                             absl::string_view wanted) {
  STRATA_ASSIGN_OR_RETURN(const GgufValue* value, Find(metadata, key));
  const T* exact = std::get_if<T>(value);
  return exact != nullptr ? absl::StatusOr<T>(*exact) : WrongKind(key, *value, wanted);
}

}  // namespace

const char* GgufTypeName(GgufType type) { return kNames[static_cast<uint32_t>(type)]; }
size_t GgufTypeBytes(GgufType type) { return kBytes[static_cast<uint32_t>(type)]; }

std::vector<std::string> GgufArray::Texts() const {
  std::vector<std::string> texts;
  if (type_ != GgufType::kString) return texts;
  texts.reserve(size_);
  absl::string_view rest = bytes_;
  for (uint64_t i = 0; i < size_; ++i) {
    const uint64_t length = Load<uint64_t>(rest.data());
    texts.emplace_back(rest.substr(8, length));
    rest.remove_prefix(8 + length);
  }
  return texts;
}

absl::StatusOr<std::vector<int64_t>> GgufArray::Integers() const {
  std::vector<int64_t> integers;
  const size_t step = GgufTypeBytes(type_);
  if (step == 0) return integers;
  integers.reserve(size_);
  for (uint64_t i = 0; i < size_; ++i) {
    const GgufValue element = LoadNumber(type_, bytes_.data() + i * step);
    if (const bool* truth = std::get_if<bool>(&element)) {
      integers.push_back(*truth ? 1 : 0);
      continue;
    }
    const absl::StatusOr<int64_t> integer = ToInteger(element);
    STRATA_RETURN_IF_ERROR(Annotate(integer.status(), absl::StrCat("element ", i)));
    integers.push_back(*integer);
  }
  return integers;
}

std::vector<double> GgufArray::Numbers() const {
  std::vector<double> numbers;
  const size_t step = GgufTypeBytes(type_);
  if (step == 0) return numbers;
  numbers.reserve(size_);
  for (uint64_t i = 0; i < size_; ++i) {
    numbers.push_back(ToNumber(LoadNumber(type_, bytes_.data() + i * step)).value_or(0));
  }
  return numbers;
}

absl::StatusOr<int64_t> GetInteger(const GgufMetadata& metadata, const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const GgufValue* value, Find(metadata, key));
  absl::StatusOr<int64_t> integer = ToInteger(*value);
  if (!integer.ok()) return WrongKind(key, *value, "a whole number that fits 63 bits");
  return integer;
}

absl::StatusOr<double> GetNumber(const GgufMetadata& metadata, const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const GgufValue* value, Find(metadata, key));
  absl::StatusOr<double> number = ToNumber(*value);
  if (!number.ok()) return WrongKind(key, *value, "a number");
  return number;
}

absl::StatusOr<bool> GetBool(const GgufMetadata& metadata, const std::string& key) {
  return GetExactly<bool>(metadata, key, "a bool");
}

absl::StatusOr<std::string> GetText(const GgufMetadata& metadata, const std::string& key) {
  return GetExactly<std::string>(metadata, key, "a string");
}

absl::StatusOr<std::vector<int64_t>> GetIntegers(const GgufMetadata& metadata,
                                                 const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const GgufArray array,
                          GetExactly<GgufArray>(metadata, key, "an array of whole numbers"));
  if (GgufTypeBytes(array.type()) == 0 || array.type() == GgufType::kF32 ||
      array.type() == GgufType::kF64) {
    return WrongKind(key, array, "an array of whole numbers");
  }
  absl::StatusOr<std::vector<int64_t>> integers = array.Integers();
  if (!integers.ok()) return Annotate(integers.status(), key);
  return integers;
}

absl::StatusOr<std::vector<double>> GetNumbers(const GgufMetadata& metadata,
                                               const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const GgufArray array,
                          GetExactly<GgufArray>(metadata, key, "an array of numbers"));
  if (GgufTypeBytes(array.type()) == 0 || array.type() == GgufType::kBool) {
    return WrongKind(key, array, "an array of numbers");
  }
  return array.Numbers();
}

absl::StatusOr<std::vector<std::string>> GetTexts(const GgufMetadata& metadata,
                                                  const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const GgufArray array,
                          GetExactly<GgufArray>(metadata, key, "an array of strings"));
  if (array.type() != GgufType::kString) return WrongKind(key, array, "an array of strings");
  return array.Texts();
}

void AppendGgufText(absl::string_view text, std::string* out) {
  const uint64_t length = text.size();
  out->append(reinterpret_cast<const char*>(&length), sizeof(length));
  out->append(text.data(), text.size());
}

void AppendGgufValue(const GgufValue& value, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&value)) return AppendGgufText(*text, out);
  if (const auto* array = std::get_if<GgufArray>(&value)) {
    const uint32_t type = static_cast<uint32_t>(array->type());
    const uint64_t size = array->size();
    out->append(reinterpret_cast<const char*>(&type), sizeof(type));
    out->append(reinterpret_cast<const char*>(&size), sizeof(size));
    out->append(array->bytes().data(), array->bytes().size());
    return;
  }
  std::visit(
      [out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>) {
          out->push_back(v ? 1 : 0);
        } else if constexpr (std::is_arithmetic_v<T>) {
          out->append(reinterpret_cast<const char*>(&v), sizeof(v));
        }
      },
      value);
}

}  // namespace strata::inference
