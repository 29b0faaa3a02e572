// The host's side of a meeting.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/transport/meeting.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kHelloTime = std::chrono::seconds(5);  // from a connection to its hello
constexpr size_t kMostStrangers = 256;                // at once

// Has connected and has not said who it is.
struct Stranger {
  Socket socket;
  MeetingTime deadline;
  char bytes[kHelloBytes];
  size_t came = 0;
};

class Host {
 public:
  Host(const Socket& listener, const Hello& me, const std::vector<int>& ranks,
       const std::function<absl::Status(const Socket&)>& may_enter)
      : listener_(listener), me_(me), ranks_(ranks), may_enter_(may_enter) {}

  absl::StatusOr<std::vector<Guest>> Gather(MeetingTime deadline);

 private:
  void Turn(MeetingTime deadline);
  void Let();
  void Hear(Stranger& stranger);
  void Decide(Stranger& stranger);
  void Refuse(const Socket& socket, Verdict verdict, const std::string& why);
  absl::Status Missing();

  const Socket& listener_;
  const Hello& me_;
  const std::vector<int>& ranks_;
  const std::function<absl::Status(const Socket&)>& may_enter_;
  std::vector<Stranger> strangers_;
  std::map<int, Guest> guests_;
  int refused_ = 0;
  std::string last_refusal_;
};

absl::StatusOr<std::vector<Guest>> Host::Gather(MeetingTime deadline) {
  while (guests_.size() < ranks_.size()) {
    if (Clock::now() >= deadline) return Missing();
    Turn(deadline);
  }
  std::vector<Guest> guests;
  for (int rank : ranks_) guests.push_back(std::move(guests_[rank]));
  return guests;
}

// Waits for something to happen, and deals with it.
void Host::Turn(MeetingTime deadline) {
  std::vector<pollfd> polls = {{listener_.fd(), POLLIN, 0}};
  for (const Stranger& s : strangers_) {
    polls.push_back({s.socket.fd(), POLLIN, 0});
    deadline = std::min(deadline, s.deadline);
  }
  for (const auto& [rank, guest] : guests_) polls.push_back({guest.socket.fd(), POLLIN, 0});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  poll(polls.data(), polls.size(), static_cast<int>(std::clamp<int64_t>(left, 0, 1000)));
  size_t i = 1 + strangers_.size();
  for (auto it = guests_.begin(); it != guests_.end(); ++i) {
    // A guest has nothing to say before it is welcomed: it has gone, and may come again.
    it = polls[i].revents != 0 ? guests_.erase(it) : std::next(it);
  }
  for (size_t s = 0; s < strangers_.size(); ++s) {
    if (polls[1 + s].revents != 0) Hear(strangers_[s]);
  }
  const auto now = Clock::now();
  strangers_.erase(
      std::remove_if(strangers_.begin(), strangers_.end(),
                     [&](const Stranger& s) { return !s.socket.open() || now >= s.deadline; }),
      strangers_.end());
  if (polls[0].revents != 0) Let();
}

void Host::Let() {
  while (true) {
    Socket socket = Accept(listener_);
    if (!socket.open()) return;
    const absl::Status may = may_enter_ ? may_enter_(socket) : absl::OkStatus();
    if (!may.ok()) {
      Refuse(socket, Verdict::kRefused, std::string(may.message()));
    } else if (strangers_.size() < kMostStrangers) {
      strangers_.push_back({std::move(socket), Clock::now() + kHelloTime, {}, 0});
    }
  }
}

void Host::Hear(Stranger& s) {
  const ssize_t came = recv(s.socket.fd(), s.bytes + s.came, kHelloBytes - s.came, 0);
  if (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (came <= 0) {
    s.socket.Close();
    return;
  }
  s.came += static_cast<size_t>(came);
  // Who does not even begin right is not listened to until the end.
  if (s.came < kHelloBytes && MayBeHello(absl::string_view(s.bytes, s.came))) return;
  Decide(s);
  s.socket.Close();
}

void Host::Decide(Stranger& s) {
  const absl::StatusOr<Hello> hello = DecodeHello(s.bytes);
  const std::string host = absl::StrCat("rank ", me_.rank, ": ");
  if (!hello.ok()) {
    const bool other_version = absl::IsFailedPrecondition(hello.status());
    return Refuse(s.socket, Verdict::kRefused,
                  absl::StrCat(host, "refused: ",
                               other_version ? hello.status().message() : "that was no hello"));
  }
  if (hello->run_id != me_.run_id.substr(0, kMostRunIdBytes)) {
    return Refuse(s.socket, Verdict::kNotYours,
                  absl::StrCat(host, "run '", me_.run_id, "' meets here, not run '", hello->run_id,
                               "'; give runs at the same time different MASTER_PORTs"));
  }
  if (hello->size != me_.size) {
    return Refuse(s.socket, Verdict::kRefused,
                  absl::StrCat(host, "this run has ", me_.size, " ranks, rank ", hello->rank,
                               " says ", hello->size, "; give all ranks the same WORLD_SIZE"));
  }
  const bool expected = std::find(ranks_.begin(), ranks_.end(), hello->rank) != ranks_.end();
  if (!expected || guests_.count(hello->rank) > 0) {
    return Refuse(s.socket, Verdict::kRefused,
                  absl::StrCat(host, "rank ", hello->rank,
                               " is here already; give each process a RANK of its own"));
  }
  guests_[hello->rank] = {*hello, std::move(s.socket)};
}

void Host::Refuse(const Socket& socket, Verdict verdict, const std::string& why) {
  std::string message(kAnswerBytes, '\0');
  EncodeAnswer({verdict, static_cast<uint32_t>(why.size())}, message.data());
  message += why;
  // What does not fit a new socket's buffer at once is not worth waiting for.
  (void)!send(socket.fd(), message.data(), message.size(), MSG_NOSIGNAL);
  ++refused_;
  last_refusal_ = why;
}

absl::Status Host::Missing() {
  std::vector<int> missing;
  for (int rank : ranks_) {
    if (guests_.count(rank) == 0) missing.push_back(rank);
  }
  std::string why = absl::StrCat("rank ", me_.rank, ": ", missing.size(), " of ", me_.size,
                                 " ranks did not come in time: ", absl::StrJoin(missing, ", "));
  if (refused_ > 0) {
    absl::StrAppend(&why, " (", refused_, " connections were refused, the last: ", last_refusal_,
                    ")");
  }
  for (const auto& [rank, guest] : guests_) Refuse(guest.socket, Verdict::kRefused, why);
  return absl::DeadlineExceededError(why);
}

}  // namespace

absl::StatusOr<std::vector<Guest>> GatherGuests(
    const Socket& listener, const Hello& host, const std::vector<int>& ranks, MeetingTime deadline,
    const std::function<absl::Status(const Socket&)>& may_enter) {
  return Host(listener, host, ranks, may_enter).Gather(deadline);
}

}  // namespace strata::distributed
