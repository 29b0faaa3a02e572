#include "distributed/collective/ring.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "distributed/collective/call.h"
#include "distributed/collective/reduce.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

// A tag a collective: ranks that make different calls find out.
constexpr int kAllReduceTag = 1, kAllGatherTag = 2, kReduceScatterTag = 3, kBroadcastTag = 4;

int64_t ElementBytes(chips::DType dtype) { return static_cast<int64_t>(chips::SizeOf(dtype)); }

// `count` elements in `parts` segments; the first ones have one more when they do not divide.
class Segments {
 public:
  Segments(char* data, int64_t count, int64_t element_bytes, int parts)
      : data_(data), count_(count), element_bytes_(element_bytes), parts_(parts) {}

  char* begin(int part) const { return data_ + Offset(Wrap(part)) * element_bytes_; }
  int64_t bytes(int part) const {
    return (Offset(Wrap(part) + 1) - Offset(Wrap(part))) * element_bytes_;
  }

 private:
  int Wrap(int part) const { return (part % parts_ + parts_) % parts_; }
  int64_t Offset(int part) const {
    return part * (count_ / parts_) + std::min<int64_t>(part, count_ % parts_);
  }

  char* data_;
  int64_t count_;
  int64_t element_bytes_;
  int parts_;
};

}  // namespace

RingCollectives::RingCollectives(Transport& transport, int64_t chunk_bytes)
    : transport_(transport), chunk_bytes_(chunk_bytes) {}

// One message to the next rank, one from the previous; either may be absent, which both ends know.
absl::Status RingCollectives::Exchange(int tag, const char* out, int64_t out_bytes, char* in,
                                       int64_t in_bytes) {
  const Outgoing outgoing = {Next(), tag, out, static_cast<size_t>(out_bytes)};
  const Incoming incoming = {Previous(), tag, in, static_cast<size_t>(in_bytes)};
  if (out_bytes > 0 && in_bytes > 0) return transport_.SendRecv(outgoing, incoming);
  if (out_bytes > 0) return transport_.Send(outgoing);
  if (in_bytes > 0) return transport_.Recv(incoming);
  return absl::OkStatus();
}

absl::Status RingCollectives::Shift(int tag, const char* out, int64_t out_bytes, char* in,
                                    int64_t in_bytes) {
  for (int64_t at = 0; at < std::max(out_bytes, in_bytes); at += chunk_bytes_) {
    const int64_t out_chunk = std::clamp<int64_t>(out_bytes - at, 0, chunk_bytes_);
    const int64_t in_chunk = std::clamp<int64_t>(in_bytes - at, 0, chunk_bytes_);
    STRATA_RETURN_IF_ERROR(Exchange(tag, out + at, out_chunk, in + at, in_chunk));
  }
  return absl::OkStatus();
}

// Shift, and result = what comes in, combined with `own`. `result` may be `own`, and it may be
// `out`: a chunk has been sent when it is overwritten.
absl::Status RingCollectives::ShiftAndCombine(const Reducer& reducer, const char* out,
                                              int64_t out_bytes, const char* own, char* result,
                                              int64_t in_bytes) {
  scratch_.resize(static_cast<size_t>(chunk_bytes_) / sizeof(double));
  char* arrived = reinterpret_cast<char*>(scratch_.data());
  for (int64_t at = 0; at < std::max(out_bytes, in_bytes); at += chunk_bytes_) {
    const int64_t out_chunk = std::clamp<int64_t>(out_bytes - at, 0, chunk_bytes_);
    const int64_t in_chunk = std::clamp<int64_t>(in_bytes - at, 0, chunk_bytes_);
    STRATA_RETURN_IF_ERROR(Exchange(reducer.tag, out + at, out_chunk, arrived, in_chunk));
    if (in_chunk == 0) continue;
    Combine(reducer.reduction, reducer.dtype, arrived, own + at, result + at,
            in_chunk / ElementBytes(reducer.dtype));
  }
  return absl::OkStatus();
}

// Reduce-scatter, then all-gather: segment s starts at rank s, gathers a summand at every rank, is
// whole at rank s - 1, and goes round once more to be copied.
absl::Status RingCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                        compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("all_reduce", count, dtype));
  const std::string what = DescribeCall("ring all_reduce", count, dtype);
  const Segments segments(static_cast<char*>(data), count, ElementBytes(dtype), size());
  const Reducer reducer = {kAllReduceTag, dtype, reduction};
  for (int step = 0; step < size() - 1; ++step) {
    const int out = rank() - step, in = out - 1;
    STRATA_RETURN_IF_ERROR(
        Annotate(ShiftAndCombine(reducer, segments.begin(out), segments.bytes(out),
                                 segments.begin(in), segments.begin(in), segments.bytes(in)),
                 what));
  }
  const int mine = rank() + 1;
  FinishReduction(reduction, dtype, segments.begin(mine),
                  segments.bytes(mine) / ElementBytes(dtype), size());
  for (int step = 0; step < size() - 1; ++step) {
    const int out = mine - step, in = out - 1;
    STRATA_RETURN_IF_ERROR(Annotate(Shift(kAllReduceTag, segments.begin(out), segments.bytes(out),
                                          segments.begin(in), segments.bytes(in)),
                                    what));
  }
  return absl::OkStatus();
}

absl::Status RingCollectives::AllGather(const void* input, void* output, int64_t count,
                                        chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_gather", count, dtype));
  const Segments segments(static_cast<char*>(output), count * size(), ElementBytes(dtype), size());
  if (count > 0 && input != segments.begin(rank())) {
    std::memcpy(segments.begin(rank()), input, static_cast<size_t>(segments.bytes(rank())));
  }
  for (int step = 0; step < size() - 1; ++step) {
    const int out = rank() - step, in = out - 1;
    STRATA_RETURN_IF_ERROR(Annotate(Shift(kAllGatherTag, segments.begin(out), segments.bytes(out),
                                          segments.begin(in), segments.bytes(in)),
                                    DescribeCall("ring all_gather", count, dtype)));
  }
  return absl::OkStatus();
}

// Segment s starts at rank s + 1 and is whole at rank s. What is on the way lives in `output`.
absl::Status RingCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                            chips::DType dtype, compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce_scatter", count, dtype));
  // Only read: Segments is one class for both.
  const Segments segments(static_cast<char*>(const_cast<void*>(input)), count * size(),
                          ElementBytes(dtype), size());
  const Reducer reducer = {kReduceScatterTag, dtype, reduction};
  char* partial = static_cast<char*>(output);
  const char* out = segments.begin(rank() - 1);
  for (int step = 0; step < size() - 1; ++step) {
    const int in = rank() - step - 2;
    STRATA_RETURN_IF_ERROR(
        Annotate(ShiftAndCombine(reducer, out, segments.bytes(in), segments.begin(in), partial,
                                 segments.bytes(in)),
                 DescribeCall("ring reduce_scatter", count, dtype)));
    out = partial;
  }
  if (size() == 1 && count > 0) std::memcpy(output, input, static_cast<size_t>(segments.bytes(0)));
  FinishReduction(reduction, dtype, output, count, size());
  return absl::OkStatus();
}

// A chain from the root on: while a chunk comes in, the one before goes out.
absl::Status RingCollectives::Broadcast(void* data, int64_t count, chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("broadcast", count, dtype, root, size()));
  const int position = (rank() + size() - root) % size();
  const bool receives = position > 0, sends = position < size() - 1;
  const int64_t bytes = count * ElementBytes(dtype);
  const int64_t lag = receives ? chunk_bytes_ : 0;  // what is sent has come before
  char* base = static_cast<char*>(data);
  for (int64_t at = 0; at < bytes + lag; at += chunk_bytes_) {
    const int64_t in_chunk = receives ? std::clamp<int64_t>(bytes - at, 0, chunk_bytes_) : 0;
    const int64_t from = at - lag;
    const int64_t out_chunk =
        sends && from >= 0 ? std::clamp<int64_t>(bytes - from, 0, chunk_bytes_) : 0;
    STRATA_RETURN_IF_ERROR(
        Annotate(Exchange(kBroadcastTag, out_chunk > 0 ? base + from : nullptr, out_chunk,
                          in_chunk > 0 ? base + at : nullptr, in_chunk),
                 DescribeCall("ring broadcast", count, dtype)));
  }
  return absl::OkStatus();
}

absl::Status RingCollectives::Barrier() { return transport_.Barrier(); }

void RegisterRingCollectives() {
  CollectivesRegistry().Register(
      "ring", [](Transport& transport) { return std::make_unique<RingCollectives>(transport); });
}

}  // namespace strata::distributed
