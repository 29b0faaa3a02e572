#include "distributed/transport/tcp_transport.h"

#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/doorbell.h"
#include "distributed/transport/stream_transport.h"
#include "distributed/transport/tcp_link.h"
#include "distributed/transport/tcp_mesh.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

// A look is a system call of some 300 ns here.
int LooksFor(int ranks) { return SpinsFor(ranks) / 40; }

class TcpTransport : public StreamTransport {
 public:
  TcpTransport(int rank, std::vector<std::unique_ptr<StreamLink>> links)
      : StreamTransport(rank, std::move(links), LooksFor(static_cast<int>(links.size()))) {}
  ~TcpTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "tcp"; }

 protected:
  void Await(StreamLink* reading, StreamLink* writing, Clock::time_point deadline) override {
    pollfd polls[2];
    nfds_t count = 0;
    if (reading != nullptr) polls[count++] = {Fd(*reading), POLLIN, 0};
    if (writing != nullptr) polls[count++] = {Fd(*writing), POLLOUT, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    poll(polls, count, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
  }

 private:
  static int Fd(const StreamLink& link) { return static_cast<const TcpLink&>(link).fd(); }
};

absl::StatusOr<std::unique_ptr<World>> MakeWorld(int ranks) {
  STRATA_ASSIGN_OR_RETURN(const LaunchEnv env, FromEnvironment());
  STRATA_RETURN_IF_ERROR(CheckRanks("tcp", ranks, env));
  return TcpWorld(env);
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> TcpWorld(const LaunchEnv& env) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Socket> sockets, ConnectMesh(env));
  std::vector<std::unique_ptr<StreamLink>> links;
  for (Socket& socket : sockets) {
    links.push_back(socket.open() ? std::make_unique<TcpLink>(std::move(socket)) : nullptr);
  }
  auto world = std::make_unique<World>();
  world->local.push_back(std::make_unique<TcpTransport>(env.rank, std::move(links)));
  world->local.back()->set_timeout(env.timeout);
  return world;
}

void RegisterTcpTransport() { WorldRegistry().Register("tcp", MakeWorld); }

}  // namespace strata::distributed
