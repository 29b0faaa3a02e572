// The values of GGUF's metadata: numbers, texts, and arrays of them.
//
//   GgufMetadata metadata;
//   metadata["general.architecture"] = std::string("llama");
//   metadata["llama.block_count"] = uint32_t{22};
//   metadata["tokenizer.ggml.tokens"] = GgufArray::Of<std::string>({"<s>", "</s>", "a"});
//
//   STRATA_ASSIGN_OR_RETURN(int64_t layers, GetInteger(metadata, "llama.block_count"));
//   STRATA_ASSIGN_OR_RETURN(auto tokens, GetTexts(metadata, "tokenizer.ggml.tokens"));
//
// The alternatives of GgufValue stand in the order of the format's type numbers, so index() is that number. An array
// holds its elements' bytes as the file has them (a view of the mapped file, kept alive by it): thousands of texts cost
// nothing until they are asked for.
#ifndef STRATA_INFERENCE_IMPORT_GGUF_VALUE_H_
#define STRATA_INFERENCE_IMPORT_GGUF_VALUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference {

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
inline constexpr uint32_t kGgufTypes = 13;

const char* GgufTypeName(GgufType type);  // "u32", "string", ...
// Bytes of a number or a bool in a file; 0 for texts and arrays.
size_t GgufTypeBytes(GgufType type);

class GgufArray {
 public:
  // T is one of the C++ types of GgufValue but GgufArray.
  template <typename T>
  static GgufArray Of(const std::vector<T>& values);

  // Elements in the file's form, checked by the caller: `size` of them fill `bytes` exactly.
  GgufArray(GgufType type, uint64_t size, absl::string_view bytes,
            std::shared_ptr<const void> owner)
      : type_(type), size_(size), bytes_(bytes), owner_(std::move(owner)) {}
  GgufArray() : GgufArray(GgufType::kU8, 0, {}, nullptr) {}

  GgufType type() const { return type_; }
  uint64_t size() const { return size_; }
  absl::string_view bytes() const { return bytes_; }

  // The elements; the array must be of that kind: texts, whole numbers (or bools) that fit, any numbers.
  std::vector<std::string> Texts() const;
  absl::StatusOr<std::vector<int64_t>> Integers() const;
  std::vector<double> Numbers() const;

  friend bool operator==(const GgufArray& a, const GgufArray& b) {
    return a.type_ == b.type_ && a.size_ == b.size_ && a.bytes_ == b.bytes_;
  }

 private:
  GgufType type_;
  uint64_t size_;
  absl::string_view bytes_;
  std::shared_ptr<const void> owner_;
};

using GgufValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                               std::string, GgufArray, uint64_t, int64_t, double>;
using GgufMetadata = std::map<std::string, GgufValue>;

inline GgufType TypeOf(const GgufValue& value) { return static_cast<GgufType>(value.index()); }

// Typed reads. NOT_FOUND without the key; INVALID_ARGUMENT with the key and both types when the value is of another
// kind. Whole numbers may be of any width and sign, numbers of any type; a bool is neither.
absl::StatusOr<int64_t> GetInteger(const GgufMetadata& metadata, const std::string& key);
absl::StatusOr<double> GetNumber(const GgufMetadata& metadata, const std::string& key);
absl::StatusOr<bool> GetBool(const GgufMetadata& metadata, const std::string& key);
absl::StatusOr<std::string> GetText(const GgufMetadata& metadata, const std::string& key);
absl::StatusOr<std::vector<int64_t>> GetIntegers(const GgufMetadata& metadata,
                                                 const std::string& key);
absl::StatusOr<std::vector<double>> GetNumbers(const GgufMetadata& metadata,
                                               const std::string& key);
absl::StatusOr<std::vector<std::string>> GetTexts(const GgufMetadata& metadata,
                                                  const std::string& key);

// The value as a file has it, without its type number.
void AppendGgufValue(const GgufValue& value, std::string* out);
void AppendGgufText(absl::string_view text, std::string* out);

template <typename T>
GgufArray GgufArray::Of(const std::vector<T>& values) {
  auto bytes = std::make_shared<std::string>();
  for (const T& value : values) AppendGgufValue(GgufValue(value), bytes.get());
  const absl::string_view view = *bytes;
  return GgufArray(TypeOf(GgufValue(T())), values.size(), view, std::move(bytes));
}

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGUF_VALUE_H_
