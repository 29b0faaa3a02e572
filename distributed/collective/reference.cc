#include "distributed/collective/reference.h"

#include <cstring>
#include <memory>
#include <vector>

#include "distributed/collective/call.h"
#include "distributed/collective/reduce.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

constexpr int kTag = 10;

size_t Bytes(int64_t count, chips::DType dtype) {
  return static_cast<size_t>(count) * chips::SizeOf(dtype);
}

void Copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0 && to != from) std::memcpy(to, from, bytes);
}

}  // namespace

absl::Status ReferenceCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                             compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("all_reduce", count, dtype));
  const size_t bytes = Bytes(count, dtype);
  if (rank() > 0) {
    STRATA_RETURN_IF_ERROR(
        Annotate(transport_.Send({0, kTag, data, bytes}), "reference all_reduce"));
  } else {
    std::vector<char> theirs(bytes);
    for (int peer = 1; peer < size(); ++peer) {
      STRATA_RETURN_IF_ERROR(
          Annotate(transport_.Recv({peer, kTag, theirs.data(), bytes}), "reference all_reduce"));
      Combine(reduction, dtype, data, theirs.data(), data, count);
    }
    FinishReduction(reduction, dtype, data, count, size());
  }
  return Broadcast(data, count, dtype, /*root=*/0);
}

absl::Status ReferenceCollectives::AllGather(const void* input, void* output, int64_t count,
                                             chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_gather", count, dtype));
  const size_t bytes = Bytes(count, dtype);
  char* gathered = static_cast<char*>(output);
  if (rank() > 0) {
    STRATA_RETURN_IF_ERROR(
        Annotate(transport_.Send({0, kTag, input, bytes}), "reference all_gather"));
  } else {
    Copy(gathered, input, bytes);
    for (int peer = 1; peer < size(); ++peer) {
      const size_t at = static_cast<size_t>(peer) * bytes;
      STRATA_RETURN_IF_ERROR(
          Annotate(transport_.Recv({peer, kTag, gathered + at, bytes}), "reference all_gather"));
    }
  }
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
  const size_t bytes = Bytes(count, dtype);
  if (rank() != root)
    return Annotate(transport_.Recv({root, kTag, data, bytes}), "reference broadcast");
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == root) continue;
    STRATA_RETURN_IF_ERROR(
        Annotate(transport_.Send({peer, kTag, data, bytes}), "reference broadcast"));
  }
  return absl::OkStatus();
}

void RegisterReferenceCollectives() {
  CollectivesRegistry().Register("reference", [](Transport& transport) {
    return std::make_unique<ReferenceCollectives>(transport);
  });
}

}  // namespace strata::distributed
