#include "distributed/simulator/simulated_transport.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/simulator/clusters.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

// What travels beside a message.
struct Stamp {
  double departure;
  size_t bytes;
};

// The stamps of the messages to one rank, by sender, in the order sent: the order in which they are received.
class Mailbox {
 public:
  void Put(int from, Stamp stamp) {
    std::lock_guard<std::mutex> lock(mutex_);
    by_sender_[from].push_back(stamp);
  }

  // Of the message that was received just now.
  Stamp Take(int from) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::deque<Stamp>& stamps = by_sender_[from];
    const Stamp stamp = stamps.front();
    stamps.pop_front();
    return stamp;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int, std::deque<Stamp>> by_sender_;
};

struct Shared {
  Shared(const Network& network, const SimulationOptions& options, int ranks)
      : network(network), options(options), mailboxes(static_cast<size_t>(ranks)) {}

  Network network;
  SimulationOptions options;
  std::vector<Mailbox> mailboxes;
};

// Messages go over threads; beside each goes its departure.
class SimulatedTransport : public Transport {
 public:
  SimulatedTransport(std::shared_ptr<Shared> shared, std::unique_ptr<Transport> inner,
                     std::shared_ptr<VirtualClock> clock)
      : shared_(std::move(shared)), inner_(std::move(inner)), clock_(std::move(clock)) {}
  ~SimulatedTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "simulated"; }
  TransportCapabilities capabilities() const override {
    TransportCapabilities capabilities = inner_->capabilities();
    capabilities.one_address_space = false;  // what ranks read of each other takes time
    if (!shared_->options.carry_data) capabilities.overwrite_bytes = kAnySize;
    return capabilities;
  }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }

 protected:
  absl::Status DoSend(const Outgoing& message) override {
    const double start = Depart(message);
    STRATA_RETURN_IF_ERROR(Inner().Send(Carried(message)));
    clock_->WaitUntil(Sent(message, start));
    Record(message.peer, -1, start, message.bytes);
    return absl::OkStatus();
  }

  absl::Status DoRecv(const Incoming& message) override {
    const double start = clock_->now();
    STRATA_RETURN_IF_ERROR(Inner().Recv(Carried(message)));
    return Arrive(message.peer, message.tag, message.bytes, /*combined=*/0, nullptr, start);
  }

  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override {
    const double start = Depart(out);
    STRATA_RETURN_IF_ERROR(Inner().SendRecv(Carried(out), Carried(in)));
    return Arrive(in.peer, in.tag, in.bytes, /*combined=*/0, &out, start);
  }

  absl::Status DoRecvPieces(const IncomingPieces& message) override {
    const double start = clock_->now();
    STRATA_RETURN_IF_ERROR(Inner().RecvPieces(Carried(message)));
    return Arrive(message.peer, message.tag, message.bytes, message.bytes, nullptr, start);
  }

  absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) override {
    const double start = Depart(out);
    STRATA_RETURN_IF_ERROR(Inner().SendRecvPieces(Carried(out), Carried(in)));
    return Arrive(in.peer, in.tag, in.bytes, in.bytes, &out, start);
  }

  void DoLeave(const absl::Status& reason) override { inner_->Leave(reason); }
  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override {
    return inner_->LeaveAndListen(reason, grace);
  }

 private:
  Transport& Inner() {
    inner_->set_timeout(timeout());
    return *inner_;
  }

  // Without data only that there was a message.
  template <typename Message>
  Message Carried(Message message) const {
    if (!shared_->options.carry_data) message.bytes = 0;
    return message;
  }

  // Before the message itself, which the receiver may have the next moment.
  double Depart(const Outgoing& message) {
    const double now = clock_->now();
    shared_->mailboxes[static_cast<size_t>(message.peer)].Put(rank(), {now, message.bytes});
    return now;
  }

  double Sent(const Outgoing& message, double start) const {
    return start + shared_->network.MessageSeconds(rank(), message.peer,
                                                   static_cast<int64_t>(message.bytes));
  }

  // A receive that began at `start`, and the send at the same time where there is one.
  absl::Status Arrive(int peer, int tag, size_t bytes, size_t combined, const Outgoing* out,
                      double start) {
    const Stamp stamp = shared_->mailboxes[static_cast<size_t>(rank())].Take(peer);
    if (stamp.bytes != bytes) {  // seen here only where messages carry no data
      return WrongMessage(Describe(rank(), Incoming{peer, tag, nullptr, bytes}), tag, stamp.bytes);
    }
    double end = std::max(start, stamp.departure) +
                 shared_->network.MessageSeconds(peer, rank(), static_cast<int64_t>(bytes));
    if (out != nullptr) end = std::max(end, Sent(*out, start));
    clock_->WaitUntil(end + shared_->network.gamma() * static_cast<double>(combined));
    Record(out == nullptr ? -1 : out->peer, peer, start, bytes + (out == nullptr ? 0 : out->bytes));
    return absl::OkStatus();
  }

  // A peer that is -1 is none.
  void Record(int to, int from, double start, size_t bytes) {
    if (!clock_->recording()) return;
    std::string name = from < 0 ? "send " : to < 0 ? "receive " : "";
    if (to >= 0) absl::StrAppend(&name, "to ", to);
    if (from >= 0) absl::StrAppend(&name, to < 0 ? "" : " ", "from ", from);
    int level = 0;
    for (int peer : {to, from}) {
      if (peer >= 0) level = std::max(level, shared_->network.LevelBetween(rank(), peer));
    }
    clock_->Record({name, "collective", start, clock_->now(), static_cast<double>(bytes),
                    shared_->network.level_name(level)});
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Transport> inner_;
  std::shared_ptr<VirtualClock> clock_;
};

}  // namespace

double SimulatedRun::Seconds() const {
  double last = 0;
  for (const auto& clock : clocks) last = std::max(last, clock->now());
  return last;
}

chips::Timeline SimulatedRun::Timeline(const std::string& name) const {
  std::vector<const VirtualClock*> ranks;
  for (const auto& clock : clocks) ranks.push_back(clock.get());
  return ToTimeline(name, ranks);
}

absl::StatusOr<SimulatedRun> SimulateRun(const Network& network, int ranks,
                                         const SimulationOptions& options) {
  if (ranks < 1 || ranks > network.ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run of ", ranks, " ranks on cluster '", network.name(), "', which has ",
                     network.ranks(), " chips; give 1 to as many, or a larger cluster"));
  }
  SimulatedRun run;
  STRATA_ASSIGN_OR_RETURN(run.world, ThreadWorld(ranks));
  auto shared = std::make_shared<Shared>(network, options, ranks);
  for (std::unique_ptr<Transport>& transport : run.world->local) {
    run.clocks.push_back(std::make_shared<VirtualClock>());
    run.clocks.back()->set_recording(options.record);
    transport =
        std::make_unique<SimulatedTransport>(shared, std::move(transport), run.clocks.back());
  }
  return run;
}

void RegisterSimulatedTransport(const std::string& cluster) {
  WorldRegistry().Register(
      "simulated", [cluster](int ranks) -> absl::StatusOr<std::unique_ptr<World>> {
        STRATA_ASSIGN_OR_RETURN(const chips::Cluster found, FindCluster(cluster));
        STRATA_ASSIGN_OR_RETURN(const Network network, Network::Of(found));
        STRATA_ASSIGN_OR_RETURN(SimulatedRun run, SimulateRun(network, ranks == 0 ? 1 : ranks));
        return std::move(run.world);
      });
}

}  // namespace strata::distributed
