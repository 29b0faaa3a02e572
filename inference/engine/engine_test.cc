#include "inference/engine/engine.h"

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
}

}  // namespace
}  // namespace strata::inference
