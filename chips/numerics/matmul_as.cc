#include "chips/numerics/matmul_as.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/convert.h"
#include "chips/numerics/fused_row.h"

namespace strata::chips {
namespace {

constexpr int64_t kLanes = 16;

uint32_t OperandCode(Format format, float value) {
  return Encode(
      format, value,
      {.rounding = format == Format::kTf32 ? Rounding::kTowardZero : Rounding::kNearestEven});
}

// A vector of the K operands of one row of A or one column of B.
std::vector<uint32_t> Codes(Format format, const float* values, int64_t k, int64_t stride) {
  std::vector<uint32_t> codes(static_cast<size_t>(k));
  for (int64_t i = 0; i < k; ++i) {
    codes[static_cast<size_t>(i)] = OperandCode(format, values[i * stride]);
  }
  return codes;
}

struct Parts {
  float significand = 0;
  float exponent = kZeroOperandExponent;
};

Parts TakeApart(int least_exponent, float value) {
  if (value == 0) return {};
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const int exponent = static_cast<int>(bits >> 23 & 0xff) - 127;
  if (exponent < least_exponent) {
    return {std::ldexp(value, -least_exponent), static_cast<float>(least_exponent)};
  }
  return {std::bit_cast<float>((bits & 0x807fffffu) | 0x3f800000u), static_cast<float>(exponent)};
}

template <typename Code>
std::vector<float> ThroughCodes(Format format, absl::Span<const float> values) {
  std::vector<Code> codes(values.size());
  std::vector<float> rounded(values.size());
  const bool fits = FromF32(format, values, absl::MakeSpan(codes)).ok() &&
                    ToF32(format, codes, absl::MakeSpan(rounded)).ok();
  return fits ? rounded : std::vector<float>(values.begin(), values.end());
}

// The values as operands of the format.
std::vector<float> Rounded(Format format, absl::Span<const float> values) {
  if (Row(format).bits() <= 8) return ThroughCodes<uint8_t>(format, values);
  if (Row(format).bits() <= 16) return ThroughCodes<uint16_t>(format, values);
  std::vector<float> cut(values.begin(), values.end());  // tf32
  for (float& value : cut) {
    if (std::isfinite(value)) {
      value = std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xffffe000u);
    }
  }
  return cut;
}

// Lines of rounded operands for the fast path: rows of A one by one, columns of B in panels of 16.
struct Packed {
  int64_t k = 0;                               // of A and B, filled up with zeros to whole groups
  int64_t lanes = 1;                           // of a line
  std::vector<float> significands, exponents;  // [lines / lanes, k, lanes]
  std::vector<bool> finite;                    // [lines]
};

Packed Pack(const DotRule& rule, const float* values, int64_t lines, int64_t k, int64_t line_stride,
            int64_t k_stride, int64_t lanes) {
  const int least_exponent = Row(rule.operand).min_exponent();
  Packed packed;
  packed.k = (k + rule.group - 1) / rule.group * rule.group;
  const int64_t panels = (lines + lanes - 1) / lanes;
  packed.significands.assign(static_cast<size_t>(panels * packed.k * lanes), 0);
  packed.exponents.assign(packed.significands.size(), kZeroOperandExponent);
  packed.finite.assign(static_cast<size_t>(lines), true);
  for (int64_t line = 0; line < lines; ++line) {
    for (int64_t i = 0; i < k; ++i) {
      const float value = values[line * line_stride + i * k_stride];
      if (!std::isfinite(value)) {
        packed.finite[static_cast<size_t>(line)] = false;
        continue;
      }
      const Parts parts = TakeApart(least_exponent, value);
      const size_t at = static_cast<size_t>((line / lanes * packed.k + i) * lanes + line % lanes);
      packed.significands[at] = parts.significand;
      packed.exponents[at] = parts.exponent;
    }
  }
  return packed;
}

// One element by the definition.
float Element(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
              float c) {
  const uint32_t d = TensorCoreDot(rule, a, b, Encode(rule.result, c));
  if (rule.result == Format::kF32) return std::bit_cast<float>(d);
  return static_cast<float>(Decode(rule.result, d));
}

struct Operands {
  const DotRule& rule;
  const MatmulShape& shape;
  const float *a, *b, *c;  // c may be null

  float C(int64_t m, int64_t n) const { return c == nullptr ? 0 : c[m * shape.n + n]; }
  std::vector<uint32_t> RowOfA(int64_t m) const {
    return Codes(rule.operand, a + m * shape.k, shape.k, 1);
  }
  std::vector<uint32_t> ColumnOfB(int64_t n) const {
    return Codes(rule.operand, b + n, shape.k, shape.n);
  }
};

void SlowMatmul(const Operands& in, float* d) {
  std::vector<std::vector<uint32_t>> columns;
  for (int64_t n = 0; n < in.shape.n; ++n) columns.push_back(in.ColumnOfB(n));
#pragma omp parallel for schedule(static)
  for (int64_t m = 0; m < in.shape.m; ++m) {
    const std::vector<uint32_t> row = in.RowOfA(m);
    for (int64_t n = 0; n < in.shape.n; ++n) {
      d[m * in.shape.n + n] = Element(in.rule, row, columns[static_cast<size_t>(n)], in.C(m, n));
    }
  }
}

// Sixteen elements of row m, from column n on.
void FastBlock(const Operands& in, const Packed& a, const Packed& b, int64_t m, int64_t n,
               float* d) {
  const int64_t count = std::min(kLanes, in.shape.n - n);
  float c[kLanes] = {}, result[kLanes];
  for (int64_t i = 0; i < count; ++i) c[i] = in.C(m, n + i);
  const FusedRow row{.a_significand = a.significands.data() + m * a.k,
                     .a_exponent = a.exponents.data() + m * a.k,
                     .b_significand = b.significands.data() + n * b.k,
                     .b_exponent = b.exponents.data() + n * b.k,
                     .k = a.k,
                     .group = in.rule.group,
                     .alignment_bits = in.rule.alignment_bits,
                     .kept_bits = in.rule.kept_bits};
  const uint32_t large = RunFusedRow(row, c, result);
  for (int64_t i = 0; i < count; ++i) {
    const bool fast = a.finite[static_cast<size_t>(m)] && b.finite[static_cast<size_t>(n + i)] &&
                      std::isfinite(c[i]) && (large >> i & 1) == 0;
    d[m * in.shape.n + n + i] =
        fast ? result[i] : Element(in.rule, in.RowOfA(m), in.ColumnOfB(n + i), c[i]);
  }
}

void FastMatmul(const Operands& in, float* d) {
  const MatmulShape& s = in.shape;
  const Format format = in.rule.operand;
  const auto rounded = [&](const float* values, int64_t count) {
    return Rounded(format, {values, static_cast<size_t>(count)});
  };
  const Packed a = Pack(in.rule, rounded(in.a, s.m * s.k).data(), s.m, s.k, s.k, 1, 1);
  const Packed b = Pack(in.rule, rounded(in.b, s.k * s.n).data(), s.n, s.k, 1, s.n, kLanes);
#pragma omp parallel for schedule(static)
  for (int64_t m = 0; m < s.m; ++m) {
    for (int64_t n = 0; n < s.n; n += kLanes) FastBlock(in, a, b, m, n, d);
  }
}

absl::Status CheckSize(const char* name, size_t size, int64_t rows, int64_t columns) {
  if (static_cast<int64_t>(size) == rows * columns) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": has ", size, " elements; must have ", rows, " x ", columns));
}

}  // namespace

absl::Status MatmulAs(const DotRule& rule, const MatmulShape& shape, absl::Span<const float> a,
                      absl::Span<const float> b, absl::Span<const float> c, absl::Span<float> d) {
  if (shape.m < 0 || shape.n < 0 || shape.k < 0) {
    return absl::InvalidArgumentError(absl::StrCat("shape: ", shape.m, " x ", shape.n, " x ",
                                                   shape.k, "; give no negative size"));
  }
  STRATA_RETURN_IF_ERROR(CheckSize("a", a.size(), shape.m, shape.k));
  STRATA_RETURN_IF_ERROR(CheckSize("b", b.size(), shape.k, shape.n));
  if (!c.empty()) STRATA_RETURN_IF_ERROR(CheckSize("c", c.size(), shape.m, shape.n));
  STRATA_RETURN_IF_ERROR(CheckSize("d", d.size(), shape.m, shape.n));
  const Operands in{rule, shape, a.data(), b.data(), c.empty() ? nullptr : c.data()};
  const bool fast = rule.algorithm == DotAlgorithm::kFused && rule.result == Format::kF32;
  fast&& HasFusedRow() ? FastMatmul(in, d.data()) : SlowMatmul(in, d.data());
  return absl::OkStatus();
}

absl::Status MatmulAs(absl::string_view chip, absl::string_view operand, const MatmulShape& shape,
                      absl::Span<const float> a, absl::Span<const float> b,
                      absl::Span<const float> c, absl::Span<float> d) {
  STRATA_ASSIGN_OR_RETURN(const Generation generation, ParseChip(chip));
  STRATA_ASSIGN_OR_RETURN(const Format format, ParseFormat(operand));
  STRATA_ASSIGN_OR_RETURN(const DotRule rule, FindDotRule(generation, format));
  return MatmulAs(rule, shape, a, b, c, d);
}

}  // namespace strata::chips
