#include "distributed/transport/tcp_mesh.h"

#include <netinet/in.h>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/transport/frame.h"
#include "distributed/transport/meeting.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPlaceBytes = 20;  // family (4 or 6), port, address

absl::Status CheckMaster(const LaunchEnv& env) {
  const char* missing = env.master_address.empty() ? "MASTER_ADDR" : nullptr;
  if (env.master_port == 0) missing = "MASTER_PORT";
  if (missing == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tcp: environment variable ", missing,
                   " is not set; give the host name or address of rank 0 as MASTER_ADDR and a free "
                   "port there as MASTER_PORT, the same to all ranks"));
}

// Where a rank listens, as rank 0 tells the others.
std::string EncodePlace(const SocketAddress& address) {
  std::string bytes(kPlaceBytes, '\0');
  const bool v6 = address.family() == AF_INET6;
  bytes[0] = v6 ? 6 : 4;
  PutLittleEndian(static_cast<uint64_t>(address.port()), 2, bytes.data() + 2);
  if (v6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(bytes.data() + 4, &in6.sin6_addr, 16);
  } else {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    std::memcpy(bytes.data() + 4, &in4.sin_addr, 4);
  }
  return bytes;
}

SocketAddress DecodePlace(const char* bytes) {
  SocketAddress address;
  if (bytes[0] == 6) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    in6.sin6_family = AF_INET6;
    std::memcpy(&in6.sin6_addr, bytes + 4, 16);
    address.length = sizeof(in6);
  } else {
    auto& in4 = reinterpret_cast<sockaddr_in&>(address.storage);
    in4.sin_family = AF_INET;
    std::memcpy(&in4.sin_addr, bytes + 4, 4);
    address.length = sizeof(in4);
  }
  address.set_port(static_cast<int>(GetLittleEndian(bytes + 2, 2)));
  return address;
}

std::vector<int> RanksFrom(int first, int end) {
  std::vector<int> ranks;
  for (int rank = first; rank < end; ++rank) ranks.push_back(rank);
  return ranks;
}

// Rank 0: gathers all, and tells all where the others listen.
absl::StatusOr<std::vector<Socket>> HostMesh(const LaunchEnv& env, MeetingTime deadline) {
  STRATA_ASSIGN_OR_RETURN(
      Socket listener, ListenWhenFree([&] { return ListenEverywhere(env.master_port); }, deadline));
  const Hello me = {0, env.size, env.master_port, env.run_id};
  STRATA_ASSIGN_OR_RETURN(std::vector<Guest> guests,
                          GatherGuests(listener, me, RanksFrom(1, env.size), deadline));
  listener.Close();
  std::string places;
  for (const Guest& guest : guests) {
    SocketAddress place = PeerAddress(guest.socket);
    place.set_port(guest.hello.port);
    absl::StrAppend(&places, EncodePlace(place));
  }
  std::vector<Socket> sockets(1);
  for (Guest& guest : guests) {
    STRATA_RETURN_IF_ERROR(Welcome(guest, places, deadline));
    sockets.push_back(std::move(guest.socket));
  }
  return sockets;
}

// Any other: listens where the others will find it, joins rank 0, calls the ranks before it and is
// called by those behind it.
class GuestMesh {
 public:
  GuestMesh(const LaunchEnv& env, MeetingTime deadline)
      : env_(env), deadline_(deadline), sockets_(static_cast<size_t>(env.size)) {}

  absl::StatusOr<std::vector<Socket>> Connect() {
    STRATA_ASSIGN_OR_RETURN(const std::string places, JoinMaster());
    for (int rank = 1; rank < env_.rank; ++rank) {
      STRATA_RETURN_IF_ERROR(Annotate(Call(rank, places), absl::StrCat("rank ", rank)));
    }
    STRATA_ASSIGN_OR_RETURN(
        std::vector<Guest> guests,
        GatherGuests(listener_, Me(), RanksFrom(env_.rank + 1, env_.size), deadline_));
    listener_.Close();
    for (Guest& guest : guests) {
      STRATA_RETURN_IF_ERROR(Welcome(guest, "", deadline_));
      At(guest.hello.rank) = std::move(guest.socket);
    }
    for (int rank = 1; rank < env_.rank; ++rank) {
      STRATA_RETURN_IF_ERROR(
          Annotate(AwaitWelcome(At(rank), deadline_).status(), absl::StrCat("rank ", rank)));
    }
    return std::move(sockets_);
  }

 private:
  Socket& At(int rank) { return sockets_[static_cast<size_t>(rank)]; }
  Hello Me() const { return {env_.rank, env_.size, LocalAddress(listener_).port(), env_.run_id}; }

  absl::StatusOr<std::string> JoinMaster() {
    const auto addresses = [&] { return Resolve(env_.master_address, env_.master_port); };
    const auto hello = [&](const Socket& socket) -> absl::StatusOr<Hello> {
      SocketAddress here = LocalAddress(socket);
      here.set_port(0);
      STRATA_ASSIGN_OR_RETURN(listener_, Listen(here));
      return Me();
    };
    absl::StatusOr<Invitation> invitation = JoinHost(addresses, hello, deadline_);
    if (!invitation.ok()) {
      return Annotate(
          invitation.status(),
          absl::StrCat("rank ", env_.rank, ": did not join rank 0 at ", env_.master_address, ":",
                       env_.master_port, " within ",
                       std::chrono::duration<double>(env_.timeout).count(),
                       " s (does it run there? MASTER_ADDR and MASTER_PORT say where)"));
    }
    if (invitation->text.size() != kPlaceBytes * static_cast<size_t>(env_.size - 1)) {
      return absl::DataLossError("rank 0 gave a list of ranks of the wrong length");
    }
    At(0) = std::move(invitation->socket);
    return invitation->text;
  }

  absl::Status Call(int rank, const std::string& places) {
    const SocketAddress place =
        DecodePlace(places.data() + kPlaceBytes * static_cast<size_t>(rank - 1));
    STRATA_ASSIGN_OR_RETURN(At(rank), CallHost(place, Me(), deadline_));
    return absl::OkStatus();
  }

  const LaunchEnv& env_;
  MeetingTime deadline_;
  Socket listener_;
  std::vector<Socket> sockets_;
};

}  // namespace

absl::StatusOr<std::vector<Socket>> ConnectMesh(const LaunchEnv& env) {
  if (env.size == 1) return std::vector<Socket>(1);
  STRATA_RETURN_IF_ERROR(CheckMaster(env));
  const MeetingTime deadline = Clock::now() + env.timeout;
  return env.rank == 0 ? HostMesh(env, deadline) : GuestMesh(env, deadline).Connect();
}

}  // namespace strata::distributed
