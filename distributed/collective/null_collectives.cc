#include "distributed/collective/null_collectives.h"

#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "distributed/collective/call.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

void Copy(const void* input, void* output, int64_t count, chips::DType dtype) {
  if (count > 0 && input != output)
    std::memcpy(output, input, static_cast<size_t>(count) * chips::SizeOf(dtype));
}

}  // namespace

absl::Status NullCollectives::AllReduce(void*, int64_t count, chips::DType dtype,
                                        compiler::Reduction) {
  return CheckReducingCall("all_reduce", count, dtype);
}

absl::Status NullCollectives::AllGather(const void* input, void* output, int64_t count,
                                        chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_gather", count, dtype));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                            chips::DType dtype, compiler::Reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce_scatter", count, dtype));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::Broadcast(void*, int64_t count, chips::DType dtype, int root) {
  return CheckRootedCall("broadcast", count, dtype, root, /*ranks=*/1);
}

void RegisterNullCollectives() {
  CollectivesRegistry().Register(
      "null", [](Transport& transport) -> absl::StatusOr<std::unique_ptr<compiler::Collectives>> {
        if (transport.size() == 1) return std::make_unique<NullCollectives>();
        return absl::InvalidArgumentError(
            absl::StrCat("null collectives are for 1 rank, not ", transport.size(), "; use ring"));
      });
}

}  // namespace strata::distributed
