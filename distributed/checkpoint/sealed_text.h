// Sealed text: a text with its kind, version and checksum in a first line, so that a reader knows before it parses that
// it has all of the right thing. As the line is a comment of text protos, people and protoc can read the file.
//
//   # strata checkpoint manifest 1 xxh3=00d4d3b09e7b1f2c
//   step: 400
//   ...
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_SEALED_TEXT_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_SEALED_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

struct TextKind {
  absl::string_view name;  // "checkpoint manifest"
  int version;             // that this build writes and reads
};

std::string Seal(const TextKind& kind, absl::string_view body);

// OK when `text` is whole; as its first line is a comment, it can be parsed as it stands. INVALID_ARGUMENT when the text is of another kind; FAILED_PRECONDITION when it is of another version;
// DATA_LOSS when its bytes are not those that were sealed. `where` names the file.
absl::Status CheckSeal(const TextKind& kind, absl::string_view text, absl::string_view where);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_SEALED_TEXT_H_
