// Benchmark: what a grammar costs a token: the mask of the tokens that may follow, and going on by one token.
//
//   bazel run -c opt //inference/bench:grammar -- --vocabulary=128000 --json
//
// The vocabulary is made: bytes, words of syllables with and without a space before them, numbers, and the punctuation
// that vocabularies have whole, JSON's among it. Each answer is written at random, with a preference for what closes, by
// the grammar alone. A mask is "first" when its state was not seen before in any answer to this grammar; others are looked
// up. Times are of the thread's processor.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "inference/grammar/grammar_text.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/json_schema.h"
#include "inference/grammar/regex.h"
#include "inference/grammar/token_grammar.h"

namespace strata::inference {
namespace {

using grammar::Grammar;
using grammar::TokenGrammar;
using grammar::TokenMask;
using grammar::TokenMatcher;

struct Flags {
  int vocabulary = 128000;
  int answers = 20;
  int tokens = 200;
  bool json = false;
};

double Microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

std::vector<std::string> MakeVocabulary(int size) {
  std::set<std::string> known;
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    if (known.insert(token).second) tokens.push_back(token);
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  for (const char* sign : {"\":", "\",",    "\"},",   "\"}", "{\"",  "[\"", "\"]", "},{", "}]",
                           "]}",  "\": \"", "\", \"", "\\n", "\\\"", "();", "->",  "==",  "...",
                           "://", ".com",   "é",      "ü",   "世",   "界",  "的",  "🎉"})
    add(sign);
  for (int width = 1; width <= 40; ++width) {
    add(std::string(static_cast<size_t>(width), ' '));
    add("\n" + std::string(static_cast<size_t>(width), ' '));
  }
  for (int number = 0; number < 1000; ++number) add(std::to_string(number));
  std::mt19937_64 random(1);
  const char* syllables[] = {"ta",  "en", "er", "st", "ri", "on", "al", "be", "co",  "de",  "fu",
                             "gra", "hi", "in", "ke", "lo", "mi", "ne", "or", "pa",  "qu",  "re",
                             "sa",  "th", "un", "ve", "wo", "ex", "y",  "z",  "ing", "tion"};
  while (static_cast<int>(tokens.size()) < size) {
    std::string word;
    for (uint64_t parts = 1 + random() % 4; parts > 0; --parts) word += syllables[random() % 32];
    const uint64_t kind = random() % 16;
    if (kind < 2) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    if (kind % 2 == 1) word = " " + word;
    if (kind == 4) word += std::string(1, ".,\"'):;\n"[random() % 8]);
    add(word);
  }
  tokens.resize(static_cast<size_t>(size));
  return tokens;
}

struct Case {
  const char* name;
  absl::StatusOr<Grammar> grammar;
};

std::vector<Case> MakeCases() {
  const auto regex = [](const char* text) -> absl::StatusOr<Grammar> {
    STRATA_ASSIGN_OR_RETURN(grammar::Expr expr, grammar::ParseRegex(text));
    return grammar::OneRule(std::move(expr));
  };
  std::vector<Case> cases;
  cases.push_back({"any JSON object", grammar::JsonObject()});
  cases.push_back({"schema: person", grammar::GrammarOfSchemaText(R"({"type":"object","properties":{
      "name":{"type":"string","maxLength":80},"age":{"type":"integer","minimum":0,"maximum":150},
      "email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string"},"maxItems":20},
      "address":{"type":"object","properties":{"street":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}},
      "required":["street"]}},"required":["name","age"],"additionalProperties":false})")});
  cases.push_back(
      {"schema: recursive tree", grammar::GrammarOfSchemaText(R"({"$ref":"#/$defs/n","$defs":{"n":{
      "type":"object","properties":{"label":{"type":"string"},"kind":{"enum":["leaf","branch","root"]},
      "children":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["label","kind","children"]}}})")});
  cases.push_back(
      {"regex",
       regex("[A-Z][a-z]+( [A-Z][a-z]+){1,3}, \\d{1,3} (years|months) old\\.( [^\\n]{0,200})?")});
  cases.push_back(
      {"grammar: arithmetic",
       grammar::ParseGrammar("root ::= e (\" = \" e)? \"\\n\"\ne ::= t ([-+] t)*\nt ::= f ([*/] "
                             "f)*\nf ::= [0-9]+ | [a-z]+ | \"(\" e \")\"")});
  cases.push_back({"grammar: prose",
                   grammar::ParseGrammar("root ::= (sentence \" \"?)+\nsentence ::= word ([ ,;] \" "
                                         "\"? word)* [.!?]\nword ::= [A-Za-z\\u00c0-\\u024f]+")});
  return cases;
}

struct Times {
  std::vector<double> first, again, accept;
};

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// One answer; the masks seen are told apart by their addresses, which are kept.
absl::Status WriteAnswer(const std::shared_ptr<const TokenGrammar>& grammar, int most,
                         std::mt19937_64& random, std::set<std::shared_ptr<const TokenMask>>* seen,
                         Times* times) {
  TokenMatcher matcher(grammar);
  for (int i = 0; i < most && !matcher.must_end(); ++i) {
    const double start = Microseconds();
    STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<const TokenMask> mask, matcher.Mask());
    const double taken = Microseconds() - start;
    (seen->insert(mask).second ? times->first : times->again).push_back(taken);
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < grammar->trie().vocabulary(); ++token)
      if (mask->Has(token)) allowed.push_back(token);
    if (matcher.may_end() && random() % 20 == 0) break;
    int32_t token = allowed[random() % allowed.size()];
    for (char close : {'"', '}', ']'})
      if (mask->Has(close) && random() % 6 == 0) token = close;
    const double before = Microseconds();
    STRATA_RETURN_IF_ERROR(matcher.Accept(token));
    times->accept.push_back(Microseconds() - before);
  }
  return absl::OkStatus();
}

absl::Status Measure(const Case& c, const std::shared_ptr<const grammar::TokenTrie>& trie,
                     const Flags& flags) {
  STRATA_RETURN_IF_ERROR(c.grammar.status());
  const double start = Microseconds();
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<const TokenGrammar> grammar,
                          TokenGrammar::Create(*c.grammar, trie));
  const double compile = Microseconds() - start;
  std::mt19937_64 random(7);
  Times times;
  std::set<std::shared_ptr<const TokenMask>> seen;
  for (int i = 0; i < flags.answers; ++i)
    STRATA_RETURN_IF_ERROR(WriteAnswer(grammar, flags.tokens, random, &seen, &times));
  const double masks = static_cast<double>(times.first.size() + times.again.size());
  const double mean = (Mean(times.first) * static_cast<double>(times.first.size()) +
                       Mean(times.again) * static_cast<double>(times.again.size())) /
                      masks;
  if (flags.json) {
    std::printf(
        "{\"grammar\": \"%s\", \"vocabulary\": %d, \"compile_us\": %.1f, \"masks\": %.0f, "
        "\"first\": %zu, "
        "\"mask_mean_us\": %.2f, \"first_median_us\": %.1f, \"first_p99_us\": %.1f, "
        "\"first_max_us\": %.1f, "
        "\"again_median_us\": %.2f, \"accept_median_us\": %.2f}\n",
        c.name, flags.vocabulary, compile, masks, times.first.size(), mean,
        Quantile(times.first, 0.5), Quantile(times.first, 0.99), Quantile(times.first, 1),
        Quantile(times.again, 0.5), Quantile(times.accept, 0.5));
  } else {
    std::printf("%-24s %10.0f %8.0f %6zu %9.2f %9.1f %9.1f %9.1f %9.2f %9.2f\n", c.name, compile,
                masks, times.first.size(), mean, Quantile(times.first, 0.5),
                Quantile(times.first, 0.99), Quantile(times.first, 1), Quantile(times.again, 0.5),
                Quantile(times.accept, 0.5));
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  std::vector<std::string> tokens = MakeVocabulary(flags.vocabulary);
  const double start = Microseconds();
  const std::vector<bool> special(tokens.size());
  const auto trie = std::make_shared<const grammar::TokenTrie>(
      grammar::TokenTrie::Build(std::move(tokens), special));
  const double built = Microseconds() - start;
  if (!flags.json) {
    std::printf("vocabulary of %d tokens, %d nodes, built in %.0f ms; times in us\n\n",
                flags.vocabulary, trie->size(), built / 1e3);
    std::printf("%-24s %10s %8s %6s %9s %9s %9s %9s %9s %9s\n", "grammar", "compile", "masks",
                "first", "mean", "1st med", "1st p99", "1st max", "again", "accept");
  }
  for (const Case& c : MakeCases())
    STRATA_RETURN_IF_ERROR(Annotate(Measure(c, trie, flags), c.name));
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::inference

int main(int argc, char** argv) {
  strata::inference::Flags flags;
  CLI::App app("What a grammar costs a token: masks of the tokens that may follow");
  app.add_option("--vocabulary", flags.vocabulary, "tokens")->check(CLI::Range(2000, 1000000));
  app.add_option("--answers", flags.answers, "written by each grammar")
      ->check(CLI::Range(1, 10000));
  app.add_option("--tokens", flags.tokens, "of an answer, at most")->check(CLI::Range(1, 100000));
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::inference::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
