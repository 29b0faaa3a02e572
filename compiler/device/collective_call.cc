#include "compiler/device/collective_call.h"

#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;

Reduction ReductionOf(const std::string& name) {
  return name == "mean" ? Reduction::kMean : name == "max" ? Reduction::kMax : Reduction::kSum;
}

void Move(void* to, const void* from, size_t bytes) {
  if (to != from && bytes > 0) std::memmove(to, from, bytes);
}

// A tensor as [outer, ranks, inner]: `outer` rows of the dims before the one that is cut, each of `ranks` pieces of
// `inner` bytes.
struct Pieces {
  size_t outer = 0, ranks = 0, inner = 0;

  size_t bytes() const { return outer * inner; }  // of one rank's piece
};

Pieces Cut(const HostTensor& whole, int64_t axis, int64_t ranks) {
  const std::vector<int64_t>& dims = whole.dims();
  const auto at = dims.begin() + axis;
  const int64_t outer = std::accumulate(dims.begin(), at, int64_t{1}, std::multiplies<>());
  const size_t rows = static_cast<size_t>(outer), n = static_cast<size_t>(ranks);
  return {rows, n, rows == 0 ? 0 : whole.size_bytes() / rows / n};
}

// whole [outer, ranks, inner] -> rank-major [ranks, outer, inner], and back.
void Split(const Pieces& p, const char* whole, char* by_rank) {
  for (size_t o = 0; o < p.outer; ++o) {
    for (size_t r = 0; r < p.ranks; ++r)
      Move(by_rank + (r * p.outer + o) * p.inner, whole + (o * p.ranks + r) * p.inner, p.inner);
  }
}

void Join(const Pieces& p, const char* by_rank, char* whole) {
  for (size_t o = 0; o < p.outer; ++o) {
    for (size_t r = 0; r < p.ranks; ++r)
      Move(whole + (o * p.ranks + r) * p.inner, by_rank + (r * p.outer + o) * p.inner, p.inner);
  }
}

class Call {
 public:
  Call(const plan::Collective& call, const HostTensor& in, const HostTensor& out,
       Collectives& group)
      : call_(call), in_(in), out_(out), group_(group), ranks_(group.size()) {}

  absl::Status Run() const {
    const std::string& kind = call_.kind();
    if (kind == "all_gather") return AllGather();
    if (kind == "reduce_scatter") return ReduceScatter();
    if (kind == "all_to_all") return AllToAll();
    if (kind == "shard") return Shard();
    if (in_.size_bytes() != out_.size_bytes()) return SizesDiffer();
    if (kind == "collective_permute")
      return group_.Permute(In(), Out(), in_.elements(), in_.dtype(), call_.offset());
    Move(Out(), In(), out_.size_bytes());
    if (kind == "broadcast")
      return group_.Broadcast(Out(), out_.elements(), out_.dtype(), call_.root());
    return group_.AllReduce(Out(), out_.elements(), out_.dtype(), ReductionOf(call_.reduction()));
  }

  static absl::Status SizesDiffer() {
    return absl::InvalidArgumentError("operand and result differ in size");
  }

 private:
  const char* In() const { return static_cast<const char*>(in_.raw()); }
  char* Out() const { return static_cast<char*>(out_.raw()); }
  // Elements of this rank's part when `tensor` is shared by all.
  int64_t Share(const HostTensor& tensor) const { return tensor.elements() / ranks_; }

  absl::Status AllGather() const {
    if (out_.elements() != in_.elements() * ranks_) return SizesDiffer();
    const Pieces pieces = Cut(out_, call_.axis(), ranks_);
    if (pieces.outer == 1) return group_.AllGather(In(), Out(), in_.elements(), in_.dtype());
    std::vector<char> by_rank(out_.size_bytes());
    STRATA_RETURN_IF_ERROR(group_.AllGather(In(), by_rank.data(), in_.elements(), in_.dtype()));
    Join(pieces, by_rank.data(), Out());
    return absl::OkStatus();
  }

  absl::Status ReduceScatter() const {
    if (in_.elements() != out_.elements() * ranks_) return SizesDiffer();
    const Reduction reduction = ReductionOf(call_.reduction());
    const Pieces pieces = Cut(in_, call_.axis(), ranks_);
    if (pieces.outer == 1)
      return group_.ReduceScatter(In(), Out(), out_.elements(), in_.dtype(), reduction);
    std::vector<char> by_rank(in_.size_bytes());
    Split(pieces, In(), by_rank.data());
    return group_.ReduceScatter(by_rank.data(), Out(), out_.elements(), in_.dtype(), reduction);
  }

  absl::Status AllToAll() const {
    if (in_.elements() != out_.elements()) return SizesDiffer();
    std::vector<char> sent(in_.size_bytes()), received(in_.size_bytes());
    Split(Cut(in_, call_.axis(), ranks_), In(), sent.data());
    STRATA_RETURN_IF_ERROR(group_.AllToAll(sent.data(), received.data(), Share(in_), in_.dtype()));
    Join(Cut(out_, call_.concat(), ranks_), received.data(), Out());
    return absl::OkStatus();
  }

  absl::Status Shard() const {
    if (in_.elements() != out_.elements() * ranks_) return SizesDiffer();
    const Pieces p = Cut(in_, call_.axis(), ranks_);
    const size_t mine = static_cast<size_t>(group_.rank());
    for (size_t o = 0; o < p.outer; ++o)
      Move(Out() + o * p.inner, In() + (o * p.ranks + mine) * p.inner, p.inner);
    return absl::OkStatus();
  }

  const plan::Collective& call_;
  const HostTensor &in_, &out_;
  Collectives& group_;
  int64_t ranks_;
};

}  // namespace

absl::Status RunCollectiveCall(const plan::Collective& call, const HostTensor& in,
                               const HostTensor& out, Collectives* collectives) {
  Collectives* group = collectives;
  if (collectives != nullptr) {
    STRATA_ASSIGN_OR_RETURN(group, collectives->Group(call.group()));
  }
  const int64_t ranks = group == nullptr ? 1 : group->size();
  if (call.ranks() != 0 && call.ranks() != ranks) {
    return absl::FailedPreconditionError(absl::StrCat(
        call.kind(), ": the plan is for ", call.ranks(), " ranks; this device has ", ranks,
        call.group().empty() ? "" : absl::StrCat(" in group '", call.group(), "'"),
        group == nullptr ? " (it was given no Collectives: set DeviceOptions.collectives)" : ""));
  }
  if (call.kind() == "rank_index") {
    *static_cast<int32_t*>(out.raw()) = group == nullptr ? 0 : group->rank();
    return absl::OkStatus();
  }
  if (ranks > 1) return Call(call, in, out, *group).Run();
  if (in.size_bytes() != out.size_bytes()) return Call::SizesDiffer();
  Move(out.raw(), in.raw(), out.size_bytes());
  return absl::OkStatus();
}

}  // namespace strata::compiler
