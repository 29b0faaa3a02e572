#include "chips/numerics/weight_format.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/numerics/weight_decode.h"
#include "chips/numerics/weight_encode.h"

namespace strata::chips {
namespace {

template <auto kDecode, int64_t kBlock, int64_t kBytes>
void DecodeBlocks(const uint8_t* row, int64_t blocks, float* values) {
  for (int64_t b = 0; b < blocks; ++b) kDecode(row + b * kBytes, values + b * kBlock);
}

template <auto kEncode, int64_t kBlock, int64_t kBytes>
void EncodeBlocks(const float* values, int64_t blocks, uint8_t* row) {
  for (int64_t b = 0; b < blocks; ++b) kEncode(values + b * kBlock, row + b * kBytes);
}

template <auto kDecode, auto kEncode, int64_t kBlock, int64_t kBytes>
constexpr WeightFormat Row(const char* name, uint32_t ggml_type, Activations activations) {
  return {name,
          ggml_type,
          kBlock,
          kBytes,
          activations,
          kDecode,
          kEncode,
          DecodeBlocks<kDecode, kBlock, kBytes>,
          EncodeBlocks<kEncode, kBlock, kBytes>};
}

constexpr WeightFormat kFormats[] = {
    Row<DecodeF32, EncodeF32, 1, 4>("f32", 0, Activations::kF32),
    Row<DecodeF16, EncodeF16, 1, 2>("f16", 1, Activations::kF32),
    Row<DecodeBf16, EncodeBf16, 1, 2>("bf16", 30, Activations::kBf16),
    Row<DecodeQ8_0, EncodeQ8_0, 32, 34>("q8_0", 8, Activations::kQ8),
    Row<DecodeQ4_0, EncodeQ4_0, 32, 18>("q4_0", 2, Activations::kQ8),
    Row<DecodeQ4_1, EncodeQ4_1, 32, 20>("q4_1", 3, Activations::kQ8),
    Row<DecodeQ5_0, EncodeQ5_0, 32, 22>("q5_0", 6, Activations::kQ8),
    Row<DecodeQ4_K, EncodeQ4_K, 256, 144>("q4_k", 12, Activations::kQ8),
    Row<DecodeQ5_K, EncodeQ5_K, 256, 176>("q5_k", 13, Activations::kQ8),
    Row<DecodeQ6_K, EncodeQ6_K, 256, 210>("q6_k", 14, Activations::kQ8),
    Row<DecodeIq4Nl, EncodeIq4Nl, 32, 18>("iq4_nl", 20, Activations::kQ8),
    Row<DecodeMxFp4, EncodeMxFp4, 32, 17>("mxfp4", 39, Activations::kQ8),
};

}  // namespace

absl::Span<const WeightFormat> AllWeightFormats() { return kFormats; }

absl::StatusOr<const WeightFormat*> FindWeightFormat(absl::string_view name) {
  for (const WeightFormat& format : kFormats) {
    if (name == format.name) return &format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no weight format \"", name, "\"; give one of ",
                   absl::StrJoin(kFormats, ", ", [](std::string* out, const WeightFormat& format) {
                     absl::StrAppend(out, format.name);
                   })));
}

const WeightFormat* FindGgmlType(uint32_t id) {
  for (const WeightFormat& format : kFormats) {
    if (format.ggml_type == id) return &format;
  }
  return nullptr;
}

int64_t RowBytes(const WeightFormat& format, int64_t K) { return K / format.block * format.bytes; }

void DecodeRow(const WeightFormat& format, const uint8_t* row, int64_t K, float* values) {
  format.decode_blocks(row, K / format.block, values);
}

void EncodeRow(const WeightFormat& format, const float* values, int64_t K, uint8_t* row) {
  format.encode_blocks(values, K / format.block, row);
}

}  // namespace strata::chips
