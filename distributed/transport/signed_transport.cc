#include "distributed/transport/signed_transport.h"

#include <utility>

namespace strata::distributed {

absl::Status SignedTransport::Noted(absl::Status status) {
  failed_ = failed_ || !status.ok();
  return status;
}

absl::Status SignedTransport::DoSend(const Outgoing& message) {
  return Noted(inner_.Send(Signed(message)));
}

absl::Status SignedTransport::DoRecv(const Incoming& message) {
  return Noted(inner_.Recv(Signed(message)));
}

absl::Status SignedTransport::DoSendRecv(const Outgoing& out, const Incoming& in) {
  return Noted(inner_.SendRecv(Signed(out), Signed(in)));
}

absl::Status SignedTransport::DoRecvPieces(const IncomingPieces& message) {
  return Noted(inner_.RecvPieces(Signed(message)));
}

absl::Status SignedTransport::DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) {
  return Noted(inner_.SendRecvPieces(Signed(out), Signed(in)));
}

}  // namespace strata::distributed
