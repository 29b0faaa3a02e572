// VirtualTime: any transport with the clock of the alpha-beta-gamma model on it. Data really moves; what a call would
// take on the modelled links is counted message by message, so that a cost formula can be checked against what its
// algorithm does. For tests.
//
// A message of b bytes starts when both ends have come to it and takes alpha + beta b; the two halves of a SendRecv go
// at once; what is received in pieces, to be combined, takes gamma b after it has come.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_VIRTUAL_TIME_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_VIRTUAL_TIME_H_

#include <algorithm>
#include <string>

#include "distributed/collective/link_model.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class VirtualTime : public Transport {
 public:
  // `inner` must outlive this.
  VirtualTime(Transport& inner, const LinkModel& link) : inner_(inner), link_(link) {}
  ~VirtualTime() override { Leave(absl::OkStatus()); }

  double seconds() const { return now_; }
  void Reset() { now_ = 0; }

  std::string name() const override { return "virtual"; }
  TransportCapabilities capabilities() const override {
    TransportCapabilities capabilities = inner_.capabilities();
    capabilities.one_address_space = false;  // only messages are counted
    return capabilities;
  }
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }

 protected:
  absl::Status DoSend(const Outgoing& out) override {
    double theirs = 0;
    STRATA_RETURN_IF_ERROR(inner_.Send({out.peer, kTag, &now_, sizeof(now_)}));
    STRATA_RETURN_IF_ERROR(inner_.Send(out));
    STRATA_RETURN_IF_ERROR(inner_.Recv({out.peer, kTag, &theirs, sizeof(theirs)}));
    now_ = End(theirs, out.bytes);
    return absl::OkStatus();
  }

  absl::Status DoRecv(const Incoming& in) override {
    double theirs = 0;
    STRATA_RETURN_IF_ERROR(inner_.Recv({in.peer, kTag, &theirs, sizeof(theirs)}));
    STRATA_RETURN_IF_ERROR(inner_.Recv(in));
    STRATA_RETURN_IF_ERROR(inner_.Send({in.peer, kTag, &now_, sizeof(now_)}));
    now_ = End(theirs, in.bytes);
    return absl::OkStatus();
  }

  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override {
    double senders = 0, receivers = 0;
    STRATA_RETURN_IF_ERROR(inner_.SendRecv({out.peer, kTag, &now_, sizeof(now_)},
                                           {in.peer, kTag, &senders, sizeof(senders)}));
    STRATA_RETURN_IF_ERROR(inner_.SendRecv(out, in));
    STRATA_RETURN_IF_ERROR(inner_.SendRecv({in.peer, kTag, &now_, sizeof(now_)},
                                           {out.peer, kTag, &receivers, sizeof(receivers)}));
    now_ = std::max(End(senders, in.bytes), End(receivers, out.bytes));
    return absl::OkStatus();
  }

  absl::Status DoRecvPieces(const IncomingPieces& in) override {
    STRATA_RETURN_IF_ERROR(Transport::DoRecvPieces(in));
    now_ += link_.gamma_seconds_per_byte * static_cast<double>(in.bytes);
    return absl::OkStatus();
  }

  absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) override {
    STRATA_RETURN_IF_ERROR(Transport::DoSendRecvPieces(out, in));
    now_ += link_.gamma_seconds_per_byte * static_cast<double>(in.bytes);
    return absl::OkStatus();
  }

  void DoLeave(const absl::Status& reason) override { inner_.Leave(reason); }

 private:
  static constexpr int kTag = 3000;

  double End(double theirs, size_t bytes) const {
    return std::max(now_, theirs) + link_.alpha_seconds +
           link_.beta_seconds_per_byte * static_cast<double>(bytes);
  }

  Transport& inner_;
  LinkModel link_;
  double now_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_VIRTUAL_TIME_H_
