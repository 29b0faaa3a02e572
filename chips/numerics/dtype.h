// Names and sizes of the DType enum.
#ifndef STRATA_CHIPS_NUMERICS_DTYPE_H_
#define STRATA_CHIPS_NUMERICS_DTYPE_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/dtype.pb.h"

namespace strata::chips {

// Bytes of one element; 0 for DTYPE_UNSPECIFIED.
size_t SizeOf(DType dtype);

// "f32", "bf16", ...; "unspecified" for zero.
absl::string_view DTypeName(DType dtype);

// Inverse of DTypeName. INVALID_ARGUMENT lists the names.
absl::StatusOr<DType> ParseDType(absl::string_view name);

bool IsFloat(DType dtype);    // that ops compute in: not the 8-bit floats
bool IsFloat8(DType dtype);   // held in memory and multiplied, nothing else
bool IsInteger(DType dtype);  // not BOOL

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_DTYPE_H_
