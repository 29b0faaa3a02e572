#include "inference/engine/engine.h"

#include <condition_variable>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/fake_model.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Engine> MakeEngine(const std::string& compiler = "strata") {
  EngineOptions options;
  options.compiler = compiler;
  options.device.threads = 1;
  options.max_sequences = 2;
  auto engine = Engine::Create(MakeFakeModel(64, 5), std::make_shared<ByteTokenizer>(), options);
  EXPECT_OK(engine);
  return engine.ok() ? *std::move(engine) : nullptr;
}

GenerateRequest Greedy(const Engine& engine, const std::string& prompt, int64_t max_tokens) {
  GenerateRequest request;
  request.prompt = engine.tokenizer().Encode(prompt);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  return request;
}

TEST(Engine, CachedGenerationEqualsTheReferenceCompiler) {
  auto fast = MakeEngine(), slow = MakeEngine("reference");
  ASSERT_NE(fast, nullptr);
  ASSERT_NE(slow, nullptr);
  for (const std::string prompt :
       {"a", "Hello, world", "seventeen chars..", "0123456789abcdef0123456789abcdef0"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(Generation x, fast->Generate(Greedy(*fast, prompt, 12), nullptr));
    STRATA_ASSERT_OK_AND_ASSIGN(Generation y, slow->Generate(Greedy(*slow, prompt, 12), nullptr));
    EXPECT_EQ(x.tokens, y.tokens) << prompt;
    EXPECT_EQ(x.text.size(), 12u);
  }
}

TEST(Engine, ConcurrentRequestsGetTheTextTheyGetAlone) {
  auto engine = MakeEngine();
  ASSERT_NE(engine, nullptr);
  const std::vector<std::string> prompts = {"alpha", "beta beta", "gamma", "delta d", "epsilon"};
  std::vector<std::string> alone(prompts.size()), together(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    STRATA_ASSERT_OK_AND_ASSIGN(Generation done,
                                engine->Generate(Greedy(*engine, prompts[i], 20), nullptr));
    alone[i] = done.text;
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < prompts.size(); ++i) {
    threads.emplace_back([&, i] {
      auto done = engine->Generate(Greedy(*engine, prompts[i], 20), nullptr);
      if (done.ok()) together[i] = done->text;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alone, together);
  EXPECT_EQ(engine->stats().finished_length, 10);
  EXPECT_EQ(engine->stats().running, 0);
  EXPECT_EQ(engine->stats().waiting, 0);
}

TEST(Engine, StreamedPiecesMakeTheText) {
  auto engine = MakeEngine();
  ASSERT_NE(engine, nullptr);
  std::string streamed;
  auto collect = [&](const TokenEvent& event) {
    streamed += event.text;
    return true;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(Generation done,
                              engine->Generate(Greedy(*engine, "abc", 15), collect));
  EXPECT_EQ(streamed, done.text);
  EXPECT_EQ(done.finish, FinishReason::kLength);

  GenerateRequest request = Greedy(*engine, "abc", 15);
  request.stop = {done.text.substr(4, 3)};
  STRATA_ASSERT_OK_AND_ASSIGN(Generation cut, engine->Generate(request, nullptr));
  EXPECT_EQ(cut.finish, FinishReason::kStop);
  EXPECT_EQ(cut.text, done.text.substr(0, done.text.find(request.stop[0])));

  int seen = 0;
  STRATA_ASSERT_OK_AND_ASSIGN(
      Generation aborted,
      engine->Generate(Greedy(*engine, "abc", 15), [&](const TokenEvent&) { return ++seen < 3; }));
  EXPECT_EQ(aborted.finish, FinishReason::kAborted);
  EXPECT_EQ(aborted.tokens.size(), 3u);
}

TEST(Engine, StopsWhenTheContextIsFull) {
  auto engine = MakeEngine();
  ASSERT_NE(engine, nullptr);
  STRATA_ASSERT_OK_AND_ASSIGN(
      Generation done, engine->Generate(Greedy(*engine, std::string(60, 'x'), 100), nullptr));
  EXPECT_EQ(done.finish, FinishReason::kLength);
  EXPECT_EQ(done.tokens.size(), 5u);  // 4 fit the cache, and one more comes out of the last step
}

TEST(Engine, BadRequestsAreRefusedByField) {
  auto engine = MakeEngine();
  ASSERT_NE(engine, nullptr);
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(engine->Generate(Greedy(*engine, "", 4), nullptr),
              StatusIs(code, HasSubstr("prompt: is empty")));
  EXPECT_THAT(engine->Generate(Greedy(*engine, std::string(65, 'x'), 4), nullptr),
              StatusIs(code, HasSubstr("65 tokens")));
  GenerateRequest request = Greedy(*engine, "a", 4);
  request.prompt = {9999};
  EXPECT_THAT(engine->Generate(request, nullptr), StatusIs(code, HasSubstr("token id 9999")));
  request = Greedy(*engine, "a", -1);
  EXPECT_THAT(engine->Generate(request, nullptr), StatusIs(code, HasSubstr("max_tokens")));
  request = Greedy(*engine, "a", 1);
  request.sampling.top_p = 2;
  EXPECT_THAT(engine->Generate(request, nullptr), StatusIs(code, HasSubstr("top_p")));
  for (const int64_t most :
       {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    request = Greedy(*engine, "a", 1);
    request.priority = most;
    EXPECT_THAT(engine->Generate(request, nullptr), StatusIs(code, HasSubstr("priority")));
    request = Greedy(*engine, "a", 1);
    request.n = most;
    EXPECT_THAT(engine->GenerateAll(request, nullptr), StatusIs(code, HasSubstr("n: ")));
  }
}

EngineOptions Small() {
  EngineOptions options;
  options.device.threads = 1;
  options.max_sequences = 2;
  options.step_tokens = options.chunk_tokens = 8;  // few plans to compile
  return options;
}

absl::StatusOr<std::unique_ptr<Engine>> Make(const EngineOptions& options) {
  return Engine::Create(MakeFakeModel(64, 5), std::make_shared<ByteTokenizer>(), options);
}

TEST(Engine, SeveralAnswersAreThoseOfTheSeedsThatFollow) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  GenerateRequest request = Greedy(*engine, "abc", 6);
  request.sampling.temperature = 1;
  request.sampling.seed = 40;
  request.n = 3;
  std::vector<std::string> streamed(3);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<Generation> all,
                              engine->GenerateAll(request, [&](const TokenEvent& event) {
                                streamed[static_cast<size_t>(event.choice)] += event.text;
                                return true;
                              }));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(engine->Generate(request, nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("n: is 3")));
  request.n = 1;
  for (size_t i = 0; i < 3; ++i, ++request.sampling.seed) {
    EXPECT_EQ(all[i].text, streamed[i]);
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation one, engine->Generate(request, nullptr));
    EXPECT_EQ(all[i].tokens, one.tokens) << i;
  }
  EXPECT_OK(engine->CheckEmpty());
}

TEST(Engine, StopTokensEndAnAnswerButNotBeforeMinTokens) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  GenerateRequest request = Greedy(*engine, "abc", 12);
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation whole, engine->Generate(request, nullptr));
  request.stop_tokens = {whole.tokens[3]};
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation cut, engine->Generate(request, nullptr));
  EXPECT_EQ(cut.finish, FinishReason::kStop);
  ASSERT_LE(cut.tokens.size(), 3u);
  EXPECT_EQ(cut.text, whole.text.substr(0, cut.tokens.size()));
  request.sampling.min_tokens = 8;
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation late, engine->Generate(request, nullptr));
  EXPECT_GE(late.tokens.size(), 8u);
}

TEST(Engine, LogProbabilitiesAreLeftOutWhenNobodyWantsThem) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  GenerateRequest request = Greedy(*engine, "abc", 3);
  for (bool wanted : {true, false}) {
    request.log_probabilities = wanted;
    STRATA_ASSERT_OK_AND_ASSIGN(Generation done,
                                engine->Generate(request, [&](const TokenEvent& event) {
                                  EXPECT_EQ(event.log_probability != 0, wanted);
                                  return true;
                                }));
  }
}

// Ends that are told in the engine's thread.
struct Ends {
  void Add(const absl::StatusOr<Generation>& result) {
    std::lock_guard<std::mutex> lock(mutex);
    results.push_back(result);
    changed.notify_all();
  }
  void Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return results.size() >= count; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<absl::StatusOr<Generation>> results;
};

TEST(Engine, SubmittedRequestsCanBeCancelled) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  Ends ends;
  const auto on_done = [&](int64_t, const absl::StatusOr<Generation>& result) { ends.Add(result); };
  std::vector<int64_t> ids;
  for (int i = 0; i < 5; ++i) {  // more than run at once
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t id,
                                engine->Submit(Greedy(*engine, "abc", 50), nullptr, on_done));
    ids.push_back(id);
  }
  for (int64_t id : ids) engine->Cancel(id);
  engine->Cancel(999);
  ends.Await(5);
  for (const auto& result : ends.results) EXPECT_OK(result);  // aborted, or done before
  EXPECT_EQ(engine->stats().running + engine->stats().waiting, 0);
  EXPECT_OK(engine->CheckEmpty());
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation after,
                              engine->Generate(Greedy(*engine, "abc", 4), nullptr));
  EXPECT_EQ(after.tokens.size(), 4u);
}

// One of those that wait behind another, which holds the engine until all are there.
TEST(Engine, CancelEndsThatRequestAlone) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  ASSERT_OK(engine->Generate(Greedy(*engine, "abc", 4), nullptr).status());
  Ends ends;
  std::promise<void> all_there;
  std::shared_future<void> wait = all_there.get_future().share();
  std::vector<int64_t> ids;
  std::vector<FinishReason> how(4, FinishReason::kStop);
  for (size_t i = 0; i < how.size(); ++i) {
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t id,
                                engine->Submit(
                                    Greedy(*engine, "abc", 20),
                                    [&](const TokenEvent&) {
                                      wait.wait();
                                      return true;
                                    },
                                    [&, i](int64_t, const absl::StatusOr<Generation>& result) {
                                      if (result.ok()) how[i] = result->finish;
                                      ends.Add(result);
                                    }));
    ids.push_back(id);
  }
  engine->Cancel(ids[2]);
  all_there.set_value();
  ends.Await(4);
  EXPECT_EQ(how, std::vector<FinishReason>({FinishReason::kLength, FinishReason::kLength,
                                            FinishReason::kAborted, FinishReason::kLength}));
}

// A listener that has enough ends all answers of its request, and each is told once.
TEST(Engine, AListenerEndsAllAnswersOfItsRequest) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
  Ends ends;
  GenerateRequest request = Greedy(*engine, "abc", 50);
  request.n = 3;
  int heard = 0;
  ASSERT_OK(engine->Submit(
      request, [&](const TokenEvent&) { return ++heard < 4; },
      [&](int64_t, const absl::StatusOr<Generation>& result) { ends.Add(result); }));
  ends.Await(3);
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation after,
                              engine->Generate(Greedy(*engine, "abc", 4), nullptr));
  EXPECT_EQ(after.tokens.size(), 4u);
  ASSERT_EQ(ends.results.size(), 3u);
  for (const auto& result : ends.results) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation ended, result);
    EXPECT_EQ(ended.finish, FinishReason::kAborted);
    EXPECT_LT(ended.tokens.size(), 50u);
  }
  EXPECT_OK(engine->CheckEmpty());
}

TEST(Engine, WhatStillRunsEndsWithTheEngine) {
  Ends ends;
  {
    STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(Small()));
    ASSERT_OK(engine->Submit(
        Greedy(*engine, "abc", 50), nullptr,
        [&](int64_t, const absl::StatusOr<Generation>& result) { ends.Add(result); }));
  }
  ASSERT_EQ(ends.results.size(), 1u);
  EXPECT_OK(ends.results[0]);
}

TEST(Engine, SpeculationGivesTheSameText) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto plain, Make(Small()));
  STRATA_ASSERT_OK_AND_ASSIGN(const Generation expected,
                              plain->Generate(Greedy(*plain, "abcabcab", 30), nullptr));
  using Kind = SpeculationOptions::Kind;
  using Rule = SpeculationOptions::Rule;
  const auto draft = MakeFakeModel(64, 5);
  for (const SpeculationOptions& speculation :
       {SpeculationOptions{.kind = Kind::kPromptLookup, .tokens = 3, .width = 2},
        SpeculationOptions{.kind = Kind::kDraftModel, .tokens = 3, .draft = draft},
        SpeculationOptions{
            .kind = Kind::kDraftModel, .tokens = 3, .draft = draft, .rule = Rule::kRejection}}) {
    EngineOptions options = Small();
    options.speculation = speculation;
    STRATA_ASSERT_OK_AND_ASSIGN(auto engine, Make(options));
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation done,
                                engine->Generate(Greedy(*engine, "abcabcab", 30), nullptr));
    EXPECT_EQ(done.tokens, expected.tokens);
    EXPECT_GT(engine->stats().draft_tokens, 0);
    if (speculation.draft != nullptr) {
      EXPECT_EQ(done.accepted_tokens, done.draft_tokens);  // the model itself
    }
    EXPECT_OK(engine->CheckEmpty());
  }
}

TEST(Engine, PlansMadeInIdleTimesChangeNothing) {
  EngineOptions options = Small();
  options.prepare = true;
  STRATA_ASSERT_OK_AND_ASSIGN(auto prepared, Make(options));
  STRATA_ASSERT_OK_AND_ASSIGN(auto plain, Make(Small()));
  for (const std::string prompt : {"a", "Hello, world"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation x,
                                prepared->Generate(Greedy(*prepared, prompt, 9), nullptr));
    STRATA_ASSERT_OK_AND_ASSIGN(const Generation y,
                                plain->Generate(Greedy(*plain, prompt, 9), nullptr));
    EXPECT_EQ(x.tokens, y.tokens);
  }
}

TEST(Engine, BadOptionsAreRefusedByName) {
  const auto refused = [](const std::function<void(EngineOptions*)>& spoil, const char* what) {
    EngineOptions options;
    spoil(&options);
    EXPECT_THAT(Make(options), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  using Kind = SpeculationOptions::Kind;
  refused([](auto* o) { o->max_sequences = 0; }, "max_sequences: 0");
  refused([](auto* o) { o->max_sequences = 600; }, "max_sequences: 600");
  refused([](auto* o) { o->max_sequences = INT64_MAX; }, "is outside [1, 512]");
  refused([](auto* o) { o->context = 65; }, "context: 65 is outside [1, 64]");
  refused([](auto* o) { o->page_size = 257; }, "page_size: 257");
  refused([](auto* o) { o->pages = 3; }, "pages: 3 of 16 slots cannot hold a context of 64 tokens");
  refused([](auto* o) { o->step_tokens = 513; }, "step_tokens: 513");
  refused([](auto* o) { o->chunk_tokens = 0; }, "chunk_tokens: 0");
  refused([](auto* o) { o->speculation.kind = Kind::kDraftModel; }, "speculation.draft");
  refused([](auto* o) { o->speculation.kind = Kind::kPromptLookup, o->speculation.tokens = 0; },
          "speculation.tokens: 0");
}

}  // namespace
}  // namespace strata::inference
