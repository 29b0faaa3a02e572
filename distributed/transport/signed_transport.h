// SignedTransport: any transport, with the call that a message belongs to mixed into its tag. Ranks
// that make different calls then get an error also where tags and sizes would happen to fit (a sum
// here and a maximum there, or one call that a rank has skipped). It costs an addition a message.
//
// What a tag becomes depends on all of the call but not on the rank; two different calls get the
// same tag once in 29,000.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SIGNED_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SIGNED_TRANSPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/transport/transport.h"

namespace strata::distributed {

class SignedTransport : public Transport {
 public:
  // `inner` must outlive this; its timeout is the one that counts.
  explicit SignedTransport(Transport& inner) : inner_(inner) {}

  // Of the messages from here on. All ranks that take part in a call give the same.
  void Sign(uint64_t signature) { shift_ = static_cast<int>(signature % kShifts); }
  // Whether a call of the transport has failed: then the run is over.
  bool failed() const { return failed_; }

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
  static constexpr uint64_t kShifts = 29989;  // a prime below kMaxTag

  template <typename Message>
  Message Signed(Message message) const {
    message.tag = (message.tag + shift_) % (kMaxTag + 1);
    return message;
  }
  absl::Status Noted(absl::Status status);

  Transport& inner_;
  int shift_ = 0;
  bool failed_ = false;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SIGNED_TRANSPORT_H_
