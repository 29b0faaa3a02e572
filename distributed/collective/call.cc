#include "distributed/collective/call.h"

#include "absl/strings/str_cat.h"

namespace strata::distributed {

std::string DescribeCall(absl::string_view op, int64_t count, chips::DType dtype) {
  return absl::StrCat(op, " of ", count, " ", chips::DTypeName(dtype));
}

absl::Status CheckCall(absl::string_view op, int64_t count, chips::DType dtype) {
  if (count >= 0 && chips::SizeOf(dtype) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(DescribeCall(op, count, dtype), ": give a count of at least 0 and a dtype"));
}

absl::Status CheckReducingCall(absl::string_view op, int64_t count, chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall(op, count, dtype));
  if (dtype == chips::F32 || dtype == chips::F64) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat(DescribeCall(op, count, dtype), ": only f32 and f64 are reduced; cast before"));
}

absl::Status CheckRootedCall(absl::string_view op, int64_t count, chips::DType dtype, int root,
                             int ranks) {
  STRATA_RETURN_IF_ERROR(CheckCall(op, count, dtype));
  if (root >= 0 && root < ranks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(DescribeCall(op, count, dtype), ": root ", root,
                                                 " is outside [0, ", ranks, ")"));
}

}  // namespace strata::distributed
