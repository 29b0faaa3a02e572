#include "framework/graph/chip_arithmetic.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/convert.h"
#include "chips/numerics/matmul_as.h"
#include "chips/numerics/tensor_core.h"

namespace strata::graph {
namespace {

using chips::ArrayArithmetic;
using chips::ArrayDataflow;
using chips::DType;
using chips::Format;
using chips::Generation;
using chips::MatmulShape;

using OptionalFormat = absl::optional<Format>;

constexpr ArrayMachine kArrayMachines[] = {
    // name, {dataflow, rows, lanes}, bf16, fp8
    {"edge_16", {ArrayDataflow::kWeightStationary, 16, 16}, true, true},
    {"edge_16_os", {ArrayDataflow::kOutputStationary, 16, 16}, true, true},
    {"tpu_v1_like", {ArrayDataflow::kWeightStationary, 256, 256}, false, false},
    {"tpu_v4_like", {ArrayDataflow::kWeightStationary, 128, 2048}, true, false},
};

// The format of a dtype that matrix units know.
OptionalFormat FormatOf(DType dtype, Format f32_operands) {
  switch (dtype) {
    case chips::BF16:
      return Format::kBf16;
    case chips::F16:
      return Format::kF16;
    case chips::F8_E4M3:
      return Format::kE4M3;
    case chips::F8_E5M2:
      return Format::kE5M2;
    case chips::F32:
      return f32_operands == Format::kF32 ? OptionalFormat() : f32_operands;
    default:
      return absl::nullopt;
  }
}

class TensorCores : public ChipArithmetic {
 public:
  TensorCores(Generation generation, Format f32_operands)
      : generation_(generation), f32_operands_(f32_operands) {}

  absl::StatusOr<OptionalFormat> OperandFormat(DType dtype) const override {
    const OptionalFormat format = FormatOf(dtype, f32_operands_);
    if (format.has_value()) {
      STRATA_RETURN_IF_ERROR(chips::FindDotRule(generation_, *format).status());
    }
    return format;
  }
  absl::Status Multiply(Format operand, const MatmulShape& shape, absl::Span<const float> a,
                        absl::Span<const float> b, absl::Span<const float> c,
                        absl::Span<float> d) const override {
    STRATA_ASSIGN_OR_RETURN(const chips::DotRule rule, chips::FindDotRule(generation_, operand));
    return chips::MatmulAs(rule, shape, a, b, c, d);
  }
  bool MultipliesKernelRows() const override { return false; }
  int lanes() const override { return 0; }

 private:
  const Generation generation_;
  const Format f32_operands_;
};

template <typename Code>
absl::StatusOr<std::vector<float>> ThroughCodes(Format format, absl::Span<const float> values) {
  std::vector<Code> codes(values.size());
  std::vector<float> rounded(values.size());
  STRATA_RETURN_IF_ERROR(chips::FromF32(format, values, absl::MakeSpan(codes)));
  STRATA_RETURN_IF_ERROR(chips::ToF32(format, codes, absl::MakeSpan(rounded)));
  return rounded;
}

// Operands of another dtype than f32 hold the format's values already; f32 ones are rounded to it, to nearest.
absl::StatusOr<std::vector<float>> Rounded(Format format, absl::Span<const float> values) {
  return chips::Row(format).bits() <= 8 ? ThroughCodes<uint8_t>(format, values)
                                        : ThroughCodes<uint16_t>(format, values);
}

class ArrayCore : public ChipArithmetic {
 public:
  ArrayCore(const ArrayMachine& machine, Format f32_operands)
      : machine_(machine), f32_operands_(f32_operands) {}

  absl::StatusOr<OptionalFormat> OperandFormat(DType dtype) const override {
    const OptionalFormat format = FormatOf(dtype, f32_operands_);
    return format.has_value() && Multiplies(*format) ? format : OptionalFormat();
  }
  absl::Status Multiply(Format operand, const MatmulShape& shape, absl::Span<const float> a,
                        absl::Span<const float> b, absl::Span<const float> c,
                        absl::Span<float> d) const override {
    if (operand != f32_operands_) return chips::ArrayMatmul(machine_.array, shape, a, b, c, d);
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> x, Rounded(operand, a));
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> y, Rounded(operand, b));
    return chips::ArrayMatmul(machine_.array, shape, x, y, c, d);
  }
  bool MultipliesKernelRows() const override { return true; }
  int lanes() const override { return machine_.array.lanes; }

  bool Multiplies(Format format) const {
    if (format == Format::kBf16) return machine_.bf16;
    return machine_.fp8 && (format == Format::kE4M3 || format == Format::kE5M2);
  }

 private:
  const ArrayMachine& machine_;
  const Format f32_operands_;
};

}  // namespace

absl::Span<const ArrayMachine> ArrayMachines() { return kArrayMachines; }

absl::StatusOr<std::unique_ptr<ChipArithmetic>> FindChipArithmetic(absl::string_view machine,
                                                                   Format f32_operands) {
  const std::string lower = absl::AsciiStrToLower(machine);
  std::string arrays;
  for (const ArrayMachine& row : kArrayMachines) {
    absl::StrAppend(&arrays, arrays.empty() ? "" : ", ", row.name);
    if (lower != row.name) continue;
    auto core = std::make_unique<ArrayCore>(row, f32_operands);
    if (f32_operands == Format::kF32 || core->Multiplies(f32_operands)) return core;
    return absl::NotFoundError(absl::StrCat(
        row.name, " multiplies no ", chips::Row(f32_operands).name, "; it has: i8",
        row.bf16 ? ", bf16" : "", row.fp8 ? ", e4m3, e5m2" : "", "; f32 operands may stay f32"));
  }
  const absl::StatusOr<Generation> generation = chips::ParseChip(lower);
  if (!generation.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(generation.status().message(), "; and the array cores: ", arrays));
  }
  auto cores = std::make_unique<TensorCores>(*generation, f32_operands);
  STRATA_RETURN_IF_ERROR(cores->OperandFormat(chips::F32).status());
  return cores;
}

}  // namespace strata::graph
