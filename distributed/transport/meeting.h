// Meeting: how the ranks of a run find each other. One is the host and listens; the others, its
// guests, come whenever they are ready, say hello (hello.h) and wait to be welcomed:
//
//   host:   STRATA_ASSIGN_OR_RETURN(auto guests, GatherGuests(listener, me, {1, 2, 3}, deadline));
//           for (const Guest& guest : guests) Welcome(guest, "what all must know", deadline);
//   guest:  STRATA_ASSIGN_OR_RETURN(Invitation host, JoinHost(addresses, me, deadline));
//
// Nobody is welcomed before all have come, and the host is to close its listener before it welcomes
// anybody: so a guest that comes for the run after this one finds nobody, and tries again. A host
// reads only whole hellos; strangers on its port are closed or told off, and cost the run nothing.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_MEETING_H_
#define STRATA_DISTRIBUTED_TRANSPORT_MEETING_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/transport/hello.h"
#include "distributed/transport/socket.h"

namespace strata::distributed {

using MeetingTime = std::chrono::steady_clock::time_point;

struct Guest {
  Hello hello;
  Socket socket;
};

// Until all of `ranks` have said hello, in their order. A guest that goes away before is forgotten
// and may come again. DEADLINE_EXCEEDED names who is missing; the others are told. `may_enter`, if
// given, may refuse a connection by its error.
absl::StatusOr<std::vector<Guest>> GatherGuests(
    const Socket& listener, const Hello& host, const std::vector<int>& ranks, MeetingTime deadline,
    const std::function<absl::Status(const Socket&)>& may_enter = nullptr);

absl::Status Welcome(const Guest& guest, absl::string_view text, MeetingTime deadline);

struct Invitation {
  Socket socket;
  std::string text;  // what the host gave to Welcome()
};

// Where to try; asked again before each attempt, as a name may become known late.
using Addresses = std::function<absl::StatusOr<std::vector<SocketAddress>>()>;

// Made of the connection when it is there: a rank may listen at the address it has there.
using MakeHello = std::function<absl::StatusOr<Hello>(const Socket&)>;

// Tries until it is welcomed. DEADLINE_EXCEEDED says what happened last, FAILED_PRECONDITION why it
// was refused, DATA_LOSS that somebody else answers there.
absl::StatusOr<Invitation> JoinHost(const Addresses& addresses, const MakeHello& hello,
                                    MeetingTime deadline);

// Without the wait for a welcome: for a host that may not be ready to answer.
absl::StatusOr<Socket> CallHost(const SocketAddress& address, const Hello& hello,
                                MeetingTime deadline);
absl::StatusOr<std::string> AwaitWelcome(const Socket& socket, MeetingTime deadline);

// Tries to listen where an earlier run may be about to stop doing so, for some seconds.
absl::StatusOr<Socket> ListenWhenFree(const std::function<absl::StatusOr<Socket>()>& listen,
                                      MeetingTime deadline);

// DEADLINE_EXCEEDED when nothing comes.
absl::Status AwaitBytes(const Socket& socket, MeetingTime deadline);

// All of the bytes, or the error: UNAVAILABLE when the other end is gone.
absl::Status SendAll(const Socket& socket, absl::string_view bytes, MeetingTime deadline);
absl::Status ReceiveAll(const Socket& socket, char* bytes, size_t size, MeetingTime deadline);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_MEETING_H_
