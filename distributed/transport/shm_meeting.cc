#include "distributed/transport/shm_meeting.h"

#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/meeting.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

// Of this user, and of this run as far as anything says which it is.
SocketAddress MeetingPlace(const LaunchEnv& env) {
  return LocalName(absl::StrCat("strata.", getuid(), ".", env.master_port, ".", env.run_id, ".",
                                env.master_address));
}

absl::StatusOr<ucred> WhoIs(const Socket& socket) {
  ucred who = {};
  socklen_t length = sizeof(who);
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_PEERCRED, &who, &length) == 0) return who;
  return SocketError("SO_PEERCRED");
}

absl::Status IsThisUser(const Socket& socket) {
  STRATA_ASSIGN_OR_RETURN(const ucred who, WhoIs(socket));
  if (who.uid == getuid()) return absl::OkStatus();
  return absl::PermissionDeniedError("a process of another user");
}

// One byte, with the descriptor beside it.
struct FdMessage {
  char byte = 0;
  iovec vector = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};

  FdMessage() {
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
  }
};

absl::Status SendFd(const Socket& socket, int fd) {
  FdMessage out;
  cmsghdr* header = CMSG_FIRSTHDR(&out.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  if (sendmsg(socket.fd(), &out.message, MSG_NOSIGNAL) == 1) return absl::OkStatus();
  return SocketError("handing over shared memory");
}

absl::StatusOr<int> ReceiveFd(const Socket& socket, MeetingTime deadline) {
  STRATA_RETURN_IF_ERROR(AwaitBytes(socket, deadline));
  FdMessage in;
  const ssize_t came = recvmsg(socket.fd(), &in.message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = came == 1 ? CMSG_FIRSTHDR(&in.message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return absl::UnavailableError("rank 0 left before it handed over the shared memory");
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return fd;
}

absl::StatusOr<std::shared_ptr<ShmSegment>> HostSegment(const LaunchEnv& env,
                                                        MeetingTime deadline) {
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<ShmSegment> segment, ShmSegment::Create(env.size));
  segment->rank(0).pid = getpid();
  if (env.size == 1) return segment;
  STRATA_ASSIGN_OR_RETURN(Socket listener,
                          ListenWhenFree([&] { return Listen(MeetingPlace(env)); }, deadline));
  std::vector<int> ranks;
  for (int rank = 1; rank < env.size; ++rank) ranks.push_back(rank);
  const Hello me = {0, env.size, 0, env.run_id};
  STRATA_ASSIGN_OR_RETURN(std::vector<Guest> guests,
                          GatherGuests(listener, me, ranks, deadline, IsThisUser));
  listener.Close();
  for (const Guest& guest : guests) {
    STRATA_ASSIGN_OR_RETURN(const ucred who, WhoIs(guest.socket));
    segment->rank(guest.hello.rank).pid = who.pid;
  }
  for (const Guest& guest : guests) {
    STRATA_RETURN_IF_ERROR(Welcome(guest, "", deadline));
    STRATA_RETURN_IF_ERROR(SendFd(guest.socket, segment->fd()));
  }
  return segment;
}

absl::StatusOr<std::shared_ptr<ShmSegment>> GuestSegment(const LaunchEnv& env,
                                                         MeetingTime deadline) {
  const SocketAddress place = MeetingPlace(env);
  absl::StatusOr<Invitation> host = JoinHost([&] { return std::vector<SocketAddress>{place}; },
                                             [&](const Socket&) -> absl::StatusOr<Hello> {
                                               return Hello{env.rank, env.size, 0, env.run_id};
                                             },
                                             deadline);
  if (!host.ok()) {
    return Annotate(
        host.status(),
        absl::StrCat("rank ", env.rank, ": did not join rank 0 at local socket ", place.ToString(),
                     " within ", std::chrono::duration<double>(env.timeout).count(),
                     " s (is it started on this machine, in the same run?)"));
  }
  STRATA_RETURN_IF_ERROR(
      Annotate(IsThisUser(host->socket),
               absl::StrCat("rank ", env.rank, ": rank 0 at local socket ", place.ToString())));
  STRATA_ASSIGN_OR_RETURN(const int fd, ReceiveFd(host->socket, deadline));
  STRATA_ASSIGN_OR_RETURN(std::shared_ptr<ShmSegment> segment, ShmSegment::Open(fd, env.size));
  if (segment->rank(env.rank).pid != getpid()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "rank ", env.rank, ": rank 0 sees this process as number ", segment->rank(env.rank).pid,
        ", it sees itself as ", getpid(), ": they are in different containers; use tcp"));
  }
  return segment;
}

}  // namespace

absl::StatusOr<std::shared_ptr<ShmSegment>> ShareSegment(const LaunchEnv& env) {
  const MeetingTime deadline = Clock::now() + env.timeout;
  return env.rank == 0 ? HostSegment(env, deadline) : GuestSegment(env, deadline);
}

}  // namespace strata::distributed
