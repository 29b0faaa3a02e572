// Encoding speed of byte-level BPE on one core: a vocabulary of GPT-2's size is trained on made
// text, then other made text of the same language is encoded.
//
//   bazel run -c opt //llm/tokenizer:tokenizer_bench -- --json
//
// The language: words of random syllables, as often as their rank says (Zipf), with capitals,
// punctuation, numbers and ends of lines. `--words` distinct words make it as varied as wanted; one
// word in fifty is new each time, as names and mistakes are in real text. Times are of the thread on
// its core, so that other work on the machine counts as little as it can.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "llm/tokenizer/bpe_trainer.h"
#include "llm/tokenizer/gguf_pre_types.h"
#include "llm/tokenizer/pre_tokenizer.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

struct Options {
  double megabytes = 8;
  double train_megabytes = 4;
  int vocab = 50257;
  int words = 60000;
  int repeats = 5;
  std::string pre = "gpt-2";
  bool json = false;
};

class Language {
 public:
  Language(int words, uint32_t seed) : random_(seed) {
    double sum = 0;
    for (int rank = 1; rank <= words; ++rank) {
      words_.push_back(NewWord(rank < 200 ? 1 : 2 + rank % 3));
      sum += 1.0 / std::pow(rank + 2.7, 1.0);
      cumulative_.push_back(sum);
    }
  }

  std::string Text(size_t size, uint32_t seed) {
    random_.seed(seed);
    std::string text;
    bool capital = true;
    while (text.size() < size) {
      std::string word = random_() % 50 == 0 ? NewWord(2 + random_() % 3) : CommonWord();
      if (random_() % 60 == 0) word = std::to_string(random_() % 10000);
      if (capital) word[0] = static_cast<char>(std::toupper(word[0]));
      text += word;
      const uint32_t end = random_() % 100;
      capital = end < 7;
      text += end < 6 ? ". " : end < 7 ? ".\n\n" : end < 14 ? ", " : end < 15 ? "'s " : " ";
    }
    return text;
  }

 private:
  std::string NewWord(uint32_t syllables) {
    static const char* const kOnsets[] = {"b",  "c",  "d",  "f",  "g",  "h",  "l",  "m",  "n",
                                          "p",  "r",  "s",  "t",  "v",  "w",  "",   "th", "st",
                                          "tr", "ch", "sh", "pl", "gr", "qu", "str"};
    static const char* const kRhymes[] = {"a",  "e",  "i",  "o",   "u",    "an",  "er",
                                          "in", "on", "at", "ing", "ion",  "ent", "all",
                                          "ed", "ou", "ea", "es",  "ight", "ar"};
    std::string word;
    for (; syllables > 0; --syllables) {
      word += kOnsets[random_() % 25];
      word += kRhymes[random_() % 20];
    }
    return word;
  }

  const std::string& CommonWord() {
    const double at = cumulative_.back() * (random_() / 4294967296.0);
    return words_[std::lower_bound(cumulative_.begin(), cumulative_.end(), at) -
                  cumulative_.begin()];
  }

  std::mt19937 random_;
  std::vector<std::string> words_;
  std::vector<double> cumulative_;
};

// Time that this thread has had on a core.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Least seconds of `repeats` calls.
template <typename Call>
double Seconds(int repeats, Call call) {
  double least = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const double begin = CpuSeconds();
    call();
    least = std::min(least, CpuSeconds() - begin);
  }
  return least;
}

absl::Status Run(const Options& options) {
  const GgufPreType* pre = FindGgufPreType(options.pre);
  if (pre == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--pre: '", options.pre, "' is none of ", GgufPreTypeNames()));
  }
  Language language(options.words, 1);
  BpeTrainerOptions training;
  training.vocab_size = options.vocab;
  training.pre_tokenizer = StepsOf(*pre);
  const std::string corpus = language.Text(static_cast<size_t>(options.train_megabytes * 1e6), 2);
  STRATA_ASSIGN_OR_RETURN(const auto tokenizer, TrainTokenizer(corpus, training));
  STRATA_ASSIGN_OR_RETURN(const PreTokenizer cut, PreTokenizer::Create(training.pre_tokenizer));
  const std::string text = language.Text(static_cast<size_t>(options.megabytes * 1e6), 3);

  size_t pieces = 0;
  const double split = Seconds(options.repeats, [&] {
    pieces = 0;
    cut.ForEachPiece(text, [&](absl::string_view) { ++pieces; });
  });
  std::vector<int32_t> ids;
  const double first = Seconds(1, [&] { ids = tokenizer->Encode(text); });
  const double encode = Seconds(options.repeats, [&] { ids = tokenizer->Encode(text); });
  const double decode = Seconds(options.repeats, [&] { tokenizer->Decode(ids); });
  if (tokenizer->Decode(ids) != text) return absl::InternalError("the text did not come back");

  const double megabytes = static_cast<double>(text.size()) / 1e6;
  const nlohmann::ordered_json result = {
      {"pre", options.pre},
      {"vocab", tokenizer->vocab_size()},
      {"megabytes", megabytes},
      {"tokens", ids.size()},
      {"bytes_per_token", static_cast<double>(text.size()) / static_cast<double>(ids.size())},
      {"bytes_per_piece", static_cast<double>(text.size()) / static_cast<double>(pieces)},
      {"split_megabytes_per_second", megabytes / split},
      {"first_megabytes_per_second", megabytes / first},
      {"decode_megabytes_per_second", megabytes / decode},
      {"megabytes_per_second", megabytes / encode}};
  if (options.json) {
    std::printf("%s\n", result.dump().c_str());
    return absl::OkStatus();
  }
  for (const auto& [key, value] : result.items())
    std::printf("%-28s %s\n", key.c_str(), value.dump().c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::llm

int main(int argc, char** argv) {
  CLI::App app{"Encoding speed of byte-level BPE on one core, on made text"};
  strata::llm::Options options;
  app.add_option("--megabytes", options.megabytes, "text to encode")->capture_default_str();
  app.add_option("--train-megabytes", options.train_megabytes, "text to train the vocabulary on")
      ->capture_default_str();
  app.add_option("--vocab", options.vocab, "size of the vocabulary")->capture_default_str();
  app.add_option("--words", options.words, "distinct words")->capture_default_str();
  app.add_option("--repeats", options.repeats, "the best of so many runs")->capture_default_str();
  app.add_option("--pre", options.pre, "how text is cut: a name as in tokenizer.ggml.pre")
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object on standard output");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::llm::Run(options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
