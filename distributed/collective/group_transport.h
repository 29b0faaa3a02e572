// GroupTransport: some ranks of a transport as a run of their own: the communicator of a row or a
// column of a mesh.
//
//   GroupTransport pair(transport, {1, 3});  // on ranks 1 and 3: they are 0 and 1 of it
//
// It is the transport below with other rank numbers: the same time-out, errors (with the numbers below)
// and order of messages. So ranks use a transport and its groups in the same order of calls. Leaving a
// group, by its destructor too, does not leave the run below, which has the group's ranks to itself.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_GROUP_TRANSPORT_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_GROUP_TRANSPORT_H_

#include <memory>
#include <string>
#include <vector>

#include "distributed/transport/transport.h"

namespace strata::distributed {

class GroupTransport : public Transport {
 public:
  // `ranks` of `inner`, each once, this rank among them: the order is that of the group. `inner` must outlive
  // this. INVALID_ARGUMENT otherwise.
  static absl::StatusOr<std::unique_ptr<GroupTransport>> Create(Transport& inner,
                                                                std::vector<int> ranks);

  std::string name() const override { return inner_.name(); }
  TransportCapabilities capabilities() const override { return inner_.capabilities(); }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.size()); }

 protected:
  absl::Status DoSend(const Outgoing& message) override;
  absl::Status DoRecv(const Incoming& message) override;
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override;
  absl::Status DoRecvPieces(const IncomingPieces& message) override;
  absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) override;
  void DoLeave(const absl::Status&) override {}

 private:
  GroupTransport(Transport& inner, std::vector<int> ranks, int rank);
  int Below(int peer) const { return ranks_[static_cast<size_t>(peer)]; }
  Outgoing Below(const Outgoing& out) const;
  Incoming Below(const Incoming& in) const;
  IncomingPieces Below(const IncomingPieces& in) const;

  Transport& inner_;
  std::vector<int> ranks_;
  int rank_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_GROUP_TRANSPORT_H_
