#include "distributed/checkpoint/sealed_text.h"

#include <xxhash.h>

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace strata::distributed {
namespace {

std::string SealOf(absl::string_view body) {
  return absl::StrCat(" xxh3=", absl::Hex(XXH3_64bits(body.data(), body.size()), absl::kZeroPad16));
}

std::string Opening(const TextKind& kind) { return absl::StrCat("# strata ", kind.name, " "); }

absl::Status WrongVersion(const TextKind& kind, int version, absl::string_view where) {
  return absl::FailedPreconditionError(
      absl::StrCat(where, ": ", kind.name, " of ", version < kind.version ? "older" : "newer",
                   " version ", version, "; this build reads version ", kind.version, ": ",
                   version < kind.version ? "load it with the release that wrote it and save again"
                                          : "use a newer release"));
}

}  // namespace

std::string Seal(const TextKind& kind, absl::string_view body) {
  return absl::StrCat(Opening(kind), kind.version, SealOf(body), "\n", body);
}

absl::Status CheckSeal(const TextKind& kind, absl::string_view text, absl::string_view where) {
  absl::string_view line = text.substr(0, text.find('\n'));
  const absl::string_view body = text.substr(std::min(text.size(), line.size() + 1));
  if (!absl::ConsumePrefix(&line, Opening(kind))) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": is no ", kind.name, ": does not start with '", Opening(kind), "'"));
  }
  const absl::string_view digits = line.substr(0, line.find(' '));
  int version = 0;
  if (!absl::SimpleAtoi(digits, &version) || version < 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ":1: has no version number"));
  }
  if (version != kind.version) return WrongVersion(kind, version, where);
  if (line.substr(digits.size()) != SealOf(body)) {
    return absl::DataLossError(absl::StrCat(
        where, ": the text does not match its checksum: it was damaged or edited by hand"));
  }
  return absl::OkStatus();
}

}  // namespace strata::distributed
