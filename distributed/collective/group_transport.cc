#include "distributed/collective/group_transport.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::distributed {

absl::StatusOr<std::unique_ptr<GroupTransport>> GroupTransport::Create(Transport& inner,
                                                                       std::vector<int> ranks) {
  const std::string what =
      absl::StrCat("rank ", inner.rank(), ": group of ranks {", absl::StrJoin(ranks, ", "), "}");
  std::vector<int> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || sorted.front() < 0 || sorted.back() >= inner.size() ||
      std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": give each rank in [0, ", inner.size(), ") at most once"));
  }
  const auto self = std::find(ranks.begin(), ranks.end(), inner.rank());
  if (self == ranks.end())
    return absl::InvalidArgumentError(absl::StrCat(what, ": this rank is not in it"));
  const int rank = static_cast<int>(self - ranks.begin());
  return std::unique_ptr<GroupTransport>(new GroupTransport(inner, std::move(ranks), rank));
}

GroupTransport::GroupTransport(Transport& inner, std::vector<int> ranks, int rank)
    : inner_(inner), ranks_(std::move(ranks)), rank_(rank) {
  set_timeout(inner.timeout());
}

Outgoing GroupTransport::Below(const Outgoing& out) const {
  return {Below(out.peer), out.tag, out.data, out.bytes};
}

Incoming GroupTransport::Below(const Incoming& in) const {
  return {Below(in.peer), in.tag, in.data, in.bytes};
}

IncomingPieces GroupTransport::Below(const IncomingPieces& in) const {
  return {Below(in.peer), in.tag, in.bytes, in.take};
}

absl::Status GroupTransport::DoSend(const Outgoing& message) { return inner_.Send(Below(message)); }

absl::Status GroupTransport::DoRecv(const Incoming& message) { return inner_.Recv(Below(message)); }

absl::Status GroupTransport::DoSendRecv(const Outgoing& out, const Incoming& in) {
  return inner_.SendRecv(Below(out), Below(in));
}

absl::Status GroupTransport::DoRecvPieces(const IncomingPieces& message) {
  return inner_.RecvPieces(Below(message));
}

absl::Status GroupTransport::DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) {
  return inner_.SendRecvPieces(Below(out), Below(in));
}

}  // namespace strata::distributed
