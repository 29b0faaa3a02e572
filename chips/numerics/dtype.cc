#include "chips/numerics/dtype.h"

namespace strata::chips {
namespace {

struct Row {
  DType dtype;
  const char* name;
  size_t size;
};

constexpr Row kRows[] = {{F32, "f32", 4},         {F64, "f64", 8},        {BF16, "bf16", 2},
                         {F16, "f16", 2},         {I8, "i8", 1},          {U8, "u8", 1},
                         {I32, "i32", 4},         {I64, "i64", 8},        {BOOL, "bool", 1},
                         {F8_E4M3, "f8_e4m3", 1}, {F8_E5M2, "f8_e5m2", 1}};

}  // namespace

size_t SizeOf(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.size;
  }
  return 0;
}

absl::string_view DTypeName(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.name;
  }
  return "unspecified";
}

absl::StatusOr<DType> ParseDType(absl::string_view name) {
  std::string names;
  for (const Row& row : kRows) {
    if (name == row.name) return row.dtype;
    absl::StrAppend(&names, names.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("no dtype '", name, "'; there is: ", names));
}

bool IsFloat(DType dtype) { return dtype == F32 || dtype == F64 || dtype == BF16 || dtype == F16; }

bool IsFloat8(DType dtype) { return dtype == F8_E4M3 || dtype == F8_E5M2; }

bool IsInteger(DType dtype) { return dtype == I8 || dtype == U8 || dtype == I32 || dtype == I64; }

}  // namespace strata::chips
