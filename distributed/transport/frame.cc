#include "distributed/transport/frame.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {
namespace {

constexpr char kMagic[2] = {'S', 'T'};
constexpr char kVersion = 1;

absl::Status NoFrame(const char* bytes, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("bytes that are no frame came (", why, "): '",
                   absl::CHexEscape(absl::string_view(bytes, kFrameHeaderBytes)), "'"));
}

}  // namespace

void PutLittleEndian(uint64_t value, int bytes, char* to) {
  for (int i = 0; i < bytes; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

uint64_t GetLittleEndian(const char* from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
  }
  return value;
}

void EncodeFrameHeader(const FrameHeader& header, char* bytes) {
  bytes[0] = kMagic[0];
  bytes[1] = kMagic[1];
  bytes[2] = kVersion;
  bytes[3] = static_cast<char>(header.kind);
  PutLittleEndian(static_cast<uint64_t>(header.tag), 4, bytes + 4);
  PutLittleEndian(header.bytes, 8, bytes + 8);
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(const char* bytes) {
  if (bytes[0] != kMagic[0] || bytes[1] != kMagic[1]) return NoFrame(bytes, "no magic");
  if (bytes[2] != kVersion) return NoFrame(bytes, "another version");
  const uint64_t kind = GetLittleEndian(bytes + 3, 1);
  const uint64_t tag = GetLittleEndian(bytes + 4, 4);
  const uint64_t size = GetLittleEndian(bytes + 8, 8);
  const bool farewell = kind == static_cast<uint64_t>(FrameKind::kFarewell);
  if (!farewell && kind != static_cast<uint64_t>(FrameKind::kMessage)) {
    return NoFrame(bytes, absl::StrCat("kind ", kind));
  }
  if (tag > (farewell ? 0 : kBarrierTag)) return NoFrame(bytes, absl::StrCat("tag ", tag));
  if (size > (farewell ? kMostFarewellBytes : kMostFrameBytes)) {
    return NoFrame(bytes, absl::StrCat("size ", size));
  }
  return FrameHeader{static_cast<FrameKind>(kind), static_cast<int>(tag), size};
}

}  // namespace strata::distributed
