#include "distributed/transport/shm_transport.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/shm_link.h"
#include "distributed/transport/shm_meeting.h"
#include "distributed/transport/shm_segment.h"
#include "distributed/transport/stream_transport.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLookAfterPeers = std::chrono::milliseconds(20);

class ShmTransport : public StreamTransport {
 public:
  ShmTransport(std::shared_ptr<ShmSegment> segment, int rank,
               std::vector<std::unique_ptr<StreamLink>> links)
      : StreamTransport(rank, std::move(links), SpinsFor(segment->ranks())),
        segment_(std::move(segment)) {}
  ~ShmTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "shm"; }

 protected:
  void Await(StreamLink* reading, StreamLink* writing, Clock::time_point deadline) override {
    auto* from = static_cast<ShmLink*>(reading);
    auto* to = static_cast<ShmLink*>(writing);
    const auto ready = [&] {
      return (from != nullptr && from->CanRead()) || (to != nullptr && to->CanWrite());
    };
    const auto next_look = std::min(deadline, Clock::now() + kLookAfterPeers);
    if (WaitFor(segment_->rank(rank()).bell, 0, ready, next_look)) return;
    if (from != nullptr) from->LookAfterPeer();
    if (to != nullptr) to->LookAfterPeer();
  }

 private:
  std::shared_ptr<ShmSegment> segment_;
};

std::unique_ptr<Transport> MakeTransport(const std::shared_ptr<ShmSegment>& segment, int rank) {
  std::vector<std::unique_ptr<StreamLink>> links;
  for (int peer = 0; peer < segment->ranks(); ++peer) {
    links.push_back(peer == rank ? nullptr : std::make_unique<ShmLink>(segment, rank, peer));
  }
  return std::make_unique<ShmTransport>(segment, rank, std::move(links));
}

absl::StatusOr<std::unique_ptr<World>> MakeWorld(int ranks) {
  STRATA_ASSIGN_OR_RETURN(const LaunchEnv env, FromEnvironment());
  STRATA_RETURN_IF_ERROR(CheckRanks("shm", ranks, env));
  return ShmWorld(env);
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> ShmWorld(const LaunchEnv& env) {
  if (env.local_size != 0 && env.local_size != env.size) {
    return absl::InvalidArgumentError(absl::StrCat("shm: only ", env.local_size, " of ", env.size,
                                                   " ranks are on this machine; use tcp"));
  }
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<ShmSegment> segment, ShareSegment(env));
  auto world = std::make_unique<World>();
  world->local.push_back(MakeTransport(segment, env.rank));
  world->local.back()->set_timeout(env.timeout);
  return world;
}

absl::StatusOr<std::unique_ptr<World>> ShmThreads(int ranks) {
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<ShmSegment> segment, ShmSegment::Create(ranks));
  for (int rank = 0; rank < ranks; ++rank) segment->rank(rank).pid = getpid();
  auto world = std::make_unique<World>();
  for (int rank = 0; rank < ranks; ++rank) world->local.push_back(MakeTransport(segment, rank));
  return world;
}

void RegisterShmTransport() { WorldRegistry().Register("shm", MakeWorld); }

}  // namespace strata::distributed
