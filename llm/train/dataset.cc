#include "llm/train/dataset.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "llm/tokenizer/corpus.h"

namespace strata::llm {
namespace {

// SplitMix64's finaliser: a well-mixed number from a counter.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

}  // namespace

absl::StatusOr<TokenDataset> TokenDataset::Create(std::vector<int32_t> tokens, int64_t batch,
                                                  int64_t sequence, uint64_t seed) {
  if (batch < 1) return absl::InvalidArgumentError(absl::StrCat("batch: ", batch, " is below 1"));
  if (sequence < 1)
    return absl::InvalidArgumentError(absl::StrCat("sequence: ", sequence, " is below 1"));
  if (static_cast<int64_t>(tokens.size()) < sequence + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("corpus: has ", tokens.size(), " tokens; a sequence of ", sequence, " needs ",
                     sequence + 1, ": give more text or a shorter sequence"));
  }
  return TokenDataset(std::move(tokens), batch, sequence, seed);
}

Batch TokenDataset::BatchAt(int64_t step) const {
  Batch batch{graph::HostTensor::Allocate(chips::I32, {batch_, sequence_}),
              graph::HostTensor::Allocate(chips::I32, {batch_, sequence_})};
  const auto windows = static_cast<uint64_t>(size() - sequence_);
  for (int64_t b = 0; b < batch_; ++b) {
    const auto counter = static_cast<uint64_t>(step * batch_ + b + 1);
    const uint64_t at =
        Mix(Mix(seed_ + 0x9e3779b97f4a7c15ull) ^ (counter * 0x9e3779b97f4a7c15ull)) % windows;
    for (int64_t t = 0; t < sequence_; ++t) {
      batch.tokens.data<int32_t>()[b * sequence_ + t] = tokens_[at + static_cast<uint64_t>(t)];
      batch.targets.data<int32_t>()[b * sequence_ + t] = tokens_[at + static_cast<uint64_t>(t) + 1];
    }
  }
  return batch;
}

absl::StatusOr<std::string> ReadCorpus(const std::vector<std::string>& paths) {
  if (paths.empty()) return absl::InvalidArgumentError("corpus: names no file");
  std::string corpus;
  for (const std::string& path : paths) {
    STRATA_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
    STRATA_RETURN_IF_ERROR(Annotate(CheckCorpus(text), path));
    if (!corpus.empty()) corpus += "<|endoftext|>";
    corpus += text;
  }
  return corpus;
}

}  // namespace strata::llm
