// Frame: how a message looks in a stream of bytes: a header of 16 bytes, then the message.
//
//   bytes 0-1   "ST"
//   byte  2     the version, 1
//   byte  3     the kind
//   bytes 4-7   the tag, little endian; 0 in a farewell
//   bytes 8-15  the size of what follows, little endian
#ifndef STRATA_DISTRIBUTED_TRANSPORT_FRAME_H_
#define STRATA_DISTRIBUTED_TRANSPORT_FRAME_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace strata::distributed {

inline constexpr size_t kFrameHeaderBytes = 16;
inline constexpr uint64_t kMostFrameBytes = uint64_t{1} << 40;
inline constexpr uint64_t kMostFarewellBytes = 4096;

enum class FrameKind : uint8_t {
  kMessage = 1,
  kFarewell = 2,  // the sender has left the run; what follows is why, as text
};

struct FrameHeader {
  FrameKind kind = FrameKind::kMessage;
  int tag = 0;  // [0, kBarrierTag]
  uint64_t bytes = 0;
};

// Writes kFrameHeaderBytes.
void EncodeFrameHeader(const FrameHeader& header, char* bytes);

// Reads kFrameHeaderBytes. DATA_LOSS says what is no header: another program speaks on the line.
absl::StatusOr<FrameHeader> DecodeFrameHeader(const char* bytes);

// For other fixed layouts on the wire.
void PutLittleEndian(uint64_t value, int bytes, char* to);
uint64_t GetLittleEndian(const char* from, int bytes);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_FRAME_H_
