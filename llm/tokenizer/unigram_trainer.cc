#include "llm/tokenizer/unigram_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "llm/tokenizer/byte_trie.h"
#include "llm/tokenizer/vocabulary.h"
#include "llm/tokenizer/word_counts.h"

namespace strata::llm {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kLeastCount = 1e-6;  // of a token that no spelling wants: its score stays finite

struct Piece {
  std::string text;
  double score;    // log probability
  bool character;  // stays
};

double LogAdd(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

class Trainer {
 public:
  Trainer(const WordCounts& words, const UnigramTrainerOptions& options)
      : words_(words), options_(options) {
    Seed();
  }

  size_t characters() const { return characters_; }

  void Run(size_t size) {
    for (;;) {
      for (int round = 0; round < options_.em_rounds; ++round) ExpectAndMaximize();
      if (pieces_.size() <= size) return;
      const auto kept = static_cast<size_t>(options_.shrink * static_cast<double>(pieces_.size()));
      Drop(std::max(size, kept));
    }
  }

  std::vector<Piece> TakePieces() { return std::move(pieces_); }

 private:
  void Seed() {
    std::map<std::string, int64_t> characters;
    absl::flat_hash_map<std::string, int64_t> substrings;
    for (const auto& [word, count] : words_) {
      for (size_t begin = 0; begin < word.size();) {
        const size_t first = CharacterSize(absl::string_view(word).substr(begin));
        characters[word.substr(begin, first)] += count;
        size_t end = begin + first;
        for (int length = 2; length <= options_.max_characters && end < word.size(); ++length) {
          end += CharacterSize(absl::string_view(word).substr(end));
          substrings[word.substr(begin, end - begin)] += count;
        }
        begin += first;
      }
    }
    characters_ = characters.size();
    std::vector<std::pair<int64_t, std::string>> best;  // minus frequency times length, text
    for (const auto& [text, count] : substrings) {
      if (count > 1) best.emplace_back(-count * static_cast<int64_t>(text.size()), text);
    }
    std::sort(best.begin(), best.end());
    best.resize(std::min(best.size(), static_cast<size_t>(options_.seed_size)));
    std::vector<double> counts;
    for (const auto& [text, count] : characters) {
      pieces_.push_back({text, 0, true});
      counts.push_back(static_cast<double>(count));
    }
    for (const auto& [rank, text] : best) {
      pieces_.push_back({text, 0, false});
      counts.push_back(static_cast<double>(substrings.at(text)));
    }
    Maximize(counts);
  }

  // Scores of probabilities in proportion to the counts.
  void Maximize(const std::vector<double>& counts) {
    double sum = 0;
    for (const double count : counts) sum += std::max(count, kLeastCount);
    std::vector<std::pair<absl::string_view, int32_t>> entries;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      pieces_[i].score = std::log(std::max(counts[i], kLeastCount) / sum);
      entries.emplace_back(pieces_[i].text, static_cast<int32_t>(i));
    }
    trie_ = ByteTrie(std::move(entries));
  }

  // How often each token is expected in the corpus, over all spellings; then scores of that.
  void ExpectAndMaximize() {
    std::vector<double> counts(pieces_.size());
    std::vector<double> before, after;  // by place: log of the sum of all ways to and from there
    for (const auto& [word, count] : words_) {
      before.assign(word.size() + 1, kNever);
      after.assign(word.size() + 1, kNever);
      before[0] = after[word.size()] = 0;
      const auto for_each = [&](size_t begin, auto visit) {
        trie_.ForEachPrefix(absl::string_view(word).substr(begin), visit);
      };
      for (size_t begin = 0; begin < word.size(); ++begin) {
        if (before[begin] == kNever) continue;  // inside a character
        for_each(begin, [&](size_t size, int32_t id) {
          double& there = before[begin + size];
          there = LogAdd(there, before[begin] + pieces_[id].score);
        });
      }
      for (size_t begin = word.size(); begin-- > 0;) {
        if (before[begin] == kNever) continue;
        for_each(begin, [&](size_t size, int32_t id) {
          const double rest = pieces_[id].score + after[begin + size];
          after[begin] = LogAdd(after[begin], rest);
          counts[id] +=
              static_cast<double>(count) * std::exp(before[begin] + rest - before[word.size()]);
        });
      }
    }
    Maximize(counts);
  }

  // The tokens of the best spelling, last first; `without` is not used.
  void Spell(absl::string_view text, int32_t without, std::vector<int32_t>* ids) const {
    struct Step {
      double score = kNever;
      size_t begin = 0;
      int32_t id = -1;
    };
    std::vector<Step> steps(text.size() + 1);
    steps[0].score = 0;
    for (size_t begin = 0; begin < text.size(); ++begin) {
      if (steps[begin].score == kNever) continue;
      trie_.ForEachPrefix(text.substr(begin), [&](size_t size, int32_t id) {
        const double score = steps[begin].score + pieces_[id].score;
        if (id != without && score > steps[begin + size].score)
          steps[begin + size] = {score, begin, id};
      });
    }
    ids->clear();
    for (size_t end = text.size(); end > 0; end = steps[end].begin) ids->push_back(steps[end].id);
  }

  // Keeps `size` tokens.
  void Drop(size_t size) {
    std::vector<double> used(pieces_.size());
    double sum = 0;
    std::vector<int32_t> ids;
    for (const auto& [word, count] : words_) {
      Spell(word, -1, &ids);
      for (const int32_t id : ids) used[id] += static_cast<double>(count);
      sum += static_cast<double>(count) * static_cast<double>(ids.size());
    }
    std::vector<std::pair<double, int32_t>> losses;  // greatest first
    for (size_t i = characters_; i < pieces_.size(); ++i) {
      const auto id = static_cast<int32_t>(i);
      double loss = 0;
      if (used[i] > 0) {
        Spell(pieces_[i].text, id, &ids);
        const double sum_without = sum + used[i] * static_cast<double>(ids.size() - 1);
        loss = std::log(used[i] / sum);
        for (const int32_t other : ids) loss -= std::log((used[other] + used[i]) / sum_without);
        loss *= used[i];
      }
      losses.emplace_back(-loss, id);
    }
    std::sort(losses.begin(), losses.end());
    losses.resize(size - characters_);
    std::vector<int32_t> kept;
    for (const auto& [loss, id] : losses) kept.push_back(id);
    std::sort(kept.begin(), kept.end());
    std::vector<double> counts;
    for (size_t i = 0; i < characters_; ++i) counts.push_back(std::exp(pieces_[i].score));
    for (size_t k = 0; k < kept.size(); ++k) {
      counts.push_back(std::exp(pieces_[kept[k]].score));
      if (characters_ + k != static_cast<size_t>(kept[k]))
        pieces_[characters_ + k] = std::move(pieces_[kept[k]]);
    }
    pieces_.resize(size);
    // In proportion to each other as before: counts this small stay above the least.
    const double scale = 1 / (kLeastCount * *std::min_element(counts.begin(), counts.end()));
    for (double& count : counts) count *= scale;
    Maximize(counts);
  }

  const WordCounts& words_;
  const UnigramTrainerOptions& options_;
  std::vector<Piece> pieces_;  // characters first
  size_t characters_ = 0;
  ByteTrie trie_;
};

absl::Status CheckOptions(const UnigramTrainerOptions& options) {
  const auto least = [](const char* name, int value, int least) {
    if (value >= least) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": ", value, " is too small; give at least ", least));
  };
  STRATA_RETURN_IF_ERROR(least("vocab_size", options.vocab_size, 1));
  STRATA_RETURN_IF_ERROR(least("seed_size", options.seed_size, 0));
  STRATA_RETURN_IF_ERROR(least("max_characters", options.max_characters, 1));
  STRATA_RETURN_IF_ERROR(least("em_rounds", options.em_rounds, 1));
  if (options.shrink > 0 && options.shrink < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("shrink: ", options.shrink, " must be above 0 and below 1"));
}

}  // namespace

absl::StatusOr<TokenizerSpec> TrainUnigram(absl::string_view corpus,
                                           const UnigramTrainerOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  STRATA_ASSIGN_OR_RETURN(
      const WordCounts words,
      CountWords(corpus, options.special_tokens, options.normalizers, options.pre_tokenizer));
  Trainer trainer(words, options);
  const size_t special = options.special_tokens.size();
  if (static_cast<size_t>(options.vocab_size) < special + trainer.characters()) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocab_size: ", options.vocab_size, " is too small; ", trainer.characters(),
                     " characters and ", special, " special tokens need at least ",
                     special + trainer.characters()));
  }
  trainer.Run(static_cast<size_t>(options.vocab_size) - special);
  std::vector<Piece> pieces = trainer.TakePieces();
  std::vector<std::string> texts;
  for (const Piece& piece : pieces) texts.push_back(piece.text);
  STRATA_RETURN_IF_ERROR(CheckApart(options.special_tokens, texts));

  TokenizerSpec spec;
  spec.byte_level = false;
  spec.model = UnigramSpec();
  PutSpecialTokens(options.special_tokens, &spec);
  if (special > 0) spec.unknown = 0;
  if (special > 1) spec.eos = 1;
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return a.score != b.score ? a.score > b.score : a.text < b.text;
  });
  for (Piece& piece : pieces) spec.tokens.push_back({std::move(piece.text), false, piece.score});
  spec.normalizers = options.normalizers;
  spec.pre_tokenizer = options.pre_tokenizer;
  for (const PreTokenizerStep& step : options.pre_tokenizer) {
    if (step.kind == PreTokenizerStep::Kind::kMetaspace) {
      spec.decoders.push_back(
          DecodeMetaspace{step.replacement, step.prepend_scheme != PrependScheme::kNever});
    }
  }
  return spec;
}

}  // namespace strata::llm
