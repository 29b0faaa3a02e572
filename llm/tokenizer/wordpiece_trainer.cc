#include "llm/tokenizer/wordpiece_trainer.h"

#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "llm/tokenizer/vocabulary.h"
#include "llm/tokenizer/word_counts.h"

namespace strata::llm {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct Word {
  std::vector<int32_t> ids;
  int64_t count;
};

struct PairInfo {
  int64_t count = 0;
  double score = 0;         // that it is ranked with; 0: it is not
  std::set<int32_t> words;  // that have or had it
};

// The best first: the highest score, then the lowest ids.
struct Ranked {
  double score;
  Pair pair;

  bool operator<(const Ranked& other) const {
    return score != other.score ? score > other.score : pair < other.pair;
  }
};

class Merger {
 public:
  Merger(const WordCounts& words, const WordPieceTrainerOptions& options) : options_(options) {
    std::vector<std::vector<std::string>> spelled;
    std::map<std::string, int32_t> characters;
    for (const auto& [word, count] : words) {
      spelled.emplace_back();
      for (size_t at = 0; at < word.size();) {
        const size_t size = CharacterSize(absl::string_view(word).substr(at));
        spelled.back().push_back((at == 0 ? "" : options.continuing_prefix) +
                                 word.substr(at, size));
        characters[spelled.back().back()] = 0;
        at += size;
      }
      words_.push_back({{}, count});
    }
    for (auto& [text, id] : characters) id = AddToken(text);
    characters_ = texts_.size();
    for (size_t w = 0; w < words_.size(); ++w) {
      for (const std::string& text : spelled[w]) words_[w].ids.push_back(characters.at(text));
      Count(static_cast<int32_t>(w), 1);
    }
    for (size_t id = 0; id < texts_.size(); ++id) Rank(static_cast<int32_t>(id));
  }

  size_t characters() const { return characters_; }

  void Run(size_t size) {
    while (texts_.size() < size && !ranking_.empty()) Apply(ranking_.begin()->pair);
  }

  std::vector<std::string> TakeTexts() { return std::move(texts_); }

 private:
  // Two merges can spell the same text; they share the token.
  int32_t AddToken(const std::string& text) {
    const auto [it, added] = ids_.try_emplace(text, static_cast<int32_t>(texts_.size()));
    if (added) {
      texts_.push_back(text);
      counts_.push_back(0);
      pairs_of_.emplace_back();
    }
    return it->second;
  }

  // Adds the word's tokens and pairs to the counts, or takes them off. Scores are Rank's to mend.
  void Count(int32_t w, int sign) {
    const Word& word = words_[w];
    for (size_t i = 0; i < word.ids.size(); ++i) {
      counts_[word.ids[i]] += sign * word.count;
      if (i == 0) continue;
      const Pair pair = {word.ids[i - 1], word.ids[i]};
      PairInfo& info = pairs_[pair];
      info.count += sign * word.count;
      if (sign < 0) continue;
      info.words.insert(w);
      pairs_of_[pair.first].insert(pair);
      pairs_of_[pair.second].insert(pair);
    }
  }

  double Score(Pair pair, const PairInfo& info) const {
    if (info.count < options_.min_frequency) return 0;
    return static_cast<double>(info.count) /
           (static_cast<double>(counts_[pair.first]) * static_cast<double>(counts_[pair.second]));
  }

  // Gives the token's pairs their places in the ranking; those that no word has any more go.
  void Rank(int32_t id) {
    const std::vector<Pair> pairs(pairs_of_[id].begin(), pairs_of_[id].end());
    for (const Pair& pair : pairs) {
      const auto it = pairs_.find(pair);
      PairInfo& info = it->second;
      const double score = Score(pair, info);
      if (score != info.score) {
        if (info.score > 0) ranking_.erase({info.score, pair});
        if (score > 0) ranking_.insert({score, pair});
        info.score = score;
      }
      if (info.count > 0) continue;
      pairs_.erase(it);
      pairs_of_[pair.first].erase(pair);
      pairs_of_[pair.second].erase(pair);
    }
  }

  // A merge changes the counts of three tokens, and so the scores of their pairs and of no other.
  void Apply(Pair pair) {
    const int32_t made = AddToken(texts_[pair.first] +
                                  texts_[pair.second].substr(options_.continuing_prefix.size()));
    const std::set<int32_t> affected = pairs_.at(pair).words;
    for (const int32_t w : affected) {
      Count(w, -1);
      const std::vector<int32_t> old = std::move(words_[w].ids);
      std::vector<int32_t>& ids = words_[w].ids;
      ids.clear();
      for (size_t i = 0; i < old.size(); ++i) {
        const bool here = i + 1 < old.size() && old[i] == pair.first && old[i + 1] == pair.second;
        ids.push_back(here ? made : old[i]);
        i += here;
      }
      Count(w, 1);
    }
    for (const int32_t id : {pair.first, pair.second, made}) Rank(id);
  }

  const WordPieceTrainerOptions& options_;
  std::vector<Word> words_;
  std::vector<std::string> texts_;  // by id
  std::vector<int64_t> counts_;     // of tokens
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<Pair, PairInfo> pairs_;
  std::vector<absl::flat_hash_set<Pair>> pairs_of_;  // by id: those that it is in
  std::set<Ranked> ranking_;
  size_t characters_ = 0;
};

}  // namespace

absl::StatusOr<TokenizerSpec> TrainWordPiece(absl::string_view corpus,
                                             const WordPieceTrainerOptions& options) {
  if (options.min_frequency < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_frequency: ", options.min_frequency, " is too small; give at least 1"));
  }
  STRATA_ASSIGN_OR_RETURN(
      const WordCounts words,
      CountWords(corpus, options.special_tokens, options.normalizers, options.pre_tokenizer));
  Merger merger(words, options);
  const size_t special = options.special_tokens.size();
  const size_t least = special + merger.characters();
  if (options.vocab_size < 0 || static_cast<size_t>(options.vocab_size) < least) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocab_size: ", options.vocab_size, " is too small; ", merger.characters(),
                     " characters and ", special, " special tokens need at least ", least));
  }
  merger.Run(static_cast<size_t>(options.vocab_size) - special);
  std::vector<std::string> texts = merger.TakeTexts();
  STRATA_RETURN_IF_ERROR(CheckApart(options.special_tokens, texts));

  TokenizerSpec spec;
  spec.byte_level = false;
  WordPieceSpec wordpiece;
  wordpiece.continuing_prefix = options.continuing_prefix;
  spec.model = wordpiece;
  PutSpecialTokens(options.special_tokens, &spec);
  for (const AddedToken& token : spec.added) {
    if (token.content == "[UNK]") spec.unknown = token.id;
    if (token.content == "[CLS]") spec.prefix = {token.id};
    if (token.content == "[SEP]") spec.suffix = {token.id};
  }
  if (!spec.suffix.empty()) spec.eos = spec.suffix[0];
  for (std::string& text : texts) spec.tokens.push_back({std::move(text)});
  spec.normalizers = options.normalizers;
  spec.pre_tokenizer = options.pre_tokenizer;
  spec.decoders = {DecodeWordPiece{options.continuing_prefix}};
  return spec;
}

}  // namespace strata::llm
