#include "distributed/transport/thread_transport.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/doorbell.h"
#include "distributed/transport/patience.h"

namespace strata::distributed {
namespace {

constexpr size_t kSlots = 8;
constexpr size_t kEagerBytes = 4096;

// Who changes a slot from what to what, and what it means.
enum SlotState : uint32_t {
  kFree,       // sender -> kEager or kOffered
  kEager,      // payload holds the message; receiver -> kFree
  kOffered,    // `data` is the sender's memory; receiver -> kTaking, sender -> kWithdrawn
  kTaking,     // the receiver reads it; receiver -> kFree or kRefused
  kRefused,    // it was another message than expected; sender -> kFree
  kWithdrawn,  // the sender gave up: the run is over
};

struct alignas(64) Slot {
  std::atomic<uint32_t> state = kFree;
  int tag = 0;
  size_t bytes = 0;
  const void* data = nullptr;
  alignas(64) char payload[kEagerBytes];

  bool Is(SlotState a, SlotState b) const {
    const uint32_t now = state.load(std::memory_order_acquire);
    return now == a || now == b;
  }
};

// The way from one rank to another: a ring of slots.
struct Channel {
  Slot slots[kSlots];
  alignas(64) uint64_t sent = 0;      // the sender's
  alignas(64) uint64_t received = 0;  // the receiver's

  Slot& ToFill() { return slots[sent % kSlots]; }
  Slot& ToTake() { return slots[received % kSlots]; }
};

struct Rank {
  Doorbell bell;
  alignas(64) std::atomic<bool> left = false;
  std::string reason;  // set before `left`
};

class Hub {
 public:
  explicit Hub(int size)
      : size_(size),
        spins_(SpinsFor(size)),
        ranks_(static_cast<size_t>(size)),
        channels_(static_cast<size_t>(size) * static_cast<size_t>(size)) {}
  ~Hub() {
    for (auto& channel : channels_) delete channel.load();
  }

  int size() const { return size_; }
  int spins() const { return spins_; }
  Rank& rank(int index) { return ranks_[static_cast<size_t>(index)]; }

  // Made when first used: of n^2 ways most runs use a few.
  Channel& Between(int from, int to) {
    std::atomic<Channel*>& place =
        channels_[static_cast<size_t>(from) * ranks_.size() + static_cast<size_t>(to)];
    Channel* channel = place.load(std::memory_order_acquire);
    return channel != nullptr ? *channel : Make(place);
  }

 private:
  static Channel& Make(std::atomic<Channel*>& place) {
    auto made = std::make_unique<Channel>();
    Channel* there = nullptr;
    return place.compare_exchange_strong(there, made.get()) ? *made.release() : *there;
  }

  int size_;
  int spins_;
  std::vector<Rank> ranks_;
  std::vector<std::atomic<Channel*>> channels_;
};

// One message on its way out. Small ones are copied into the slot; of others the slot has the
// address, and the receiver says when it has read them.
class Sending {
 public:
  Sending(Hub& hub, int rank, const Outgoing& message)
      : hub_(hub), channel_(hub.Between(rank, message.peer)), message_(message) {}

  bool done() const { return phase_ == kDone; }
  bool eager() const { return message_.bytes <= kEagerBytes; }
  bool posted() const { return phase_ != kToPost; }
  bool PeerLeft() const { return hub_.rank(message_.peer).left.load(std::memory_order_acquire); }
  // From here on the message is read from there.
  void Move(const void* data) { message_.data = data; }

  bool CanAdvance() const {
    if (phase_ == kToPost) return channel_.ToFill().Is(kFree, kFree);
    return phase_ == kPosted && slot_->Is(kFree, kRefused);
  }

  // False when the receiver wanted another message.
  bool Advance() {
    if (phase_ == kToPost) {
      Post();
      return true;
    }
    phase_ = kDone;
    return slot_->state.exchange(kFree) == kFree;
  }

  // Nobody reads the memory afterwards. False when the receiver was about to: it has now.
  bool Withdraw() {
    uint32_t offered = kOffered;
    if (phase_ != kPosted || slot_->state.compare_exchange_strong(offered, kWithdrawn)) return true;
    while (slot_->Is(kTaking, kTaking)) RelaxCore();
    return false;
  }

 private:
  enum Phase { kToPost, kPosted, kDone };

  void Post() {
    slot_ = &channel_.ToFill();
    ++channel_.sent;
    slot_->tag = message_.tag;
    slot_->bytes = message_.bytes;
    slot_->data = eager() ? slot_->payload : message_.data;
    if (eager() && message_.bytes > 0) std::memcpy(slot_->payload, message_.data, message_.bytes);
    slot_->state.exchange(eager() ? kEager : kOffered);
    Ring(hub_.rank(message_.peer).bell);
    phase_ = eager() ? kDone : kPosted;
  }

  Hub& hub_;
  Channel& channel_;
  Outgoing message_;
  Slot* slot_ = nullptr;
  Phase phase_ = kToPost;
};

// One message on its way in.
class Receiving {
 public:
  Receiving(Hub& hub, int rank, const IncomingPieces& message)
      : hub_(hub), rank_(rank), channel_(hub.Between(message.peer, rank)), message_(message) {}

  bool done() const { return done_; }
  bool CanAdvance() const { return !done_ && channel_.ToTake().Is(kEager, kOffered); }
  bool PeerLeft() const { return hub_.rank(message_.peer).left.load(std::memory_order_acquire); }

  absl::Status Advance() {
    Slot& slot = channel_.ToTake();
    uint32_t offered = kOffered;
    const bool taking = !slot.Is(kEager, kEager);
    if (taking && !slot.state.compare_exchange_strong(offered, kTaking)) {
      return absl::OkStatus();  // withdrawn a moment ago
    }
    done_ = true;
    ++channel_.received;
    absl::Status outcome;
    if (slot.tag != message_.tag || slot.bytes != message_.bytes) {
      outcome = WrongMessage(Describe(rank_, message_), slot.tag, slot.bytes);
    } else if (slot.bytes > 0) {
      message_.take(0, slot.data, slot.bytes);
    }
    slot.state.exchange(taking && !outcome.ok() ? kRefused : kFree);
    Ring(hub_.rank(message_.peer).bell);
    return outcome;
  }

 private:
  Hub& hub_;
  int rank_;
  Channel& channel_;
  const IncomingPieces& message_;
  bool done_ = false;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}
  ~ThreadTransport() override { Leave(absl::OkStatus()); }

  std::string name() const override { return "thread"; }
  TransportCapabilities capabilities() const override {
    TransportCapabilities capabilities;
    capabilities.send_waits = true;
    capabilities.one_address_space = true;
    capabilities.overwrite_bytes = kEagerBytes;
    return capabilities;
  }
  int rank() const override { return rank_; }
  int size() const override { return hub_->size(); }

 protected:
  absl::Status DoSend(const Outgoing& message) override {
    Patience patience(timeout());
    Sending out(*hub_, rank_, message);
    return FinishSend(message, out, patience);
  }

  absl::Status DoRecv(const Incoming& message) override {
    const auto copy = CopyTo(message);
    return DoRecvPieces({message.peer, message.tag, message.bytes, copy});
  }

  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override {
    const auto copy = CopyTo(in);
    return DoSendRecvPieces(out, {in.peer, in.tag, in.bytes, copy});
  }

  absl::Status DoRecvPieces(const IncomingPieces& message) override {
    Patience patience(timeout());
    Receiving in(*hub_, rank_, message);
    while (!in.done()) {
      Wait(patience, [&] { return in.CanAdvance() || in.PeerLeft(); });
      STRATA_RETURN_IF_ERROR(AdvanceReceive(message, in, patience));
    }
    return absl::OkStatus();
  }

  absl::Status DoSendRecvPieces(const Outgoing& message,
                                const IncomingPieces& in_message) override {
    Patience patience(timeout());
    Sending out(*hub_, rank_, message);
    Receiving in(*hub_, rank_, in_message);
    if (!out.PeerLeft() && out.CanAdvance()) {
      out.Advance();
    } else if (out.eager() && message.bytes > 0) {  // all slots are full: `take` may overwrite it
      std::memcpy(staged_, message.data, message.bytes);
      out.Move(staged_);
    }
    while (!in.done()) {
      Wait(patience,
           [&] { return in.CanAdvance() || in.PeerLeft() || (!out.posted() && out.CanAdvance()); });
      if (!out.posted() && out.CanAdvance() && !out.PeerLeft()) out.Advance();
      const absl::Status received = AdvanceReceive(in_message, in, patience);
      if (received.ok()) continue;
      out.Withdraw();
      return received;
    }
    return FinishSend(message, out, patience);
  }

  void DoLeave(const absl::Status& reason) override {
    Rank& me = hub_->rank(rank_);
    me.reason = FarewellText(reason);
    me.left.exchange(true);
    for (int peer = 0; peer < size(); ++peer) Ring(hub_->rank(peer).bell);
  }

  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override {
    DoLeave(reason);
    const auto all_left = [&] {
      for (int peer = 0; peer < size(); ++peer) {
        if (!hub_->rank(peer).left.load(std::memory_order_acquire)) return false;
      }
      return true;
    };
    WaitFor(hub_->rank(rank_).bell, 0, all_left, Patience::Clock::now() + grace);
    std::vector<std::string> said(static_cast<size_t>(size()));
    for (int peer = 0; peer < size(); ++peer) {
      const Rank& other = hub_->rank(peer);
      if (peer != rank_ && other.left.load(std::memory_order_acquire)) {
        said[static_cast<size_t>(peer)] = other.reason;
      }
    }
    return said;
  }

 private:
  struct CopyTo {
    explicit CopyTo(const Incoming& message) : data(static_cast<char*>(message.data)) {}
    void operator()(size_t offset, const void* piece, size_t bytes) const {
      std::memcpy(data + offset, piece, bytes);
    }
    char* data;
  };

  template <typename Ready>
  void Wait(Patience& patience, Ready ready) {
    if (ready()) return;
    WaitFor(hub_->rank(rank_).bell, hub_->spins(), ready, patience.deadline());
  }

  absl::Status AdvanceReceive(const IncomingPieces& message, Receiving& in,
                              const Patience& patience) {
    const bool left = in.PeerLeft();  // before the look: what it sent before it left is received
    if (in.CanAdvance()) return in.Advance();
    if (left) return Gone(Describe(rank_, message), message.peer);
    if (patience.Over()) return TimedOut(Describe(rank_, message), timeout());
    return absl::OkStatus();
  }

  absl::Status FinishSend(const Outgoing& message, Sending& out, Patience& patience) {
    while (!out.done()) {
      Wait(patience, [&] { return out.CanAdvance() || out.PeerLeft(); });
      const bool left = out.PeerLeft();
      if (out.CanAdvance() && (out.posted() || !left)) {
        if (!out.Advance()) return Refused(message);
      } else if ((left || patience.Over()) && out.Withdraw()) {
        return left ? Gone(Describe(rank_, message), message.peer)
                    : TimedOut(Describe(rank_, message), timeout());
      }
    }
    return absl::OkStatus();
  }

  absl::Status Gone(const std::string& what, int peer) const {
    return PeerLeft(what, peer, hub_->rank(peer).reason);
  }

  absl::Status Refused(const Outgoing& message) const {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(rank_, message), ": rank ", message.peer,
                     " waited for another message; all ranks must make the same calls in the same "
                     "order"));
  }

  std::shared_ptr<Hub> hub_;
  int rank_;
  alignas(64) char staged_[kEagerBytes];
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
