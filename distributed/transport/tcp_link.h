// TcpLink: a connected socket as a StreamLink.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TCP_LINK_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TCP_LINK_H_

#include <memory>
#include <string>

#include "distributed/transport/socket.h"
#include "distributed/transport/stream_link.h"

namespace strata::distributed {

class TcpLink : public StreamLink {
 public:
  explicit TcpLink(Socket socket);
  ~TcpLink() override;

  int fd() const { return socket_.fd(); }

  size_t unit() const override { return 1; }
  bool needs_farewell() const override { return true; }
  absl::StatusOr<size_t> Write(absl::Span<const Bytes> parts) override;
  absl::StatusOr<size_t> Read(char* data, size_t bytes) override;
  absl::StatusOr<Bytes> Peek(size_t wanted) override;
  void Skip(size_t bytes) override;
  void Leave(const std::string& reason) override;
  void Close() override;

 private:
  struct FreeBuffer {
    void operator()(char* memory) const;
  };

  absl::StatusOr<size_t> Receive(char* data, size_t bytes);

  Socket socket_;
  std::unique_ptr<char[], FreeBuffer> buffer_;  // what has come and was not read: [begin_, end_)
  size_t begin_ = 0, end_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TCP_LINK_H_
