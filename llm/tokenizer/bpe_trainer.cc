#include "llm/tokenizer/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "llm/tokenizer/added_tokens.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/corpus.h"
#include "llm/tokenizer/pre_tokenizer.h"

namespace strata::llm {
namespace {

using Pair = std::pair<int32_t, int32_t>;

// A distinct piece of the text, as tokens so far.
struct Word {
  std::vector<int32_t> ids;
  int64_t count;
};

struct PairInfo {
  int64_t count = 0;           // over all words
  std::vector<int32_t> words;  // that have or had it; may repeat one
};

// What the heap holds: outdated as soon as the pair's count is another.
struct Candidate {
  int64_t count;
  Pair pair;

  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

class Merger {
 public:
  Merger(std::vector<Word> words, const BpeTrainerOptions& options)
      : words_(std::move(words)), options_(options) {
    for (uint8_t byte : AlphabetOrder()) AddToken(std::string(1, static_cast<char>(byte)));
    seen_.assign(words_.size(), -1);
    for (size_t w = 0; w < words_.size(); ++w) {
      const std::vector<int32_t>& ids = words_[w].ids;
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        PairInfo& info = pairs_[{ids[i], ids[i + 1]}];
        info.count += words_[w].count;
        if (info.words.empty() || info.words.back() != static_cast<int32_t>(w))
          info.words.push_back(w);
      }
    }
    for (const auto& [pair, info] : pairs_) heap_.push_back({info.count, pair});
    std::make_heap(heap_.begin(), heap_.end());
  }

  // Merges until there are `tokens` tokens or nothing is frequent enough.
  void Run(size_t tokens) {
    Pair pair;
    while (tokens_.size() < tokens && PopBest(&pair)) {
      merges_.push_back(pair);
      Apply(pair, AddToken(tokens_[pair.first] + tokens_[pair.second]));
    }
  }

  std::vector<std::string> TakeTokens() { return std::move(tokens_); }
  std::vector<Pair> TakeMerges() { return std::move(merges_); }

 private:
  // Two merges can spell the same bytes; they share the token.
  int32_t AddToken(const std::string& bytes) {
    const auto [it, added] = ids_.try_emplace(bytes, static_cast<int32_t>(tokens_.size()));
    if (added) tokens_.push_back(bytes);
    return it->second;
  }

  // Every pair with a count has an entry in the heap with at least that count.
  bool PopBest(Pair* pair) {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Candidate top = heap_.back();
      heap_.pop_back();
      const auto it = pairs_.find(top.pair);
      const int64_t count = it == pairs_.end() ? 0 : it->second.count;
      if (count < options_.min_frequency) continue;
      if (count == top.count) {
        *pair = top.pair;
        return true;
      }
      if (count < top.count) Push({count, top.pair});
    }
    return false;
  }

  void Push(const Candidate& candidate) {
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
  }

  void Apply(Pair pair, int32_t result) {
    const std::vector<int32_t> affected = std::move(pairs_[pair].words);
    pairs_[pair].words.clear();
    const int32_t stamp = static_cast<int32_t>(merges_.size());
    changes_.clear();
    for (int32_t w : affected) {
      if (std::exchange(seen_[w], stamp) != stamp) ApplyTo(w, pair, result);
    }
    for (const auto& [changed, change] : changes_) {
      if (change == 0) continue;
      const auto it = pairs_.find(changed);
      it->second.count += change;
      if (change > 0) Push({it->second.count, changed});
      if (it->second.count == 0) pairs_.erase(it);
    }
  }

  // Rewrites one word: only pairs with a merged token in them change.
  void ApplyTo(int32_t w, Pair pair, int32_t result) {
    Word& word = words_[w];
    const std::vector<int32_t>& old = word.ids;
    scratch_.clear();
    size_t counted = 0;  // pairs of the old word that start before this are taken off
    for (size_t i = 0; i < old.size();) {
      if (i + 1 == old.size() || old[i] != pair.first || old[i + 1] != pair.second) {
        scratch_.push_back(old[i++]);
        continue;
      }
      for (size_t k = std::max(counted, i == 0 ? 0 : i - 1); k <= i + 1 && k + 1 < old.size();
           ++k) {
        changes_[{old[k], old[k + 1]}] -= word.count;
      }
      counted = i + 2;
      scratch_.push_back(kMerged);
      i += 2;
    }
    const auto id = [&](size_t i) { return scratch_[i] == kMerged ? result : scratch_[i]; };
    for (size_t i = 0; i + 1 < scratch_.size(); ++i) {
      if (scratch_[i] != kMerged && scratch_[i + 1] != kMerged) continue;
      const Pair made = {id(i), id(i + 1)};
      changes_[made] += word.count;
      PairInfo& info = pairs_[made];
      if (info.words.empty() || info.words.back() != w) info.words.push_back(w);
    }
    for (int32_t& token : scratch_) token = token == kMerged ? result : token;
    word.ids = scratch_;
  }

  static constexpr int32_t kMerged = -1;

  std::vector<Word> words_;
  const BpeTrainerOptions& options_;
  std::vector<std::string> tokens_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  std::vector<Pair> merges_;
  absl::flat_hash_map<Pair, PairInfo> pairs_;
  std::vector<Candidate> heap_;
  absl::flat_hash_map<Pair, int64_t> changes_;
  std::vector<int32_t> seen_;  // by word: the last merge that touched it
  std::vector<int32_t> scratch_;
};

std::vector<AddedToken> SpecialTokens(const std::vector<std::string>& contents) {
  std::vector<AddedToken> tokens;
  for (const std::string& content : contents) {
    AddedToken token;
    token.content = content;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// Special tokens come last; one that was learned as a word keeps that id.
void AddSpecialTokens(const std::vector<std::string>& contents, TokenizerSpec* spec) {
  spec->added = SpecialTokens(contents);
  for (AddedToken& token : spec->added) {
    const auto learned = std::find_if(spec->tokens.begin(), spec->tokens.end(),
                                      [&](const Token& t) { return t.bytes == token.content; });
    token.id = static_cast<int32_t>(learned - spec->tokens.begin());
    if (learned == spec->tokens.end()) spec->tokens.push_back({token.content, /*literal=*/true});
  }
  if (!spec->added.empty()) spec->eos = spec->added[0].id;
}

}  // namespace

absl::Status BpeTrainer::CheckOptions() const {
  const std::set<std::string> special(options_.special_tokens.begin(),
                                      options_.special_tokens.end());
  if (special.size() != options_.special_tokens.size()) {
    return absl::InvalidArgumentError("special_tokens: one is there twice");
  }
  if (special.count("") > 0) return absl::InvalidArgumentError("special_tokens: one is empty");
  const size_t least = 256 + special.size();
  if (options_.vocab_size < 0 || static_cast<size_t>(options_.vocab_size) < least) {
    return absl::InvalidArgumentError(absl::StrCat("vocab_size: ", options_.vocab_size,
                                                   " is too small; 256 bytes and ", special.size(),
                                                   " special tokens need at least ", least));
  }
  if (options_.min_frequency < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_frequency: ", options_.min_frequency, " is too small; give at least 1"));
  }
  return absl::OkStatus();
}

absl::Status BpeTrainer::Add(absl::string_view text) {
  STRATA_RETURN_IF_ERROR(CheckOptions());
  absl::StatusOr<PreTokenizer> pre_tokenizer = PreTokenizer::Create(options_.pre_tokenizer);
  STRATA_RETURN_IF_ERROR(Annotate(pre_tokenizer.status(), "pre_tokenizer"));
  const auto count = [&](absl::string_view piece) {
    const auto it = counts_.find(piece);
    if (it != counts_.end()) {
      ++it->second;
    } else {
      counts_.emplace(piece, 1);
    }
  };
  AddedTokenMatcher(SpecialTokens(options_.special_tokens))
      .Split(
          text, [&](absl::string_view part) { pre_tokenizer->ForEachPiece(part, count); },
          [](int32_t) {});
  return absl::OkStatus();
}

absl::StatusOr<TokenizerSpec> BpeTrainer::Train() const {
  STRATA_RETURN_IF_ERROR(CheckOptions());
  std::array<int32_t, 256> byte_ids;
  for (int id = 0; id < 256; ++id) byte_ids[AlphabetOrder()[id]] = id;
  std::vector<Word> words;
  for (const auto& [piece, count] : counts_) {
    Word word{{}, count};
    for (char c : piece) word.ids.push_back(byte_ids[static_cast<uint8_t>(c)]);
    if (word.ids.size() > 1) words.push_back(std::move(word));
  }
  Merger merger(std::move(words), options_);
  merger.Run(options_.vocab_size - options_.special_tokens.size());
  TokenizerSpec spec;
  BpeSpec bpe;
  bpe.merges = merger.TakeMerges();
  spec.model = std::move(bpe);
  for (std::string& bytes : merger.TakeTokens()) spec.tokens.push_back({std::move(bytes)});
  AddSpecialTokens(options_.special_tokens, &spec);
  spec.pre_tokenizer = options_.pre_tokenizer;
  return spec;
}

absl::StatusOr<std::unique_ptr<TextTokenizer>> TrainTokenizer(absl::string_view corpus,
                                                              BpeTrainerOptions options) {
  STRATA_RETURN_IF_ERROR(CheckCorpus(corpus));
  BpeTrainer trainer(std::move(options));
  STRATA_RETURN_IF_ERROR(trainer.Add(corpus));
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, trainer.Train());
  return TextTokenizer::Create(std::move(spec));
}

}  // namespace strata::llm
