#include "distributed/collective/call.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/collective/reduce.h"

namespace strata::distributed {
namespace {

constexpr Verb kVerbs[] = {Verb::kAllReduce, Verb::kReduceScatter, Verb::kAllGather,
                           Verb::kBroadcast, Verb::kReduce,        Verb::kScatter,
                           Verb::kGather,    Verb::kAllToAll,      Verb::kAllToAllV};
constexpr absl::string_view kNames[] = {"all_reduce", "reduce_scatter", "all_gather",
                                        "broadcast",  "reduce",         "scatter",
                                        "gather",     "all_to_all",     "all_to_all_v"};

absl::Status CheckRoot(absl::string_view op, int64_t count, chips::DType dtype, int root,
                       int ranks) {
  if (root >= 0 && root < ranks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(DescribeCall(op, count, dtype), ": root ", root,
                                                 " is outside [0, ", ranks, ")"));
}

}  // namespace

absl::string_view VerbName(Verb verb) { return kNames[static_cast<size_t>(verb)]; }

absl::Span<const Verb> Verbs() { return kVerbs; }

absl::StatusOr<Verb> ParseVerb(absl::string_view name) {
  for (Verb verb : kVerbs) {
    if (VerbName(verb) == name) return verb;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no collective named '", name, "'; there is: ", absl::StrJoin(kNames, ", ")));
}

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
  if (IsReduced(dtype)) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat(DescribeCall(op, count, dtype),
                   ": reduced are f32, f64, bf16, f16, i8, u8, i32 and i64; cast before"));
}

absl::Status CheckRootedCall(absl::string_view op, int64_t count, chips::DType dtype, int root,
                             int ranks) {
  STRATA_RETURN_IF_ERROR(CheckCall(op, count, dtype));
  return CheckRoot(op, count, dtype, root, ranks);
}

absl::Status CheckPeer(absl::string_view op, int64_t count, chips::DType dtype, int peer, int rank,
                       int ranks) {
  STRATA_RETURN_IF_ERROR(CheckCall(op, count, dtype));
  if (peer >= 0 && peer < ranks && peer != rank) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(DescribeCall(op, count, dtype), ": peer ", peer,
                                                 " is not another rank in [0, ", ranks,
                                                 "); this is rank ", rank));
}

absl::Status CheckCounts(absl::Span<const int64_t> send_counts,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype, int rank,
                         int ranks) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_to_all_v", 0, dtype));
  const size_t n = static_cast<size_t>(ranks), self = static_cast<size_t>(rank);
  if (send_counts.size() != n || receive_counts.size() != n) {
    return absl::InvalidArgumentError(absl::StrCat(
        "all_to_all_v: ", send_counts.size(), " send counts and ", receive_counts.size(),
        " receive counts; give one for each of the ", ranks, " ranks"));
  }
  for (size_t peer = 0; peer < n; ++peer) {
    if (send_counts[peer] >= 0 && receive_counts[peer] >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("all_to_all_v: sends ", send_counts[peer], " to rank ", peer, " and receives ",
                     receive_counts[peer], " from it; counts are at least 0"));
  }
  if (send_counts[self] == receive_counts[self]) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("all_to_all_v: rank ", rank, " sends itself ",
                                                 send_counts[self], " and receives ",
                                                 receive_counts[self], "; the two must agree"));
}

absl::Status CheckCall(const Call& call, int rank, int ranks) {
  const absl::string_view name = VerbName(call.verb);
  switch (call.verb) {
    case Verb::kAllReduce:
    case Verb::kReduceScatter:
      return CheckReducingCall(name, call.count, call.dtype);
    case Verb::kReduce:
      STRATA_RETURN_IF_ERROR(CheckReducingCall(name, call.count, call.dtype));
      return CheckRoot(name, call.count, call.dtype, call.root, ranks);
    case Verb::kBroadcast:
    case Verb::kScatter:
    case Verb::kGather:
      return CheckRootedCall(name, call.count, call.dtype, call.root, ranks);
    case Verb::kAllGather:
    case Verb::kAllToAll:
      return CheckCall(name, call.count, call.dtype);
    case Verb::kAllToAllV:
      return CheckCounts(call.send_counts, call.receive_counts, call.dtype, rank, ranks);
  }
  return absl::InternalError("a verb that is none");
}

}  // namespace strata::distributed
