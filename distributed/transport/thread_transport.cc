#include "distributed/transport/thread_transport.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

void RelaxCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// The way from one rank to another: at most one message, as a sender waits until it was received.
struct Channel {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<const Outgoing*> posted = nullptr;  // the sender's; changes under the mutex only
  absl::Status outcome;                           // of the message that was received last
  std::string sender_left, receiver_left;         // the reason; empty while the rank is there
};

class Hub {
 public:
  explicit Hub(int size)
      : size_(size), channels_(static_cast<size_t>(size) * static_cast<size_t>(size)) {}
  int size() const { return size_; }
  bool spins() const { return spins_; }
  Channel& Between(int from, int to) { return channels_[static_cast<size_t>(from * size_ + to)]; }

 private:
  int size_;
  bool spins_ = static_cast<int>(std::thread::hardware_concurrency()) >= size_;
  std::vector<Channel> channels_;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}
  ~ThreadTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "thread"; }
  TransportCapabilities capabilities() const override {
    return {/*between_processes=*/false, /*send_waits=*/true, /*overwrite_bytes=*/kAnySize};
  }
  int rank() const override { return rank_; }
  int size() const override { return hub_->size(); }

 protected:
  absl::Status DoSend(const Outgoing& message) override {
    Post(message);
    return AwaitReceipt(message, Clock::now() + timeout());
  }

  absl::Status DoRecv(const Incoming& message) override {
    return Receive(message, Clock::now() + timeout());
  }

  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override {
    const auto deadline = Clock::now() + timeout();
    Post(out);
    const absl::Status received = Receive(in, deadline);
    if (!received.ok()) {
      Withdraw(out);
      return received;
    }
    return AwaitReceipt(out, deadline);
  }

  void DoLeave(const absl::Status& reason) override {
    const std::string text = FarewellText(reason);
    for (int peer = 0; peer < size(); ++peer) {
      Tell(hub_->Between(rank_, peer), &Channel::sender_left, text);
      Tell(hub_->Between(peer, rank_), &Channel::receiver_left, text);
    }
  }

 private:
  static void Tell(Channel& channel, std::string Channel::*left, const std::string& reason) {
    std::lock_guard<std::mutex> lock(channel.mutex);
    channel.*left = reason;
    channel.changed.notify_all();
  }

  void Post(const Outgoing& message) {
    Channel& channel = hub_->Between(rank_, message.peer);
    std::lock_guard<std::mutex> lock(channel.mutex);
    channel.posted = &message;
    channel.changed.notify_all();
  }

  // A peer that is about to come is met sooner awake than asleep: some 10 us, where ranks have cores
  // of their own. (Yielding instead would go to the end of the queue of a busy machine.)
  template <typename Condition>
  void LingerWhile(Condition condition) const {
    if (!hub_->spins()) return;
    for (int i = 0; i < 1000 && condition(); ++i) RelaxCore();
  }

  // True when the message had not been received: nobody will read it now.
  bool Withdraw(const Outgoing& message) {
    Channel& channel = hub_->Between(rank_, message.peer);
    std::lock_guard<std::mutex> lock(channel.mutex);
    return channel.posted.exchange(nullptr) != nullptr;
  }

  absl::Status AwaitReceipt(const Outgoing& message, Clock::time_point deadline) {
    Channel& channel = hub_->Between(rank_, message.peer);
    LingerWhile([&] { return channel.posted != nullptr; });
    std::unique_lock<std::mutex> lock(channel.mutex);
    const bool settled = channel.changed.wait_until(lock, deadline, [&] {
      return channel.posted == nullptr || !channel.receiver_left.empty();
    });
    if (channel.posted.exchange(nullptr) == nullptr) return channel.outcome;
    if (!settled) return TimedOut(Describe(rank_, message), timeout());
    return PeerLeft(Describe(rank_, message), message.peer, channel.receiver_left);
  }

  // The copy is made under the lock: the only other thread that wants it is the sender, which must
  // wait anyway.
  absl::Status Receive(const Incoming& message, Clock::time_point deadline) {
    Channel& channel = hub_->Between(message.peer, rank_);
    LingerWhile([&] { return channel.posted == nullptr; });
    std::unique_lock<std::mutex> lock(channel.mutex);
    const bool settled = channel.changed.wait_until(
        lock, deadline, [&] { return channel.posted != nullptr || !channel.sender_left.empty(); });
    if (!settled) return TimedOut(Describe(rank_, message), timeout());
    if (channel.posted == nullptr)
      return PeerLeft(Describe(rank_, message), message.peer, channel.sender_left);
    const Outgoing& sent = *channel.posted.load();
    channel.outcome = absl::OkStatus();
    if (sent.tag != message.tag || sent.bytes != message.bytes) {
      channel.outcome = WrongMessage(Describe(rank_, message), sent.tag, sent.bytes);
    } else if (sent.bytes > 0) {
      std::memcpy(message.data, sent.data, sent.bytes);
    }
    channel.posted = nullptr;
    channel.changed.notify_all();
    return channel.outcome;
  }

  std::shared_ptr<Hub> hub_;
  int rank_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<World>> ThreadWorld(int ranks) {
  if (ranks < 1 || ranks > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run of ", ranks, " thread ranks; give 1 to 1024"));
  }
  auto hub = std::make_shared<Hub>(ranks);
  auto world = std::make_unique<World>();
  for (int rank = 0; rank < ranks; ++rank)
    world->local.push_back(std::make_unique<ThreadTransport>(hub, rank));
  return world;
}

absl::Status RunThreadRanks(int ranks, const std::function<absl::Status(Transport&)>& body) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<World> world, ThreadWorld(ranks));
  return RunRanks(*world, body);
}

void RegisterThreadTransport() {
  WorldRegistry().Register("thread", [](int ranks) { return ThreadWorld(ranks == 0 ? 1 : ranks); });
}

}  // namespace strata::distributed
