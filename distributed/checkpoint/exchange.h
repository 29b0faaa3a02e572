// What the ranks of a save tell each other, over the collectives of their run.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_EXCHANGE_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_EXCHANGE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/manifest.pb.h"

namespace strata::distributed {

// What every rank gives, in rank order; lengths may differ.
absl::StatusOr<std::vector<std::string>> AllGatherBytes(compiler::Collectives& ranks,
                                                        absl::string_view mine);

// The same of protos.
template <typename Message>
absl::StatusOr<std::vector<Message>> AllGatherMessages(compiler::Collectives& ranks,
                                                       const Message& mine) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> texts,
                          AllGatherBytes(ranks, mine.SerializeAsString()));
  std::vector<Message> messages(texts.size());
  for (size_t r = 0; r < texts.size(); ++r) {
    if (!messages[r].ParseFromString(texts[r])) {
      return absl::InternalError(
          absl::StrCat("rank ", r, ": sent what is no ", mine.GetTypeName(), "; same build?"));
    }
  }
  return messages;
}

checkpoint::Verdict ToVerdict(const absl::Status& status);
absl::Status FromVerdict(const checkpoint::Verdict& verdict);

// OK on all ranks when every rank gives OK; else one error on all: that of the lowest rank that has one, its rank before it
// ("rank 3: ..."; not when there is one rank).
absl::Status Agree(compiler::Collectives& ranks, const absl::Status& mine);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_EXCHANGE_H_
