// Messages of the conformance suite: bytes that tell who sent them and which message it was.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_PATTERNS_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_PATTERNS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

inline constexpr size_t kSizes[] = {0, 1, 2, 3, 7, 64, 1000, 4095, 4097, 65537, (1 << 20) + 1};
inline constexpr size_t kLarge = 8 << 20;  // more than any transport keeps in buffers of its own

inline std::string Pattern(int sender, int serial, size_t bytes) {
  std::string data(bytes, '\0');
  uint32_t state = static_cast<uint32_t>(sender * 7919 + serial * 104729 + 1);
  for (char& c : data) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return data;
}

inline absl::Status ExpectPattern(const std::string& data, int sender, int serial) {
  if (data == Pattern(sender, serial, data.size())) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("message ", serial, " of rank ", sender, " is not what was sent"));
}

inline absl::Status ReceivePattern(Transport& t, int sender, int serial, int tag, size_t bytes) {
  std::string data(bytes, '?');
  STRATA_RETURN_IF_ERROR(t.Recv({sender, tag, data.data(), bytes}));
  return ExpectPattern(data, sender, serial);
}

inline absl::Status SendPattern(Transport& t, int receiver, int serial, int tag, size_t bytes) {
  const std::string data = Pattern(t.rank(), serial, bytes);
  return t.Send({receiver, tag, data.data(), bytes});
}

// Memory for sends that fail: some transports cannot recall them.
inline const std::string& Forever() {
  static const auto* data = new std::string(kLarge, 'x');
  return *data;
}

#define STRATA_NEEDS_PEERS() \
  if (GetParam().ranks < 2) GTEST_SKIP() << "one rank has nobody to talk to"

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_PATTERNS_H_
