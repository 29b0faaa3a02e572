#include "llm/convert/stored.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::llm {

const chips::WeightFormat* FormatOfSafetensors(const std::string& dtype) {
  const absl::StatusOr<const chips::WeightFormat*> format =
      chips::FindWeightFormat(absl::AsciiStrToLower(dtype));
  return format.ok() && (*format)->block == 1 ? *format : nullptr;
}

absl::StatusOr<StoredTensor> Stored(const std::string& name,
                                    const framework::SafetensorsEntry& entry) {
  const chips::WeightFormat* format = FormatOfSafetensors(entry.dtype);
  if (format != nullptr) return StoredTensor{format, entry.dims, entry.bytes, entry.owner};
  return absl::UnimplementedError(absl::StrCat("tensor '", name, "': dtype ", entry.dtype,
                                               " cannot be converted; there is: F32, F16, BF16"));
}

absl::StatusOr<StoredTensor> Stored(const std::string& name, const inference::GgufTensor& tensor) {
  if (tensor.format != nullptr) {
    return StoredTensor{tensor.format, tensor.dims, tensor.bytes, tensor.owner};
  }
  return absl::UnimplementedError(
      absl::StrCat("tensor '", name, "': type ", tensor.type->name, " cannot be converted"));
}

absl::Status CheckDims(const std::string& name, const std::vector<int64_t>& dims,
                       const std::vector<int64_t>& wanted) {
  if (dims == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tensor '", name, "': is [", absl::StrJoin(dims, ", "),
                   "]; the config asks for [", absl::StrJoin(wanted, ", "), "]"));
}

}  // namespace strata::llm
