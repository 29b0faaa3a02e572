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

absl::Status NullCollectives::Reduce(void*, int64_t count, chips::DType dtype, compiler::Reduction,
                                     int root) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce", count, dtype));
  return CheckRootedCall("reduce", count, dtype, root, /*ranks=*/1);
}

absl::Status NullCollectives::Gather(const void* input, void* output, int64_t count,
                                     chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("gather", count, dtype, root, /*ranks=*/1));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::Scatter(const void* input, void* output, int64_t count,
                                      chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("scatter", count, dtype, root, /*ranks=*/1));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::AllToAll(const void* input, void* output, int64_t count,
                                       chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_to_all", count, dtype));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::AllToAllV(const void* input, absl::Span<const int64_t> send_counts,
                                        void* output, absl::Span<const int64_t> receive_counts,
                                        chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCounts(send_counts, receive_counts, dtype, /*rank=*/0, /*ranks=*/1));
  Copy(input, output, send_counts[0], dtype);
  return absl::OkStatus();
}

absl::Status NullCollectives::Send(const void*, int64_t count, chips::DType dtype, int peer) {
  return CheckPeer("send", count, dtype, peer, /*rank=*/0, /*ranks=*/1);
}

absl::Status NullCollectives::Recv(void*, int64_t count, chips::DType dtype, int peer) {
  return CheckPeer("recv", count, dtype, peer, /*rank=*/0, /*ranks=*/1);
}

absl::Status NullCollectives::Permute(const void* input, void* output, int64_t count,
                                      chips::DType dtype, int64_t) {
  STRATA_RETURN_IF_ERROR(CheckCall("permute", count, dtype));
  Copy(input, output, count, dtype);
  return absl::OkStatus();
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
