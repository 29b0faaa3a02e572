#include "distributed/collective/point_to_point.h"

#include <cstring>

#include "distributed/collective/call.h"

namespace strata::distributed {
namespace {

constexpr int kSendTag = 1000, kPermuteTag = 1001;  // other than those of the table's rows

size_t Bytes(int64_t count, chips::DType dtype) {
  return static_cast<size_t>(count) * chips::SizeOf(dtype);
}

// The description is made when it is needed only: it costs more than a small message.
absl::Status At(const absl::Status& status, absl::string_view op, int64_t count,
                chips::DType dtype) {
  return status.ok() ? status : Annotate(status, DescribeCall(op, count, dtype));
}

}  // namespace

absl::Status SendTo(Transport& transport, const void* data, int64_t count, chips::DType dtype,
                    int peer) {
  STRATA_RETURN_IF_ERROR(CheckPeer("send", count, dtype, peer, transport.rank(), transport.size()));
  if (count == 0) return absl::OkStatus();
  return At(transport.Send({peer, kSendTag, data, Bytes(count, dtype)}), "send", count, dtype);
}

absl::Status RecvFrom(Transport& transport, void* data, int64_t count, chips::DType dtype,
                      int peer) {
  STRATA_RETURN_IF_ERROR(CheckPeer("recv", count, dtype, peer, transport.rank(), transport.size()));
  if (count == 0) return absl::OkStatus();
  return At(transport.Recv({peer, kSendTag, data, Bytes(count, dtype)}), "recv", count, dtype);
}

absl::Status PermuteBy(Transport& transport, const void* input, void* output, int64_t count,
                       chips::DType dtype, int64_t offset) {
  STRATA_RETURN_IF_ERROR(CheckCall("permute", count, dtype));
  const int64_t n = transport.size(), shift = (offset % n + n) % n;
  const size_t bytes = Bytes(count, dtype);
  if (bytes == 0) return absl::OkStatus();
  if (shift == 0) {
    if (input != output) std::memcpy(output, input, bytes);
    return absl::OkStatus();
  }
  const int to = static_cast<int>((transport.rank() + shift) % n);
  const int from = static_cast<int>((transport.rank() + n - shift) % n);
  return At(transport.SendRecv({to, kPermuteTag, input, bytes}, {from, kPermuteTag, output, bytes}),
            "permute", count, dtype);
}

}  // namespace strata::distributed
