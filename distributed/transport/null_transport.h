// The null transport: a run of one rank, which has nobody to talk to. The smallest implementation,
// to copy.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_NULL_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_NULL_TRANSPORT_H_

#include <string>

#include "distributed/transport/transport.h"

namespace strata::distributed {

class NullTransport : public Transport {
 public:
  ~NullTransport() override { Leave(absl::OkStatus()); }
  std::string name() const override { return "null"; }
  TransportCapabilities capabilities() const override { return {}; }
  int rank() const override { return 0; }
  int size() const override { return 1; }

 protected:
  // Never called: no peer passes the check before.
  absl::Status DoSend(const Outgoing& message) override;
  absl::Status DoRecv(const Incoming& message) override;
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override;
  void DoLeave(const absl::Status& reason) override;
};

// Adds "null" to WorldRegistry().
void RegisterNullTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_NULL_TRANSPORT_H_
