// CountingTransport: any transport with a meter on it. Tests compare what collectives send with
// their formulas.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_COUNTING_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_COUNTING_TRANSPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/transport/transport.h"

namespace strata::distributed {

// Of one rank. Barriers count as messages of no bytes. Calls that fail count too.
struct TrafficCount {
  int64_t messages_sent = 0;
  int64_t bytes_sent = 0;
  int64_t messages_received = 0;
  int64_t bytes_received = 0;
};

class CountingTransport : public Transport {
 public:
  // `inner` must outlive this; its timeout is the one that counts.
  explicit CountingTransport(Transport& inner) : inner_(inner) {}

  const TrafficCount& count() const { return count_; }
  void Reset() { count_ = {}; }

  std::string name() const override { return inner_.name(); }
  TransportCapabilities capabilities() const override { return inner_.capabilities(); }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }

 protected:
  absl::Status DoSend(const Outgoing& message) override;
  absl::Status DoRecv(const Incoming& message) override;
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override;
  absl::Status DoRecvPieces(const IncomingPieces& message) override;
  absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) override;
  void DoLeave(const absl::Status& reason) override { inner_.Leave(reason); }
  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override {
    return inner_.LeaveAndListen(reason, grace);
  }

 private:
  void CountSent(size_t bytes);
  void CountReceived(size_t bytes);

  Transport& inner_;
  TrafficCount count_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_COUNTING_TRANSPORT_H_
