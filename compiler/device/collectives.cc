#include "compiler/device/collectives.h"

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

absl::Status Lacks(const char* verb) {
  return absl::UnimplementedError(absl::StrCat("these collectives have no ", verb));
}

}  // namespace

absl::Status Collectives::Reduce(void*, int64_t, chips::DType, Reduction, int) {
  return Lacks("reduce");
}
absl::Status Collectives::Gather(const void*, void*, int64_t, chips::DType, int) {
  return Lacks("gather");
}
absl::Status Collectives::Scatter(const void*, void*, int64_t, chips::DType, int) {
  return Lacks("scatter");
}
absl::Status Collectives::AllToAll(const void*, void*, int64_t, chips::DType) {
  return Lacks("all_to_all");
}
absl::Status Collectives::AllToAllV(const void*, absl::Span<const int64_t>, void*,
                                    absl::Span<const int64_t>, chips::DType) {
  return Lacks("all_to_all_v");
}
absl::Status Collectives::Send(const void*, int64_t, chips::DType, int) { return Lacks("send"); }
absl::Status Collectives::Recv(void*, int64_t, chips::DType, int) { return Lacks("recv"); }
absl::Status Collectives::Permute(const void*, void*, int64_t, chips::DType, int64_t) {
  return Lacks("permute");
}

absl::StatusOr<Collectives*> Collectives::Group(absl::string_view axes) {
  if (axes.empty()) return this;
  return absl::InvalidArgumentError(
      absl::StrCat("group '", axes,
                   "': these collectives know no mesh, so there is only the group of all ranks"));
}

}  // namespace strata::compiler
