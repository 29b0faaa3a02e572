// The real engine behind the server: what is served is what the engine says offline.
#include <algorithm>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/engine.h"
#include "inference/engine/fake_model.h"
#include "inference/server/client.h"
#include "inference/server/server.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

class ServerEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EngineOptions options;
    options.max_sequences = 2;
    auto engine = Engine::Create(MakeFakeModel(/*max_context=*/96, /*seed=*/5),
                                 std::make_shared<ByteTokenizer>(), options);
    ASSERT_THAT(engine, IsOk());
    engine_ = *std::move(engine);
    auto server = Server::Start(engine_, {.port = 0});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  std::string Offline(const std::string& prompt, const GenerateRequest& parameters) {
    GenerateRequest request = parameters;
    request.prompt = engine_->tokenizer().Encode(prompt);
    const auto generation = engine_->Generate(request, {});
    EXPECT_THAT(generation, IsOk());
    return generation.ok() ? generation->text : "";
  }

  std::string Served(nlohmann::json body) {
    const auto response =
        HttpRequest("127.0.0.1", server_->port(), "POST", "/v1/completions", body.dump());
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return "";
    EXPECT_EQ(response->status, 200) << response->body;
    return nlohmann::json::parse(response->body)["choices"][0]["text"];
  }

  std::string Streamed(nlohmann::json body) {
    body["stream"] = true;
    std::string text;
    const auto response = PostSse(
        "127.0.0.1", server_->port(), "/v1/completions", body.dump(), [&](absl::string_view data) {
          if (data == "[DONE]") return true;
          text +=
              nlohmann::json::parse(data.data(), data.data() + data.size())["choices"][0]["text"];
          return true;
        });
    EXPECT_THAT(response, IsOk());
    return text;
  }

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerEngineTest, AnswersHaveTheFormThatWasAskedFor) {
  nlohmann::json body = {{"prompt", "The answer is "}, {"max_tokens", 60}, {"seed", 3}};
  for (double temperature : {0.0, 1.0}) {
    body["temperature"] = temperature;
    body["structured_outputs"] = {{"choice", {"yes", "no, never", "é"}}};
    const std::string choice = Served(body);
    EXPECT_TRUE(choice == "yes" || choice == "no, never" || choice == "é") << choice;
    EXPECT_EQ(Streamed(body), choice);
    body["structured_outputs"] = {{"regex", "[a-c]{3}-\\d{2,4}"}};
    const std::string matched = Served(body);
    EXPECT_TRUE(std::regex_match(matched, std::regex("[a-c]{3}-\\d{2,4}"))) << matched;
    body["structured_outputs"] = {{"grammar", "root ::= \"(\" root? \")\""}};
    const std::string nest = Served(body);
    EXPECT_EQ(std::count(nest.begin(), nest.end(), '('), std::count(nest.begin(), nest.end(), ')'));
    EXPECT_EQ(nest.rfind('('), nest.find(')') - 1) << nest;
    body.erase("structured_outputs");
    body["response_format"] = {{"type", "json_object"}};
    body["logit_bias"] = {{"34", 60}, {"125", 50}};  // " and }, so that it ends
    const std::string object = Served(body);
    EXPECT_TRUE(nlohmann::json::parse(object, nullptr, false).is_object()) << object;
    // Properties in the order of the schema, not of the alphabet.
    body["response_format"] =
        nlohmann::json::parse(R"({"type":"json_schema","json_schema":{"name":"x",
        "schema":{"type":"object","properties":{"z":{"type":"integer","minimum":10,"maximum":19},
                  "a":{"enum":["u","v"]}},"required":["z","a"]}}})");
    std::string text = body.dump();
    const size_t a = text.find("\"a\":{"), z = text.find("\"z\":{");
    ASSERT_LT(a, z);  // as the library orders them
    text = text.substr(0, a) +
           R"("z":{"type":"integer","minimum":10,"maximum":19},"a":{"enum":["u","v"]}},)" +
           text.substr(text.find("\"required\""));
    const auto response =
        HttpRequest("127.0.0.1", server_->port(), "POST", "/v1/completions", text);
    ASSERT_THAT(response, IsOk());
    ASSERT_EQ(response->status, 200) << response->body;
    const std::string person = nlohmann::json::parse(response->body)["choices"][0]["text"];
    EXPECT_TRUE(std::regex_match(
        person, std::regex("\\{\\s*\"z\":\\s*1\\d\\s*,\\s*\"a\":\\s*\"[uv]\"\\s*\\}")))
        << person;
    body.erase("response_format");
    body.erase("logit_bias");
  }
}

TEST_F(ServerEngineTest, ServedTextIsOfflineText) {
  GenerateRequest greedy{
      .prompt = {}, .max_tokens = 24, .sampling = {.temperature = 0}, .stop = {}};
  GenerateRequest sampled{.prompt = {},
                          .max_tokens = 24,
                          .sampling = {.temperature = 1, .top_p = 0.9, .seed = 42},
                          .stop = {}};
  for (const std::string prompt :
       {"a", "Hello, world", "The quick brown fox jumps over the lazy dog"}) {
    const nlohmann::json cold = {{"prompt", prompt}, {"max_tokens", 24}, {"temperature", 0}};
    const nlohmann::json warm = {
        {"prompt", prompt}, {"max_tokens", 24}, {"temperature", 1}, {"top_p", 0.9}, {"seed", 42}};
    const std::string text = Offline(prompt, greedy);
    EXPECT_EQ(text.size(), 24u);
    EXPECT_EQ(Served(cold), text);
    EXPECT_EQ(Streamed(cold), text);
    EXPECT_EQ(Served(warm), Offline(prompt, sampled));
    EXPECT_EQ(Streamed(warm), Served(warm));
    const std::string stop = text.substr(10, 2);
    nlohmann::json stopped = cold;
    stopped["stop"] = stop;
    EXPECT_EQ(Served(stopped), text.substr(0, text.find(stop)));
    EXPECT_EQ(Streamed(stopped), text.substr(0, text.find(stop)));
  }
}

TEST_F(ServerEngineTest, GreedyTextDoesNotDependOnWhoElseIsServed) {
  const nlohmann::json body = {{"prompt", "Hello"}, {"max_tokens", 20}, {"temperature", 0}};
  const std::string alone = Served(body);
  std::vector<std::string> texts(6);
  std::vector<std::thread> clients;
  for (size_t i = 0; i < texts.size(); ++i) {
    clients.emplace_back([&, i] { texts[i] = i % 2 == 0 ? Served(body) : Streamed(body); });
  }
  for (std::thread& client : clients) client.join();
  for (const std::string& text : texts) EXPECT_EQ(text, alone);
}

TEST_F(ServerEngineTest, ChatAnswersAndTheContextIsTheLimit) {
  const nlohmann::json body = {{"messages", {{{"role", "user"}, {"content", "Hi"}}}},
                               {"temperature", 0}};
  STRATA_ASSERT_OK_AND_ASSIGN(
      const HttpResponse response,
      HttpRequest("127.0.0.1", server_->port(), "POST", "/v1/chat/completions", body.dump()));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto answer = nlohmann::json::parse(response.body);
  EXPECT_FALSE(answer["choices"][0]["message"]["content"].get<std::string>().empty());
  EXPECT_LE(answer["usage"]["total_tokens"], 97);
}

TEST_F(ServerEngineTest, LikeliestTokenOfAGreedyAnswerIsTheChosenOne) {
  const nlohmann::json body = {
      {"prompt", "Hello"}, {"max_tokens", 5}, {"temperature", 0}, {"logprobs", 3}};
  STRATA_ASSERT_OK_AND_ASSIGN(
      const HttpResponse response,
      HttpRequest("127.0.0.1", server_->port(), "POST", "/v1/completions", body.dump()));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto logprobs = nlohmann::json::parse(response.body)["choices"][0]["logprobs"];
  for (int i = 0; i < 5; ++i) {
    const std::string token = logprobs["tokens"][i];
    ASSERT_EQ(logprobs["top_logprobs"][i].size(), 3u);
    EXPECT_EQ(logprobs["top_logprobs"][i][token], logprobs["token_logprobs"][i]);
    for (const auto& [name, value] : logprobs["top_logprobs"][i].items()) {
      EXPECT_LE(value, logprobs["token_logprobs"][i]);
    }
  }
}

}  // namespace
}  // namespace strata::inference
