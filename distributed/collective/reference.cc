#include "distributed/collective/reference.h"

#include <cstring>
#include <memory>
#include <vector>

#include "distributed/collective/call.h"
#include "distributed/collective/point_to_point.h"
#include "distributed/collective/reduce.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

constexpr int kTag = 900;

size_t Bytes(int64_t count, chips::DType dtype) {
  return static_cast<size_t>(count) * chips::SizeOf(dtype);
}

void Copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0 && to != from) std::memcpy(to, from, bytes);
}

// `bytes` from one rank to another, which may be the same; the other ranks have nothing to do.
absl::Status Move(Transport& transport, int from, const char* input, int to, char* output,
                  size_t bytes) {
  if (transport.rank() == from && from == to) Copy(output, input, bytes);
  if (from == to) return absl::OkStatus();
  if (transport.rank() == from) return transport.Send({to, kTag, input, bytes});
  if (transport.rank() == to) return transport.Recv({from, kTag, output, bytes});
  return absl::OkStatus();
}

}  // namespace

absl::Status ReferenceCollectives::Reduce(void* data, int64_t count, chips::DType dtype,
                                          compiler::Reduction reduction, int root) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce", count, dtype));
  STRATA_RETURN_IF_ERROR(CheckRootedCall("reduce", count, dtype, root, size()));
  const int64_t all = rank() == root ? count * size() : 0;
  std::vector<char> gathered(Bytes(all, dtype));
  STRATA_RETURN_IF_ERROR(Gather(data, gathered.data(), count, dtype, root));
  if (rank() != root) return absl::OkStatus();
  const size_t bytes = Bytes(count, dtype);
  Copy(data, gathered.data(), bytes);
  for (int peer = 1; peer < size(); ++peer) {
    const char* theirs = gathered.data() + static_cast<size_t>(peer) * bytes;
    Combine(reduction, dtype, data, theirs, data, count);
  }
  FinishReduction(reduction, dtype, data, count, size());
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                             compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("all_reduce", count, dtype));
  STRATA_RETURN_IF_ERROR(
      Annotate(Reduce(data, count, dtype, reduction, /*root=*/0), "reference all_reduce"));
  return Broadcast(data, count, dtype, /*root=*/0);
}

absl::Status ReferenceCollectives::AllGather(const void* input, void* output, int64_t count,
                                             chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_gather", count, dtype));
  STRATA_RETURN_IF_ERROR(
      Annotate(Gather(input, output, count, dtype, /*root=*/0), "reference all_gather"));
  return Broadcast(output, count * size(), dtype, /*root=*/0);
}

absl::Status ReferenceCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                                 chips::DType dtype,
                                                 compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce_scatter", count, dtype));
  std::vector<char> all(Bytes(count * size(), dtype));
  Copy(all.data(), input, all.size());
  STRATA_RETURN_IF_ERROR(AllReduce(all.data(), count * size(), dtype, reduction));
  Copy(output, all.data() + Bytes(count * rank(), dtype), Bytes(count, dtype));
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::Broadcast(void* data, int64_t count, chips::DType dtype,
                                             int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("broadcast", count, dtype, root, size()));
  char* bytes = static_cast<char*>(data);
  for (int peer = 0; peer < size(); ++peer) {
    STRATA_RETURN_IF_ERROR(Annotate(Move(transport_, root, bytes, peer, bytes, Bytes(count, dtype)),
                                    "reference broadcast"));
  }
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::Gather(const void* input, void* output, int64_t count,
                                          chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("gather", count, dtype, root, size()));
  const size_t bytes = Bytes(count, dtype);
  for (int peer = 0; peer < size(); ++peer) {
    char* piece =
        rank() == root ? static_cast<char*>(output) + static_cast<size_t>(peer) * bytes : nullptr;
    STRATA_RETURN_IF_ERROR(
        Annotate(Move(transport_, peer, static_cast<const char*>(input), root, piece, bytes),
                 "reference gather"));
  }
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::Scatter(const void* input, void* output, int64_t count,
                                           chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("scatter", count, dtype, root, size()));
  const size_t bytes = Bytes(count, dtype);
  for (int peer = 0; peer < size(); ++peer) {
    const char* piece = rank() == root
                            ? static_cast<const char*>(input) + static_cast<size_t>(peer) * bytes
                            : nullptr;
    STRATA_RETURN_IF_ERROR(
        Annotate(Move(transport_, root, piece, peer, static_cast<char*>(output), bytes),
                 "reference scatter"));
  }
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::AllToAll(const void* input, void* output, int64_t count,
                                            chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_to_all", count, dtype));
  const std::vector<int64_t> counts(static_cast<size_t>(size()), count);
  return AllToAllV(input, counts, output, counts, dtype);
}

// Each pair in its turn.
absl::Status ReferenceCollectives::AllToAllV(const void* input,
                                             absl::Span<const int64_t> send_counts, void* output,
                                             absl::Span<const int64_t> receive_counts,
                                             chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCounts(send_counts, receive_counts, dtype, rank(), size()));
  const char* in = static_cast<const char*>(input);
  char* out = static_cast<char*>(output);
  for (int from = 0; from < size(); ++from) {
    for (int to = 0; to < size(); ++to) {
      const int64_t count = rank() == from ? send_counts[static_cast<size_t>(to)]
                                           : receive_counts[static_cast<size_t>(from)];
      const size_t bytes = Bytes(count, dtype);
      STRATA_RETURN_IF_ERROR(
          Annotate(Move(transport_, from, in, to, out, bytes), "reference all_to_all_v"));
      if (rank() == from) in += bytes;
      if (rank() == to) out += bytes;
    }
  }
  return absl::OkStatus();
}

absl::Status ReferenceCollectives::Send(const void* data, int64_t count, chips::DType dtype,
                                        int peer) {
  return SendTo(transport_, data, count, dtype, peer);
}

absl::Status ReferenceCollectives::Recv(void* data, int64_t count, chips::DType dtype, int peer) {
  return RecvFrom(transport_, data, count, dtype, peer);
}

absl::Status ReferenceCollectives::Permute(const void* input, void* output, int64_t count,
                                           chips::DType dtype, int64_t offset) {
  return PermuteBy(transport_, input, output, count, dtype, offset);
}

void RegisterReferenceCollectives() {
  CollectivesRegistry().Register("reference", [](Transport& transport) {
    return std::make_unique<ReferenceCollectives>(transport);
  });
}

}  // namespace strata::distributed
