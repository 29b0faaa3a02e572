#include "distributed/transport/hello.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "distributed/transport/frame.h"

namespace strata::distributed {
namespace {

constexpr char kMagic[] = {'S', 'T', 'R', 'A', 'T', 'A'};
constexpr uint64_t kVersion = 1;
constexpr size_t kStart = 8;  // of what follows magic and version

void EncodeStart(char* bytes, size_t total) {
  std::memset(bytes, 0, total);
  std::memcpy(bytes, kMagic, sizeof(kMagic));
  PutLittleEndian(kVersion, 2, bytes + sizeof(kMagic));
}

absl::Status CheckStart(const char* bytes) {
  if (std::memcmp(bytes, kMagic, sizeof(kMagic)) != 0) {
    return absl::DataLossError(absl::StrCat("who speaks there is no rank of a Strata run: '",
                                            absl::CHexEscape(absl::string_view(bytes, 16)), "'"));
  }
  const uint64_t version = GetLittleEndian(bytes + sizeof(kMagic), 2);
  if (version == kVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("it speaks version ", version,
                                                    " of the protocol, this program ", kVersion,
                                                    "; start all ranks with the same program"));
}

}  // namespace

void EncodeHello(const Hello& hello, char* bytes) {
  EncodeStart(bytes, kHelloBytes);
  PutLittleEndian(static_cast<uint64_t>(hello.rank), 4, bytes + kStart);
  PutLittleEndian(static_cast<uint64_t>(hello.size), 4, bytes + kStart + 4);
  PutLittleEndian(static_cast<uint64_t>(hello.port), 4, bytes + kStart + 8);
  const size_t length = std::min(hello.run_id.size(), kMostRunIdBytes);
  PutLittleEndian(length, 4, bytes + kStart + 12);
  std::memcpy(bytes + kHelloBytes - kMostRunIdBytes, hello.run_id.data(), length);
}

bool MayBeHello(absl::string_view begin) {
  return std::memcmp(begin.data(), kMagic, std::min(begin.size(), sizeof(kMagic))) == 0;
}

absl::StatusOr<Hello> DecodeHello(const char* bytes) {
  STRATA_RETURN_IF_ERROR(CheckStart(bytes));
  const uint64_t rank = GetLittleEndian(bytes + kStart, 4);
  const uint64_t size = GetLittleEndian(bytes + kStart + 4, 4);
  const uint64_t port = GetLittleEndian(bytes + kStart + 8, 4);
  const uint64_t length = GetLittleEndian(bytes + kStart + 12, 4);
  if (size == 0 || size > INT32_MAX || rank >= size || port > 65535 || length > kMostRunIdBytes) {
    return absl::DataLossError(
        absl::StrCat("a hello of rank ", rank, " of ", size, ", port ", port, ", makes no sense"));
  }
  return Hello{static_cast<int>(rank), static_cast<int>(size), static_cast<int>(port),
               std::string(bytes + kHelloBytes - kMostRunIdBytes, length)};
}

void EncodeAnswer(const Answer& answer, char* bytes) {
  EncodeStart(bytes, kAnswerBytes);
  bytes[kStart] = static_cast<char>(answer.verdict);
  PutLittleEndian(answer.bytes, 4, bytes + kStart + 4);
}

absl::StatusOr<Answer> DecodeAnswer(const char* bytes) {
  STRATA_RETURN_IF_ERROR(CheckStart(bytes));
  const uint64_t verdict = GetLittleEndian(bytes + kStart, 1);
  const uint64_t size = GetLittleEndian(bytes + kStart + 4, 4);
  if (verdict < 1 || verdict > 3 || size > kMostAnswerTextBytes) {
    return absl::DataLossError(
        absl::StrCat("an answer of kind ", verdict, " and ", size, " bytes makes no sense"));
  }
  return Answer{static_cast<Verdict>(verdict), static_cast<uint32_t>(size)};
}

}  // namespace strata::distributed
