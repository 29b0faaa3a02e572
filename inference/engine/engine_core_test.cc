// The engine's book-keeping on a machine that notices every mistake (TextMachine): random workloads with all features,
// each answer against the plain definition, and no page left at the end.
#include "inference/engine/engine_core.h"

#include <algorithm>
#include <random>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/draft_model.h"
#include "inference/engine/fake_model.h"
#include "inference/engine/prompt_lookup.h"
#include "inference/engine/text_machine.h"
#include "inference/engine/token_trie_of.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kVocabulary = 12;
constexpr uint64_t kStyle = 7;

CoreOptions Small() {
  CoreOptions options;
  options.scheduler = {.page_size = 4, .max_sequences = 3, .step_tokens = 16, .chunk_tokens = 8};
  options.context = 48;
  options.pages = 40;
  options.vocabulary = kVocabulary;
  return options;
}

struct Harness {
  enum class Guesses { kNone, kLookup, kDraft };

  explicit Harness(const CoreOptions& core_options, Guesses guesses = Guesses::kNone,
                   int64_t width = 1, bool draws = false)
      : options(core_options) {
    const TextMachine::Sizes sizes = {.slots = options.pages * options.scheduler.page_size,
                                      .views = EngineCore::ViewsFor(options),
                                      .view_length = options.context,
                                      .vocabulary = kVocabulary,
                                      .max_rows = options.scheduler.step_tokens};
    auto runner = std::make_unique<TextMachine>(sizes, kStyle);
    machine = runner.get();
    std::unique_ptr<Speculator> speculator;
    if (guesses == Guesses::kLookup) speculator = std::make_unique<PromptLookup>(2, width);
    if (guesses == Guesses::kDraft) {
      const DraftModelOptions draft = {.pages = options.pages,
                                       .page_size = options.scheduler.page_size,
                                       .vocabulary = kVocabulary,
                                       .width = width,
                                       .draws = draws};
      speculator = std::make_unique<DraftModel>(
          nullptr, std::make_unique<TextMachine>(sizes, kStyle, /*habit=*/1.0), draft);
    }
    core =
        std::make_unique<EngineCore>(options, &tokenizer, std::move(runner), std::move(speculator));
  }

  int64_t Add(const GenerateRequest& request, OnToken on_token = nullptr) {
    auto shared = std::make_shared<const GenerateRequest>(request);
    return core->Add(shared, std::move(on_token),
                     [this, shared](int64_t choice, const absl::StatusOr<Generation>& result) {
                       ends.push_back({*shared, choice, result});
                     });
  }

  void Step() {
    core->Step();
    for (EngineCore::Finished& end : core->TakeFinished())
      end.request->on_done(end.choice, end.result);
  }

  void RunAll() {
    for (int64_t step = 0; core->busy(); ++step) {
      ASSERT_LT(step, 100000) << "stuck";
      Step();
    }
  }

  // The definition: one token after another, no cache at all. `error`: why there is no next one.
  std::vector<int32_t> Plain(const GenerateRequest& request, int64_t choice,
                             absl::Status* error = nullptr) const {
    SamplingOptions sampling = request.sampling;
    sampling.seed += static_cast<uint64_t>(choice);
    std::vector<int32_t> text = request.prompt, answer;
    Sampler sampler(sampling, request.prompt, request.stop_tokens, request.grammar);
    while (static_cast<int64_t>(answer.size()) < request.max_tokens &&
           static_cast<int64_t>(text.size()) <= options.context && !sampler.complete()) {
      const absl::StatusOr<int32_t> next = sampler.Sample(machine->LogitsAfter(text));
      if (error != nullptr) *error = next.status();
      if (!next.ok()) break;
      const int32_t token = *next;
      sampler.Record(token);
      if (std::count(request.stop_tokens.begin(), request.stop_tokens.end(), token) > 0) break;
      text.push_back(token);
      answer.push_back(token);
    }
    return answer;
  }

  struct End {
    GenerateRequest request;
    int64_t choice;
    absl::StatusOr<Generation> result;
  };

  CoreOptions options;
  ByteTokenizer tokenizer;
  TextMachine* machine = nullptr;
  std::unique_ptr<EngineCore> core;
  std::vector<End> ends;
};

std::shared_ptr<const grammar::TokenGrammar> MakeGrammar(grammar::Expr body) {
  static const auto& trie =
      *new std::shared_ptr<const grammar::TokenTrie>(MakeTokenTrie(ByteTokenizer()));
  return *grammar::TokenGrammar::Create(grammar::OneRule(std::move(body)), trie);
}

// One whose texts end, one whose texts need not.
const std::vector<std::shared_ptr<const grammar::TokenGrammar>>& Grammars() {
  using grammar::Class, grammar::Choice, grammar::Repeat, grammar::Sequence;
  static const auto& all = *new std::vector<std::shared_ptr<const grammar::TokenGrammar>>{
      MakeGrammar(Sequence({Repeat(Class({{0, 11}}), 2, 9), Class({{2, 5}})})),
      MakeGrammar(Repeat(Choice(
          {Sequence({Repeat(Class({{0, 3}}), 1, 3), Class({{4, 9}})}), Class({{10, 11}})})))};
  return all;
}

GenerateRequest Greedy(std::vector<int32_t> prompt, int64_t max_tokens) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  return request;
}

TEST(EngineCore, APromptIsComputedOnceForAllItsAnswers) {
  Harness harness(Small());
  GenerateRequest request = Greedy({1, 2, 3, 4, 5, 6}, 5);
  request.sampling.temperature = 1;
  request.n = 3;
  harness.Add(request);
  harness.RunAll();
  ASSERT_EQ(harness.ends.size(), 3u);
  for (const Harness::End& end : harness.ends) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation done, end.result);
    EXPECT_EQ(done.tokens, harness.Plain(request, end.choice));
  }
  EXPECT_EQ(harness.core->stats().step_tokens, 6 + 3 * 4);
  EXPECT_OK(harness.core->CheckEmpty());
}

TEST(EngineCore, AKnownPrefixIsNotComputedAgain) {
  Harness harness(Small());
  harness.Add(Greedy({1, 2, 3, 4, 5, 6, 7, 8}, 1));
  harness.RunAll();
  EXPECT_EQ(harness.core->stats().step_tokens, 8);
  harness.Add(Greedy({1, 2, 3, 4, 5, 6, 7, 8}, 1));  // all of it: the last token for its logits
  harness.RunAll();
  EXPECT_EQ(harness.core->stats().step_tokens, 9);
  harness.Add(Greedy({1, 2, 3, 4, 9}, 1));
  harness.RunAll();
  EXPECT_EQ(harness.core->stats().step_tokens, 10);
  EXPECT_EQ(harness.core->stats().prefix_queries, 8 + 8 + 5);
  EXPECT_EQ(harness.core->stats().prefix_hits, 0 + 7 + 4);
  for (const Harness::End& end : harness.ends) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation done, end.result);
    EXPECT_EQ(done.tokens, harness.Plain(end.request, 0));
  }
}

TEST(EngineCore, AFailingStepEndsOnlyWhatWasInIt) {
  CoreOptions options = Small();
  options.scheduler.max_sequences = 1;
  Harness harness(options);
  harness.Add(Greedy({1, 2, 3}, 5));
  harness.Add(Greedy({4, 5}, 5));
  harness.machine->FailNext(absl::InternalError("a cosmic ray"));
  harness.RunAll();
  ASSERT_EQ(harness.ends.size(), 2u);
  EXPECT_THAT(harness.ends[0].result,
              StatusIs(absl::StatusCode::kInternal, HasSubstr("a cosmic ray")));
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation done, harness.ends[1].result);
  EXPECT_EQ(done.tokens, harness.Plain(harness.ends[1].request, 0));
  EXPECT_EQ(harness.core->stats().finished_error, 1);
  EXPECT_OK(harness.core->CheckEmpty());
}

TEST(EngineCore, AGrammarThatTheModelCannotWriteEndsItsRequestAlone) {
  Harness harness(Small());
  GenerateRequest bad = Greedy({1, 2}, 8), good = bad;
  bad.grammar = MakeGrammar(grammar::Sequence({grammar::Text("\1"), grammar::Text("\x20")}));
  good.grammar = MakeGrammar(grammar::Repeat(grammar::Text("\1\2"), 2, 2));
  harness.Add(bad);
  harness.Add(good);
  harness.RunAll();
  ASSERT_EQ(harness.ends.size(), 2u);
  for (const Harness::End& end : harness.ends) {
    if (end.request.grammar == bad.grammar) {
      EXPECT_THAT(end.result, StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("the grammar allows no token here")));
    } else {
      ASSERT_OK(end.result);
      EXPECT_EQ(end.result->tokens, (std::vector<int32_t>{1, 2, 1, 2}));
      EXPECT_EQ(end.result->finish, FinishReason::kStop);
    }
  }
  EXPECT_OK(harness.core->CheckEmpty());
}

TEST(EngineCore, AGrammarOfTheEmptyTextEndsAtOnce) {
  Harness harness(Small());
  GenerateRequest request = Greedy({1, 2}, 8);
  request.grammar = MakeGrammar(grammar::Empty());
  request.n = 2;
  harness.Add(request);
  harness.RunAll();
  harness.Step();
  ASSERT_EQ(harness.ends.size(), 2u);
  for (const Harness::End& end : harness.ends) {
    ASSERT_OK(end.result);
    EXPECT_TRUE(end.result->tokens.empty());
    EXPECT_EQ(end.result->finish, FinishReason::kStop);
  }
}

TEST(EngineCore, CancelledRequestsEndAsAborted) {
  Harness harness(Small());
  GenerateRequest several = Greedy({1, 2, 3}, 30);
  several.n = 2;
  const int64_t running = harness.Add(several);
  harness.Step();
  harness.Step();
  const int64_t unstarted = harness.Add(several);
  harness.core->Cancel(unstarted);
  harness.core->Cancel(running);
  harness.core->Cancel(12345);
  harness.RunAll();
  ASSERT_EQ(harness.ends.size(), 4u);
  for (const Harness::End& end : harness.ends) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation done, end.result);
    EXPECT_EQ(done.finish, FinishReason::kAborted);
  }
  EXPECT_EQ(harness.core->stats().finished_aborted, 4);
  EXPECT_OK(harness.core->CheckEmpty());
}

TEST(EngineCore, GoodGuessesSaveSteps) {
  for (auto guesses : {Harness::Guesses::kLookup, Harness::Guesses::kDraft}) {
    CoreOptions options = Small();
    options.draft_depth = options.draft_nodes = 4;
    Harness harness(options, guesses);
    harness.Add(Greedy({1, 2}, 40));
    harness.RunAll();
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation done, harness.ends.at(0).result);
    EXPECT_EQ(done.tokens, harness.Plain(harness.ends[0].request, 0));
    const EngineStats stats = harness.core->stats();
    EXPECT_GT(stats.accepted_tokens, 5);
    EXPECT_EQ(stats.steps, 40 - stats.accepted_tokens);
    EXPECT_EQ(done.accepted_tokens, stats.accepted_tokens);
    int64_t by_position = 0;
    for (int64_t count : stats.accepted_per_position) by_position += count;
    EXPECT_EQ(by_position, stats.accepted_tokens);
  }
}

// Speculation by the rejection rule loses nothing: the second and third tokens of many answers are distributed as the model
// has them. With 11 degrees of freedom Pearson's statistic is above 50 less than once in a million; the seeds are fixed.
TEST(EngineCore, TheRejectionRuleKeepsTheDistribution) {
  constexpr int kAnswers = 6000;
  CoreOptions options = Small();
  options.draft_depth = options.draft_nodes = 3;
  Harness harness(options, Harness::Guesses::kDraft, /*width=*/1, /*draws=*/true);
  GenerateRequest request = Greedy({1, 2, 3}, 3);
  request.sampling.temperature = 0.9;
  for (int i = 0; i < kAnswers; ++i) {
    request.sampling.seed = static_cast<uint64_t>(i);
    harness.Add(request);
  }
  harness.RunAll();
  std::vector<double> expected[2], counts[2];
  for (int at : {0, 1}) expected[at].assign(kVocabulary, 0), counts[at].assign(kVocabulary, 0);
  const auto after = [&](std::vector<int32_t> text) {
    return ChooseTokens(harness.machine->LogitsAfter(text), request.sampling);
  };
  const Choices first = after({1, 2, 3});
  for (int32_t a = 0; a < kVocabulary; ++a) {
    const Choices second = after({1, 2, 3, a});
    for (int32_t b = 0; b < kVocabulary; ++b) {
      const Choices third = after({1, 2, 3, a, b});
      const double p = first.weights[a] / first.total * second.weights[b] / second.total;
      expected[0][b] += p;
      for (int32_t c = 0; c < kVocabulary; ++c)
        expected[1][c] += p * third.weights[c] / third.total;
    }
  }
  ASSERT_EQ(harness.ends.size(), static_cast<size_t>(kAnswers));
  for (const Harness::End& end : harness.ends) {
    ASSERT_OK(end.result);
    for (int at : {0, 1}) ++counts[at][end.result->tokens[at + 1]];
  }
  for (int at : {0, 1}) {
    double statistic = 0;
    for (int i = 0; i < kVocabulary; ++i) {
      const double mean = kAnswers * expected[at][i];
      statistic += (counts[at][i] - mean) * (counts[at][i] - mean) / mean;
    }
    EXPECT_LT(statistic, 50) << "token " << at + 2;
  }
  const EngineStats stats = harness.core->stats();
  EXPECT_GT(stats.accepted_tokens, kAnswers / 10);
  EXPECT_LT(stats.accepted_tokens, stats.draft_tokens);
}

// Everything at once, at random.
struct Load {
  uint64_t seed;
  std::mt19937_64 random{seed};

  int64_t Draw(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  }

  CoreOptions Options() {
    CoreOptions options;
    options.scheduler.page_size = std::vector<int64_t>{1, 3, 4, 16}[random() % 4];
    options.scheduler.max_sequences = Draw(1, 5);
    options.scheduler.step_tokens = options.scheduler.max_sequences + Draw(0, 30);
    options.scheduler.chunk_tokens = Draw(1, 20);
    options.context = 40;
    options.pages = PagesFor(options.context, options.scheduler.page_size) + 2 + Draw(0, 20);
    options.prefix_cache = random() % 4 != 0;
    options.vocabulary = kVocabulary;
    return options;
  }

  GenerateRequest Request() {
    GenerateRequest request;
    const int64_t common = Draw(0, 12);  // some prompts begin alike
    for (int64_t i = 0; i < common; ++i) request.prompt.push_back(static_cast<int32_t>(i % 5));
    for (int64_t i = Draw(1, 20); i > 0; --i)
      request.prompt.push_back(static_cast<int32_t>(Draw(0, kVocabulary - 1)));
    request.max_tokens = Draw(0, 30);
    request.sampling.temperature = random() % 2 == 0 ? 0 : 0.7;
    request.sampling.seed = random();
    if (random() % 4 == 0) request.sampling.repetition_penalty = 1.3;
    if (random() % 4 == 0) request.sampling.top_k = 3;
    if (random() % 3 == 0) request.stop_tokens = {static_cast<int32_t>(Draw(0, 11))};
    if (random() % 3 == 0) request.sampling.min_tokens = Draw(0, 9);
    if (random() % 3 == 0) request.n = Draw(2, 4);
    if (random() % 3 == 0) request.grammar = Grammars()[random() % 2];
    request.priority = Draw(-1, 1);
    request.user = random() % 2 == 0 ? "a" : "b";
    request.cache_salt = random() % 5 == 0 ? "salt" : "";
    return request;
  }
};

TEST(EngineCore, RandomWorkloadsGiveThePlainAnswersAndLeakNothing) {
  int64_t preemptions = 0, hits = 0, accepted = 0, branches = 0, bound = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    Load load{seed};
    CoreOptions options = load.Options();
    const auto guesses = static_cast<Harness::Guesses>(seed % 3);
    const int64_t width = guesses == Harness::Guesses::kNone ? 1 : load.Draw(1, 3);
    if (guesses != Harness::Guesses::kNone) {
      options.draft_depth = load.Draw(1, 5);
      options.draft_nodes = options.draft_depth * width;
    }
    Harness harness(options, guesses, width);
    std::vector<int64_t> ids;
    size_t answers = 0;
    for (int64_t left = 25; left > 0 || harness.core->busy();) {
      if (left > 0 && load.Draw(0, 2) == 0) {
        const GenerateRequest request = load.Request();
        answers += static_cast<size_t>(request.n);
        const int64_t deaf_after = load.Draw(0, 9) == 0 ? load.Draw(1, 5) : 1000000;
        auto heard = std::make_shared<int64_t>(0);
        ids.push_back(harness.Add(
            request, [heard, deaf_after](const TokenEvent&) { return ++*heard < deaf_after; }));
        --left;
      }
      if (!ids.empty() && load.Draw(0, 30) == 0)
        harness.core->Cancel(
            ids[static_cast<size_t>(load.Draw(0, static_cast<int64_t>(ids.size()) - 1))]);
      harness.Step();
    }
    harness.Step();
    ASSERT_EQ(harness.ends.size(), answers);
    for (const Harness::End& end : harness.ends) {
      absl::Status error;
      const std::vector<int32_t> plain = harness.Plain(end.request, end.choice, &error);
      if (!end.result.ok()) {  // a grammar that needs the token at which the answer is to stop
        ASSERT_EQ(end.result.status(), error);
        ASSERT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
        continue;
      }
      bound += end.request.grammar != nullptr;
      const std::vector<int32_t>& tokens = end.result->tokens;
      if (end.result->finish != FinishReason::kAborted) {
        ASSERT_EQ(tokens, plain);
      } else {
        ASSERT_LE(tokens.size(), plain.size());
        ASSERT_TRUE(std::equal(tokens.begin(), tokens.end(), plain.begin()));
      }
    }
    ASSERT_OK(harness.core->CheckEmpty());
    harness.core->ClearPrefixes();
    const EngineStats stats = harness.core->stats();
    ASSERT_EQ(stats.kv_pages_idle + stats.kv_pages_used, 0);
    preemptions += stats.preemptions;
    hits += stats.prefix_hits;
    accepted += stats.accepted_tokens;
    branches += width > 1;
  }
  // The loads did reach what they are meant to test.
  EXPECT_GT(preemptions, 100);
  EXPECT_GT(hits, 1000);
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(branches, 20);
  EXPECT_GT(bound, 500);
}

}  // namespace
}  // namespace strata::inference
