// StreamLink: a stream of bytes to one peer and one from it, where no call waits. What a socket and
// a pair of rings in shared memory have in common; stream_transport.h makes messages of it.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_STREAM_LINK_H_
#define STRATA_DISTRIBUTED_TRANSPORT_STREAM_LINK_H_

#include <cstddef>
#include <string>

#include "absl/types/span.h"
#include "base/status.h"

namespace strata::distributed {

class StreamLink {
 public:
  using Bytes = absl::Span<const char>;

  virtual ~StreamLink() = default;

  // A header takes a multiple of so many bytes in the stream, and so does a message: a power of 2.
  // (Where the stream is read in place, so that every message lies aligned.)
  virtual size_t unit() const = 0;

  // Takes what it has room for of the parts, in order; 0 bytes when there is no room now.
  // UNAVAILABLE when the peer is gone, with what is known of why.
  virtual absl::StatusOr<size_t> Write(absl::Span<const Bytes> parts) = 0;

  // Copies what has come, at most `bytes`; 0 when nothing has come. UNAVAILABLE when nothing more
  // will come.
  virtual absl::StatusOr<size_t> Read(char* data, size_t bytes) = 0;

  // What has come, where it lies; valid until the next call that reads. At least min(wanted,
  // kPieceUnit) bytes, or nothing. Aligned to kPieceUnit as long as skips are multiples of it.
  // UNAVAILABLE when nothing more will come.
  virtual absl::StatusOr<Bytes> Peek(size_t wanted) = 0;

  // Is done with the first `bytes` of what Peek() showed.
  virtual void Skip(size_t bytes) = 0;

  // Whether a peer that leaves must be told by a farewell in the stream. Otherwise Leave() tells.
  virtual bool needs_farewell() const = 0;

  // Nothing more will be written. What was written still arrives.
  virtual void Leave(const std::string& reason) = 0;
  // After that: nothing more will be read either.
  virtual void Close() = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_STREAM_LINK_H_
