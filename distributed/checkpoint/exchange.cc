#include "distributed/checkpoint/exchange.h"

#include <algorithm>
#include <cstdint>

namespace strata::distributed {

absl::StatusOr<std::vector<std::string>> AllGatherBytes(compiler::Collectives& ranks,
                                                        absl::string_view mine) {
  const size_t size = static_cast<size_t>(ranks.size());
  const int64_t length = static_cast<int64_t>(mine.size());
  std::vector<int64_t> lengths(size);
  STRATA_RETURN_IF_ERROR(ranks.AllGather(&length, lengths.data(), 1, chips::I64));
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::string padded(mine), all(size * static_cast<size_t>(longest), '\0');
  padded.resize(static_cast<size_t>(longest));
  if (longest > 0) {
    STRATA_RETURN_IF_ERROR(ranks.AllGather(padded.data(), all.data(), longest, chips::U8));
  }
  std::vector<std::string> texts;
  for (size_t r = 0; r < size; ++r) {
    texts.push_back(all.substr(r * static_cast<size_t>(longest), static_cast<size_t>(lengths[r])));
  }
  return texts;
}

checkpoint::Verdict ToVerdict(const absl::Status& status) {
  checkpoint::Verdict verdict;
  verdict.set_code(static_cast<int>(status.code()));
  verdict.set_message(std::string(status.message()));
  return verdict;
}

absl::Status FromVerdict(const checkpoint::Verdict& verdict) {
  return absl::Status(static_cast<absl::StatusCode>(verdict.code()), verdict.message());
}

absl::Status Agree(compiler::Collectives& ranks, const absl::Status& mine) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<checkpoint::Verdict> all,
                          AllGatherMessages(ranks, ToVerdict(mine)));
  for (size_t r = 0; r < all.size(); ++r) {
    const absl::Status status = FromVerdict(all[r]);
    if (status.ok()) continue;
    return ranks.size() == 1 ? status : Annotate(status, absl::StrCat("rank ", r));
  }
  return absl::OkStatus();
}

}  // namespace strata::distributed
