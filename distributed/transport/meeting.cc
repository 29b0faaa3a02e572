#include "distributed/transport/meeting.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRetry = std::chrono::milliseconds(20);
constexpr auto kPatience = std::chrono::seconds(1);  // more than the host's, who can say why
constexpr auto kAttempt = std::chrono::seconds(5);   // for a connection to be made

absl::Status NotInTime(absl::string_view what) {
  return absl::DeadlineExceededError(absl::StrCat(what, ": not done in time"));
}

// Waits until `events` or the deadline.
bool PollOne(const Socket& socket, short events, MeetingTime deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll_fd = {socket.fd(), events, 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= deadline) return false;
  }
}

absl::Status SendAnswer(const Socket& socket, Verdict verdict, absl::string_view text,
                        MeetingTime deadline) {
  std::string message(kAnswerBytes, '\0');
  EncodeAnswer({verdict, static_cast<uint32_t>(text.size())}, message.data());
  absl::StrAppend(&message, text);
  return SendAll(socket, message, deadline);
}

absl::StatusOr<Socket> Connect(const SocketAddress& address, MeetingTime deadline) {
  STRATA_ASSIGN_OR_RETURN(Socket socket, StartConnect(address));
  if (!PollOne(socket, POLLOUT, deadline)) {
    return absl::UnavailableError(absl::StrCat(address.ToString(), ": no answer"));
  }
  STRATA_RETURN_IF_ERROR(Annotate(ConnectError(socket), address.ToString()));
  return socket;
}

}  // namespace

absl::Status SendAll(const Socket& socket, absl::string_view bytes, MeetingTime deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      if (!PollOne(socket, POLLOUT, deadline)) return NotInTime("send");
    } else {
      return SocketError("send");
    }
  }
  return absl::OkStatus();
}

absl::Status ReceiveAll(const Socket& socket, char* bytes, size_t size, MeetingTime deadline) {
  while (size > 0) {
    const ssize_t came = recv(socket.fd(), bytes, size, 0);
    if (came > 0) {
      bytes += came;
      size -= static_cast<size_t>(came);
    } else if (came == 0) {
      return absl::UnavailableError("receive: the other end closed the connection");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      if (!PollOne(socket, POLLIN, deadline)) return NotInTime("receive");
    } else {
      return SocketError("receive");
    }
  }
  return absl::OkStatus();
}

absl::Status AwaitBytes(const Socket& socket, MeetingTime deadline) {
  return PollOne(socket, POLLIN, deadline) ? absl::OkStatus() : NotInTime("receive");
}

absl::StatusOr<Socket> ListenWhenFree(const std::function<absl::StatusOr<Socket>()>& listen,
                                      MeetingTime deadline) {
  deadline = std::min(deadline, Clock::now() + kAttempt);
  while (true) {
    absl::StatusOr<Socket> listener = listen();
    if (listener.ok() || Clock::now() + kRetry >= deadline) return listener;
    std::this_thread::sleep_for(kRetry);
  }
}

absl::Status Welcome(const Guest& guest, absl::string_view text, MeetingTime deadline) {
  return Annotate(SendAnswer(guest.socket, Verdict::kWelcome, text, deadline),
                  absl::StrCat("welcome of rank ", guest.hello.rank));
}

absl::StatusOr<Socket> CallHost(const SocketAddress& address, const Hello& hello,
                                MeetingTime deadline) {
  STRATA_ASSIGN_OR_RETURN(Socket socket, Connect(address, deadline));
  std::string bytes(kHelloBytes, '\0');
  EncodeHello(hello, bytes.data());
  STRATA_RETURN_IF_ERROR(Annotate(SendAll(socket, bytes, deadline), address.ToString()));
  return socket;
}

// UNAVAILABLE also when another run is meeting there.
absl::StatusOr<std::string> AwaitWelcome(const Socket& socket, MeetingTime deadline) {
  char bytes[kAnswerBytes];
  STRATA_RETURN_IF_ERROR(ReceiveAll(socket, bytes, sizeof(bytes), deadline));
  STRATA_ASSIGN_OR_RETURN(const Answer answer, DecodeAnswer(bytes));
  std::string text(answer.bytes, '\0');
  STRATA_RETURN_IF_ERROR(ReceiveAll(socket, text.data(), text.size(), deadline));
  if (answer.verdict == Verdict::kWelcome) return text;
  return answer.verdict == Verdict::kRefused ? absl::FailedPreconditionError(text)
                                             : absl::UnavailableError(text);
}

namespace {

absl::StatusOr<Invitation> TryToJoin(const Addresses& addresses, const MakeHello& hello,
                                     MeetingTime deadline) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<SocketAddress> choices, addresses());
  absl::Status last = absl::UnavailableError("no address");
  for (const SocketAddress& address : choices) {
    absl::StatusOr<Socket> socket = Connect(address, std::min(deadline, Clock::now() + kAttempt));
    last = socket.status();
    if (!socket.ok()) continue;
    STRATA_ASSIGN_OR_RETURN(const Hello mine, hello(*socket));
    std::string bytes(kHelloBytes, '\0');
    EncodeHello(mine, bytes.data());
    STRATA_RETURN_IF_ERROR(Annotate(SendAll(*socket, bytes, deadline), address.ToString()));
    absl::StatusOr<std::string> text = AwaitWelcome(*socket, deadline + kPatience);
    if (!text.ok()) return Annotate(text.status(), address.ToString());
    return Invitation{*std::move(socket), *std::move(text)};
  }
  return last;
}

}  // namespace

absl::StatusOr<Invitation> JoinHost(const Addresses& addresses, const MakeHello& hello,
                                    MeetingTime deadline) {
  while (true) {
    absl::StatusOr<Invitation> invitation = TryToJoin(addresses, hello, deadline);
    if (invitation.ok()) return invitation;
    const absl::Status& why = invitation.status();
    if (absl::IsFailedPrecondition(why) || absl::IsDataLoss(why)) return why;
    if (Clock::now() + kRetry >= deadline) return absl::DeadlineExceededError(why.message());
    std::this_thread::sleep_for(kRetry);
  }
}

}  // namespace strata::distributed
