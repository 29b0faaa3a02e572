#include "distributed/transport/counting_transport.h"

namespace strata::distributed {

void CountingTransport::Count(const Outgoing& message) {
  ++count_.messages_sent;
  count_.bytes_sent += static_cast<int64_t>(message.bytes);
}

void CountingTransport::Count(const Incoming& message) {
  ++count_.messages_received;
  count_.bytes_received += static_cast<int64_t>(message.bytes);
}

absl::Status CountingTransport::DoSend(const Outgoing& message) {
  Count(message);
  return inner_.Send(message);
}

absl::Status CountingTransport::DoRecv(const Incoming& message) {
  Count(message);
  return inner_.Recv(message);
}

absl::Status CountingTransport::DoSendRecv(const Outgoing& out, const Incoming& in) {
  Count(out);
  Count(in);
  return inner_.SendRecv(out, in);
}

}  // namespace strata::distributed
