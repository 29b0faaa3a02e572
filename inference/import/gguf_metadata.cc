#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/import/gguf_parse.h"

namespace strata::inference {
namespace {

constexpr uint64_t kLongestKey = 65535;
constexpr uint64_t kLongestText = uint64_t{1} << 30;

template <typename T>
absl::StatusOr<GgufValue> ReadNumber(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const T value, cursor.Number<T>("a value"));
  return GgufValue(value);
}

absl::StatusOr<GgufValue> ReadBool(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const uint8_t value, cursor.Number<uint8_t>("a bool"));
  if (value > 1) return cursor.Fault(absl::StrCat("a bool is ", value, "; it must be 0 or 1"));
  return GgufValue(value == 1);
}

absl::StatusOr<GgufValue> ReadText(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const absl::string_view text, cursor.Text(kLongestText, "a string"));
  return GgufValue(std::string(text));
}

absl::StatusOr<GgufType> ReadType(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const uint32_t type, cursor.Number<uint32_t>("a value's type"));
  if (type < kGgufTypes) return static_cast<GgufType>(type);
  return cursor.Fault(absl::StrCat("there is no value type ", type, "; the last is 12 (f64)"));
}

// Walks over the elements, which must be whole and, where not every byte will do, right.
absl::Status SkipElements(GgufCursor& cursor, GgufType type, uint64_t count) {
  if (type == GgufType::kString) {
    for (uint64_t i = 0; i < count; ++i) {
      STRATA_RETURN_IF_ERROR(cursor.Text(kLongestText, "a string of an array").status());
    }
    return absl::OkStatus();
  }
  if (type == GgufType::kBool) {
    for (uint64_t i = 0; i < count; ++i) STRATA_RETURN_IF_ERROR(ReadBool(cursor).status());
    return absl::OkStatus();
  }
  return cursor.Bytes(count * GgufTypeBytes(type), "an array").status();
}

absl::StatusOr<GgufValue> ReadArray(GgufCursor& cursor, const std::shared_ptr<const void>& owner) {
  STRATA_ASSIGN_OR_RETURN(const GgufType type, ReadType(cursor));
  if (type == GgufType::kArray) return cursor.Fault("an array holds arrays; these are not read");
  const uint64_t least = type == GgufType::kString ? 8 : GgufTypeBytes(type);
  STRATA_ASSIGN_OR_RETURN(const uint64_t count, cursor.Count(least, "elements of an array"));
  const size_t begin = cursor.position();
  STRATA_RETURN_IF_ERROR(SkipElements(cursor, type, count));
  const absl::string_view bytes = cursor.content().substr(begin, cursor.position() - begin);
  return GgufValue(GgufArray(type, count, bytes, owner));
}

absl::StatusOr<GgufValue> ReadValue(GgufCursor& cursor, const std::shared_ptr<const void>& owner) {
  STRATA_ASSIGN_OR_RETURN(const GgufType type, ReadType(cursor));
  switch (type) {
    case GgufType::kU8:
      return ReadNumber<uint8_t>(cursor);
    case GgufType::kI8:
      return ReadNumber<int8_t>(cursor);
    case GgufType::kU16:
      return ReadNumber<uint16_t>(cursor);
    case GgufType::kI16:
      return ReadNumber<int16_t>(cursor);
    case GgufType::kU32:
      return ReadNumber<uint32_t>(cursor);
    case GgufType::kI32:
      return ReadNumber<int32_t>(cursor);
    case GgufType::kF32:
      return ReadNumber<float>(cursor);
    case GgufType::kBool:
      return ReadBool(cursor);
    case GgufType::kString:
      return ReadText(cursor);
    case GgufType::kArray:
      return ReadArray(cursor, owner);
    case GgufType::kU64:
      return ReadNumber<uint64_t>(cursor);
    case GgufType::kI64:
      return ReadNumber<int64_t>(cursor);
    case GgufType::kF64:
      return ReadNumber<double>(cursor);
  }
  return cursor.Fault("unreachable");
}

// Keys are printable ASCII.
absl::StatusOr<std::string> ReadKey(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const absl::string_view key, cursor.Text(kLongestKey, "a key"));
  if (key.empty()) return cursor.Fault("a key is empty");
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!printable) return cursor.Fault("a key has characters other than printable ASCII");
  return std::string(key);
}

}  // namespace

absl::StatusOr<GgufMetadata> ParseGgufMetadata(GgufCursor& cursor, uint64_t count,
                                               const std::shared_ptr<const void>& owner) {
  GgufMetadata metadata;
  for (uint64_t i = 0; i < count; ++i) {
    absl::StatusOr<std::string> key = ReadKey(cursor);
    STRATA_RETURN_IF_ERROR(Annotate(key.status(), absl::StrCat("metadata entry ", i)));
    if (metadata.count(*key) != 0)
      return cursor.Fault(absl::StrCat("has the key ", *key, " twice"));
    absl::StatusOr<GgufValue> value = ReadValue(cursor, owner);
    STRATA_RETURN_IF_ERROR(Annotate(value.status(), *key));
    metadata.emplace(*std::move(key), *std::move(value));
  }
  return metadata;
}

}  // namespace strata::inference
