#include "distributed/transport/null_transport.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "distributed/transport/world.h"

namespace strata::distributed {
namespace {

absl::Status Nobody() { return absl::InternalError("rank 0: a run of one rank has no peers"); }

absl::StatusOr<std::unique_ptr<World>> MakeWorld(int ranks) {
  if (ranks != 0 && ranks != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the null transport has 1 rank, not ", ranks, "; use thread or mpi"));
  }
  auto world = std::make_unique<World>();
  world->local.push_back(std::make_unique<NullTransport>());
  return world;
}

}  // namespace

absl::Status NullTransport::DoSend(const Outgoing&) { return Nobody(); }
absl::Status NullTransport::DoRecv(const Incoming&) { return Nobody(); }
absl::Status NullTransport::DoSendRecv(const Outgoing&, const Incoming&) { return Nobody(); }
void NullTransport::DoLeave(const absl::Status&) {}

void RegisterNullTransport() { WorldRegistry().Register("null", MakeWorld); }

}  // namespace strata::distributed
