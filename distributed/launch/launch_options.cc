#include "distributed/launch/launch_options.h"

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

absl::Status Bad(const char* flag, const std::string& value, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": is ", value, ", but must be ", rule));
}

absl::Status InRange(const char* flag, int value, int low, int high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Bad(flag, absl::StrCat(value), absl::StrCat("in [", low, ", ", high, "]"));
}

absl::Status CheckNodes(const LaunchOptions& o) {
  STRATA_RETURN_IF_ERROR(InRange("--nnodes", o.nodes, 1, kMostNodes));
  STRATA_RETURN_IF_ERROR(InRange("--node-rank", o.node_rank, 0, o.nodes - 1));
  STRATA_RETURN_IF_ERROR(InRange("--master-port", o.master_port, 0, 65535));
  if (o.nodes > 1 && o.master_address.empty()) {
    return absl::InvalidArgumentError(
        "--master-addr: is not set; with several machines name that of --node-rank=0, as they all "
        "reach it");
  }
  return absl::OkStatus();
}

absl::Status CheckElastic(const LaunchOptions& o) {
  const bool resizes = o.min_ranks != 0 || o.max_ranks != 0 || !o.discovery.empty();
  if (o.nodes > 1 && resizes) {
    return absl::InvalidArgumentError(
        "--nnodes: is above 1, and --min-ranks, --max-ranks or --discovery is set; the launchers "
        "of "
        "several machines do not agree on other numbers of ranks: start them anew with another "
        "--nnodes or -n, and the run goes on from its last commit");
  }
  const int most = std::max(o.ranks, o.max_ranks);
  if (o.min_ranks != 0) STRATA_RETURN_IF_ERROR(InRange("--min-ranks", o.min_ranks, 1, o.ranks));
  if (o.max_ranks != 0)
    STRATA_RETURN_IF_ERROR(InRange("--max-ranks", o.max_ranks, o.ranks, kMostRanks));
  if (most > o.ranks && o.discovery.empty()) {
    return absl::InvalidArgumentError(
        "--max-ranks: is above -n, but nothing tells when there is room for more; give "
        "--discovery=COMMAND too");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateLaunchOptions(const LaunchOptions& o) {
  if (o.command.empty() || o.command[0].empty()) {
    return absl::InvalidArgumentError(
        "nothing to launch; name a command after --, as in: strata launch -n 4 -- train "
        "recipe.textproto");
  }
  STRATA_RETURN_IF_ERROR(InRange("-n", o.ranks, 1, kMostRanks));
  STRATA_RETURN_IF_ERROR(CheckNodes(o));
  STRATA_RETURN_IF_ERROR(InRange("--max-restarts", o.max_restarts, 0, 1 << 30));
  STRATA_RETURN_IF_ERROR(InRange("--timeout", o.timeout_seconds, 0, 999999));
  if (o.grace.count() < 0)
    return Bad("--grace", absl::StrCat(static_cast<double>(o.grace.count()) * 1e-3), "0 or more");
  return CheckElastic(o);
}

}  // namespace strata::distributed
