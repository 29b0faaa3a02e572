// The element types of safetensors files.
#ifndef STRATA_FRAMEWORK_DATA_SAFETENSORS_DTYPE_H_
#define STRATA_FRAMEWORK_DATA_SAFETENSORS_DTYPE_H_

#include "absl/strings/string_view.h"
#include "chips/numerics/dtype.h"

namespace strata::framework {

struct SafetensorsDType {
  const char* name;
  int bits;            // of one element; some are less than a byte
  chips::DType dtype;  // DTYPE_UNSPECIFIED: the format has it, Strata does not
};

inline constexpr SafetensorsDType kSafetensorsDTypes[] = {
    {"BOOL", 8, chips::BOOL},
    {"F4", 4, chips::DTYPE_UNSPECIFIED},
    {"F6_E2M3", 6, chips::DTYPE_UNSPECIFIED},
    {"F6_E3M2", 6, chips::DTYPE_UNSPECIFIED},
    {"U8", 8, chips::U8},
    {"I8", 8, chips::I8},
    {"F8_E5M2", 8, chips::F8_E5M2},
    {"F8_E4M3", 8, chips::F8_E4M3},
    {"F8_E8M0", 8, chips::DTYPE_UNSPECIFIED},
    {"F8_E4M3FNUZ", 8, chips::DTYPE_UNSPECIFIED},
    {"F8_E5M2FNUZ", 8, chips::DTYPE_UNSPECIFIED},
    {"I16", 16, chips::DTYPE_UNSPECIFIED},
    {"U16", 16, chips::DTYPE_UNSPECIFIED},
    {"F16", 16, chips::F16},
    {"BF16", 16, chips::BF16},
    {"I32", 32, chips::I32},
    {"U32", 32, chips::DTYPE_UNSPECIFIED},
    {"F32", 32, chips::F32},
    {"C64", 64, chips::DTYPE_UNSPECIFIED},
    {"F64", 64, chips::F64},
    {"I64", 64, chips::I64},
    {"U64", 64, chips::DTYPE_UNSPECIFIED},
};

// nullptr when there is none.
inline const SafetensorsDType* FindSafetensorsDType(absl::string_view name) {
  for (const SafetensorsDType& row : kSafetensorsDTypes) {
    if (name == row.name) return &row;
  }
  return nullptr;
}
inline const SafetensorsDType* FindSafetensorsDType(chips::DType dtype) {
  for (const SafetensorsDType& row : kSafetensorsDTypes) {
    if (dtype == row.dtype && dtype != chips::DTYPE_UNSPECIFIED) return &row;
  }
  return nullptr;
}

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_DATA_SAFETENSORS_DTYPE_H_
