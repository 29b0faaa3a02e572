#include "distributed/transport/counting_transport.h"

namespace strata::distributed {

void CountingTransport::CountSent(size_t bytes) {
  ++count_.messages_sent;
  count_.bytes_sent += static_cast<int64_t>(bytes);
}

void CountingTransport::CountReceived(size_t bytes) {
  ++count_.messages_received;
  count_.bytes_received += static_cast<int64_t>(bytes);
}

absl::Status CountingTransport::DoSend(const Outgoing& message) {
  CountSent(message.bytes);
  return inner_.Send(message);
}

absl::Status CountingTransport::DoRecv(const Incoming& message) {
  CountReceived(message.bytes);
  return inner_.Recv(message);
}

absl::Status CountingTransport::DoSendRecv(const Outgoing& out, const Incoming& in) {
  CountSent(out.bytes);
  CountReceived(in.bytes);
  return inner_.SendRecv(out, in);
}

absl::Status CountingTransport::DoRecvPieces(const IncomingPieces& message) {
  CountReceived(message.bytes);
  return inner_.RecvPieces(message);
}

absl::Status CountingTransport::DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) {
  CountSent(out.bytes);
  CountReceived(in.bytes);
  return inner_.SendRecvPieces(out, in);
}

}  // namespace strata::distributed
