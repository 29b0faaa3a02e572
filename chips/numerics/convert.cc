#include "chips/numerics/convert.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/block_kernels.h"
#include "chips/numerics/convert_kernels.h"

namespace strata::chips {
namespace {

template <typename Code>
absl::Status Check(const FormatRow& row, size_t values, size_t codes) {
  const int least = sizeof(Code) == 1 ? 1 : 9, most = static_cast<int>(8 * sizeof(Code));
  if (row.bits() < least || row.bits() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("codes: ", row.name, " has ", row.bits(), " bits; elements of ", most,
                     " bits hold formats of ", least, " to ", most, " bits"));
  }
  if (values == codes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("codes: has ", codes, " elements; must have as many as values, ", values));
}

template <typename Code>
absl::Status From(Format format, absl::Span<const float> values, absl::Span<Code> codes,
                  Overflow overflow) {
  const FormatRow& row = Row(format);
  STRATA_RETURN_IF_ERROR(Check<Code>(row, values.size(), codes.size()));
  if (HasConvertKernels() && row.kind == Kind::kFloat) {
    EncodeKernel(EncodeConstants(row, overflow), values.data(), codes.data(), values.size());
    return absl::OkStatus();
  }
  if constexpr (sizeof(Code) == 1) {
    if (HasConvertKernels() && row.kind == Kind::kInteger) {
      const float high = static_cast<float>(row.LargestCode());
      EncodeIntegerKernel(row.bits(), -high - 1, high, values.data(), codes.data(), values.size());
      return absl::OkStatus();
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    codes[i] = static_cast<Code>(Encode(format, values[i], {.overflow = overflow}));
  }
  return absl::OkStatus();
}

template <typename Code>
absl::Status FromStochastic(Format format, absl::Span<const float> values, const RandomBits& bits,
                            uint64_t first, absl::Span<Code> codes, Overflow overflow) {
  constexpr size_t kBlock = 1024;
  const FormatRow& row = Row(format);
  STRATA_RETURN_IF_ERROR(Check<Code>(row, values.size(), codes.size()));
  const bool fast = HasConvertKernels() && row.kind == Kind::kFloat;
  const EncodeConstants constants(row, overflow);
  uint32_t random[kBlock];
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    bits.Fill(first + begin, absl::MakeSpan(random, count));
    if (fast) {
      EncodeStochasticKernel(constants, &values[begin], random, &codes[begin], count);
      continue;
    }
    if constexpr (sizeof(Code) == 1) {
      if (HasConvertKernels() && row.kind == Kind::kInteger) {
        const float high = static_cast<float>(row.LargestCode());
        StochasticIntegerKernel(row.bits(), -high - 1, high, &values[begin], random, &codes[begin],
                                count);
        continue;
      }
    }
    for (size_t i = 0; i < count; ++i) {
      codes[begin + i] = static_cast<Code>(
          Encode(format, values[begin + i],
                 {.rounding = Rounding::kStochastic, .overflow = overflow, .random = random[i]}));
    }
  }
  return absl::OkStatus();
}

template <typename Code>
absl::Status To(Format format, absl::Span<const Code> codes, absl::Span<float> values) {
  const FormatRow& row = Row(format);
  STRATA_RETURN_IF_ERROR(Check<Code>(row, values.size(), codes.size()));
  if (HasConvertKernels() && row.kind == Kind::kFloat) {
    DecodeKernel(DecodeConstants(row), codes.data(), values.data(), codes.size());
    return absl::OkStatus();
  }
  if constexpr (sizeof(Code) == 1) {
    if (HasConvertKernels() && row.kind == Kind::kInteger) {
      DecodeIntegerKernel(row.bits(), codes.data(), values.data(), codes.size());
      return absl::OkStatus();
    }
  }
  for (size_t i = 0; i < codes.size(); ++i) {
    values[i] = static_cast<float>(Decode(format, codes[i]));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FromF32(Format format, absl::Span<const float> values, absl::Span<uint8_t> codes,
                     Overflow overflow) {
  return From(format, values, codes, overflow);
}
absl::Status FromF32(Format format, absl::Span<const float> values, absl::Span<uint16_t> codes,
                     Overflow overflow) {
  return From(format, values, codes, overflow);
}
absl::Status FromF32Stochastic(Format format, absl::Span<const float> values,
                               const RandomBits& bits, uint64_t first, absl::Span<uint8_t> codes,
                               Overflow overflow) {
  return FromStochastic(format, values, bits, first, codes, overflow);
}
absl::Status FromF32Stochastic(Format format, absl::Span<const float> values,
                               const RandomBits& bits, uint64_t first, absl::Span<uint16_t> codes,
                               Overflow overflow) {
  return FromStochastic(format, values, bits, first, codes, overflow);
}
absl::Status ToF32(Format format, absl::Span<const uint8_t> codes, absl::Span<float> values) {
  return To(format, codes, values);
}
absl::Status ToF32(Format format, absl::Span<const uint16_t> codes, absl::Span<float> values) {
  return To(format, codes, values);
}

}  // namespace strata::chips
