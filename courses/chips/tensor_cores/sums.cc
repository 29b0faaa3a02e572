#include "courses/chips/tensor_cores/sums.h"

#include <algorithm>
#include <cmath>

#include "chips/numerics/array_arithmetic.h"
#include "chips/numerics/format.h"
#include "chips/numerics/matmul_as.h"
#include "chips/numerics/philox.h"

namespace strata::courses {
namespace {

using chips::Format;
using chips::MatmulShape;

constexpr int64_t kRows = 4, kColumns = 16;  // 64 dots

// Operands of one kind, already values of the format.
std::vector<float> Operands(Format format, bool positive, int64_t count, uint64_t stream) {
  const chips::RandomBits random(21, stream);
  std::vector<float> values;
  for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
    const double u = (random.At(2 * i) + 0.5) / 4294967296.0;
    const double v = random.At(2 * i + 1) / 4294967296.0;
    const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::acos(-1.0) * v);
    values.push_back(static_cast<float>(chips::RoundTo(format, positive ? u : normal)));
  }
  return values;
}

// D = A B by the unit. A chain over all of k, to nearest, is what an output-stationary array does.
absl::Status Multiply(const SumUnit& unit, const MatmulShape& shape, absl::Span<const float> a,
                      absl::Span<const float> b, absl::Span<float> d) {
  if (!unit.chip.empty()) return chips::MatmulAs(unit.chip, unit.operand, shape, a, b, {}, d);
  return chips::ArrayMatmul({chips::ArrayDataflow::kOutputStationary, 1, 1}, shape, a, b, {}, d);
}

// The same, by parts of K.
absl::StatusOr<std::vector<float>> Sums(const SumUnit& unit, int64_t k, const std::vector<float>& a,
                                        const std::vector<float>& b) {
  std::vector<float> total(static_cast<size_t>(kRows * kColumns), 0.0f), part(total.size());
  const int64_t step = unit.promote > 0 ? unit.promote : k;
  for (int64_t begin = 0; begin < k; begin += step) {
    const int64_t count = std::min(step, k - begin);
    std::vector<float> left,
        right(b.begin() + begin * kColumns, b.begin() + (begin + count) * kColumns);
    for (int64_t m = 0; m < kRows; ++m) {
      left.insert(left.end(), a.begin() + m * k + begin, a.begin() + m * k + begin + count);
    }
    STRATA_RETURN_IF_ERROR(
        Multiply(unit, {kRows, kColumns, count}, left, right, absl::MakeSpan(part)));
    for (size_t i = 0; i < total.size(); ++i) total[i] += part[i];
  }
  return total;
}

struct Errors {
  double bias = 0, noise = 0;
};

absl::StatusOr<Errors> ErrorsOf(const SumUnit& unit, bool positive, int64_t k) {
  STRATA_ASSIGN_OR_RETURN(const Format format, chips::ParseFormat(unit.operand));
  const std::vector<float> a = Operands(format, positive, kRows * k, 1);
  const std::vector<float> b = Operands(format, positive, k * kColumns, 2);
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> sums, Sums(unit, k, a, b));
  Errors errors;
  for (int64_t m = 0; m < kRows; ++m) {
    for (int64_t n = 0; n < kColumns; ++n) {
      double exact = 0, left = 0, right = 0;
      for (int64_t i = 0; i < k; ++i) {
        const double x = a[static_cast<size_t>(m * k + i)];
        const double y = b[static_cast<size_t>(i * kColumns + n)];
        exact += x * y;
        left += x * x;
        right += y * y;
      }
      const double error = sums[static_cast<size_t>(m * kColumns + n)] - exact;
      errors.bias += error / exact;
      errors.noise += error * error / (left * right);
    }
  }
  errors.bias /= kRows * kColumns;
  errors.noise = std::sqrt(errors.noise / (kRows * kColumns));
  return errors;
}

}  // namespace

const std::vector<SumUnit>& SumUnits() {
  static const auto& units = *new std::vector<SumUnit>{
      {"fp32 to nearest, bf16", "", "bf16"}, {"V100 fp16", "v100", "f16"},
      {"A100 bf16", "a100", "bf16"},         {"H100 bf16", "h100", "bf16"},
      {"B200 bf16", "b200", "bf16"},         {"MI300X bf16", "mi300x", "bf16"},
      {"H100 fp8", "h100", "e4m3"},          {"H100 fp8, promoted every 128", "h100", "e4m3", 128},
      {"B200 fp8", "b200", "e4m3"}};
  return units;
}

absl::StatusOr<std::vector<SumCurve>> MeasureSums(int64_t most) {
  std::vector<SumCurve> curves;
  for (const SumUnit& unit : SumUnits()) {
    SumCurve curve{.name = unit.name};
    for (int64_t k = 64; k <= most; k *= 2) {
      STRATA_ASSIGN_OR_RETURN(const Errors positive, ErrorsOf(unit, true, k));
      STRATA_ASSIGN_OR_RETURN(const Errors normal, ErrorsOf(unit, false, k));
      curve.k.push_back(static_cast<double>(k));
      curve.bias.push_back(positive.bias);
      curve.noise.push_back(normal.noise);
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

}  // namespace strata::courses
