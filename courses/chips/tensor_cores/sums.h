// Sums of many products as each chip makes them, without a model around: how far they are off, and to which side.
#ifndef STRATA_COURSES_CHIPS_TENSOR_CORES_SUMS_H_
#define STRATA_COURSES_CHIPS_TENSOR_CORES_SUMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::courses {

// A way to add products up.
struct SumUnit {
  std::string name;
  std::string
      chip;  // of chips/numerics/tensor_core.h; empty: one fp32 sum in order of k, to nearest
  std::string operand;  // "bf16", "f16", "e4m3"
  int64_t promote =
      0;  // > 0: a new sum each so many products, added to the others in fp32 outside of the unit
};
const std::vector<SumUnit>& SumUnits();

struct SumCurve {
  std::string name;
  std::vector<double> k;
  // Of products of numbers uniform in [0, 1): the mean of (sum - exact) / exact; below zero, sums come out too small.
  std::vector<double> bias;
  // Of products of normal numbers: the root of the mean of ((sum - exact) / (|a| |b|))^2.
  std::vector<double> noise;
};

// At k = 64, 128, ... up to `most`; means over 64 dots.
absl::StatusOr<std::vector<SumCurve>> MeasureSums(int64_t most);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_TENSOR_CORES_SUMS_H_
