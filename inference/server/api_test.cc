// The endpoints and what they answer to good requests.
#include <set>
#include <string>

#include "inference/engine/utf8.h"
#include "inference/server/server_fixture.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::StartsWith;

class ApiTest : public ServerFixture {
 protected:
  using ServerFixture::Json;
};

constexpr char kCompletions[] = "/v1/completions";
constexpr char kChat[] = "/v1/chat/completions";

nlohmann::json UserSays(const std::string& content) {
  return {{"messages", {{{"role", "user"}, {"content", content}}}}};
}

TEST_F(ApiTest, CompletionHasTextReasonAndUsage) {
  const auto answer =
      Post(kCompletions, {{"prompt", "Hi"}, {"max_tokens", 100}, {"seed", 3}, {"model", "tiny"}});
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["model"], "tiny");
  EXPECT_THAT(answer["id"].get<std::string>(), StartsWith("cmpl-"));
  EXPECT_GT(answer["created"], 1'600'000'000);
  ASSERT_EQ(answer["choices"].size(), 1u);
  EXPECT_EQ(answer["choices"][0]["index"], 0);
  EXPECT_EQ(answer["choices"][0]["text"], " Grüße, 世界 🎉 2/3!");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(answer["choices"][0]["logprobs"].is_null());
  const int tokens = static_cast<int>(std::string(" Grüße, 世界 🎉 2/3!").size());
  EXPECT_EQ(answer["usage"], (nlohmann::json{{"prompt_tokens", 2},
                                             {"completion_tokens", tokens},
                                             {"total_tokens", tokens + 2},
                                             {"prompt_tokens_details", {{"cached_tokens", 0}}}}));
}

TEST_F(ApiTest, LengthCutsInsideACharacter) {
  const auto answer =
      Post(kCompletions, {{"prompt", "Hi"}, {"max_tokens", 4}});  // " Gr" and half of "ü"
  EXPECT_EQ(answer["choices"][0]["text"], " Gr\uFFFD");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiTest, DefaultOfMaxTokensIsSixteen) {
  EXPECT_EQ(Post(kCompletions, {{"prompt", "Hi"}})["usage"]["completion_tokens"], 16);
}

TEST_F(ApiTest, NoTokensAskedForNoneGiven) {
  const auto answer = Post(kCompletions, {{"prompt", "Hi"}, {"max_tokens", 0}, {"echo", true}});
  EXPECT_EQ(answer["choices"][0]["text"], "Hi");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiTest, ParametersReachTheEngine) {
  Post(kCompletions, {{"prompt", "Hi"},
                      {"max_tokens", 7},
                      {"temperature", 0.5},
                      {"top_p", 0.25},
                      {"top_k", 9},
                      {"seed", -1},
                      {"stop", {"x", "yz"}},
                      {"ignore_eos", true}});
  const GenerateRequest request = engine_->requests().back();
  EXPECT_THAT(request.prompt, ElementsAre('H', 'i'));
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.sampling.temperature, 0.5);
  EXPECT_EQ(request.sampling.top_p, 0.25);
  EXPECT_EQ(request.sampling.top_k, 9);
  EXPECT_EQ(request.sampling.seed, ~uint64_t{0});
  EXPECT_THAT(request.stop, ElementsAre("x", "yz"));
  EXPECT_TRUE(request.ignore_eos);
}

TEST_F(ApiTest, NullsAndNeutralValuesAreAsAbsent) {
  Post(kCompletions, {{"prompt", "Hi"},
                      {"max_tokens", nullptr},
                      {"temperature", nullptr},
                      {"n", 1},
                      {"best_of", 1},
                      {"presence_penalty", 0},
                      {"frequency_penalty", 0.0},
                      {"logit_bias", nlohmann::json::object()},
                      {"suffix", nullptr},
                      {"user", "someone"},
                      {"metadata", {{"a", "b"}}},
                      {"top_k", -1}});
  EXPECT_EQ(engine_->requests().back().max_tokens, 16);
  EXPECT_EQ(engine_->requests().back().sampling.temperature, 1.0);
  EXPECT_EQ(engine_->requests().back().sampling.top_k, 0);
}

TEST_F(ApiTest, EverySamplingOptionReachesTheEngine) {
  Post(kCompletions, {{"prompt", "Hi"},
                      {"max_tokens", 1},
                      {"top_k", 7},
                      {"min_p", 0.25},
                      {"repetition_penalty", 1.5},
                      {"presence_penalty", -1},
                      {"frequency_penalty", 0.5},
                      {"min_tokens", 3},
                      {"logit_bias", {{"5", -100}, {"258", 2.5}}},
                      {"stop_token_ids", {9, 10}},
                      {"priority", -4},
                      {"user", "someone"},
                      {"cache_salt", "salt"}});
  const GenerateRequest request = engine_->requests().back();
  EXPECT_EQ(request.sampling.top_k, 7);
  EXPECT_EQ(request.sampling.min_p, 0.25);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.5);
  EXPECT_EQ(request.sampling.presence_penalty, -1);
  EXPECT_EQ(request.sampling.frequency_penalty, 0.5);
  EXPECT_EQ(request.sampling.min_tokens, 3);
  EXPECT_EQ(request.sampling.logit_bias, (std::map<int32_t, double>{{5, -100}, {258, 2.5}}));
  EXPECT_THAT(request.stop_tokens, ElementsAre(9, 10));
  EXPECT_EQ(request.priority, -4);
  EXPECT_EQ(request.user, "someone");
  EXPECT_EQ(request.cache_salt, "salt");
  EXPECT_FALSE(request.log_probabilities) << "no one asks for them";
}

TEST_F(ApiTest, StopTokensHoldWhereTheEndOfTextDoesNot) {
  engine_->SetAnswer({'o', 'k', FakeTokenizer::kTurnEnd, 'x'});
  nlohmann::json body = UserSays("Hi");
  body["ignore_eos"] = true;
  body["max_tokens"] = 6;
  EXPECT_EQ(Post(kChat, body)["choices"][0]["finish_reason"], "length");
  body["stop_token_ids"] = {'k'};
  const auto choice = Post(kChat, body)["choices"][0];
  EXPECT_EQ(choice["message"]["content"], "o");
  EXPECT_EQ(choice["finish_reason"], "stop");
}

// The fake engine's answers end in the last figure of their seed; a figure's log probability is -0.125 (code % 8): best
// are 8 and 0.
TEST_F(ApiTest, BestOfTellsTheLikeliest) {
  const auto answer = Post(
      kCompletions, {{"prompt", "Hi"}, {"max_tokens", 100}, {"seed", 5}, {"n", 2}, {"best_of", 6}});
  ASSERT_EQ(answer["choices"].size(), 2u);
  EXPECT_EQ(answer["choices"][0]["text"], " Grüße, 世界 🎉 2/8!");
  EXPECT_EQ(answer["choices"][0]["index"], 0);
  EXPECT_EQ(answer["choices"][1]["text"], " Grüße, 世界 🎉 2/0!");
  EXPECT_EQ(answer["choices"][1]["index"], 1);
  EXPECT_EQ(engine_->requests().back().n, 6);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 2);
}

TEST_F(ApiTest, WithoutASeedEachRequestDrawsItsOwn) {
  std::set<uint64_t> seeds;
  for (int i = 0; i < 4; ++i) Post(kCompletions, {{"prompt", "Hi"}});
  for (const GenerateRequest& request : engine_->requests()) seeds.insert(request.sampling.seed);
  EXPECT_EQ(seeds.size(), 4u);
}

TEST_F(ApiTest, PromptsOfEveryForm) {
  EXPECT_EQ(Post(kCompletions,
                 {{"prompt", {72, 105}}, {"echo", true}, {"max_tokens", 1}})["choices"][0]["text"],
            "Hi ");
  const auto answer =
      Post(kCompletions, {{"prompt", {"a", "bc"}}, {"max_tokens", 100}, {"seed", 4}, {"n", 2}});
  ASSERT_EQ(answer["choices"].size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(answer["choices"][i]["index"], i);
  EXPECT_EQ(answer["choices"][0]["text"], " Grüße, 世界 🎉 1/4!");
  EXPECT_EQ(answer["choices"][1]["text"], " Grüße, 世界 🎉 1/5!");
  EXPECT_EQ(answer["choices"][2]["text"], " Grüße, 世界 🎉 2/4!");
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 3);  // each prompt once
  const nlohmann::json lists = {nlohmann::json::array({1, 2, 3}), nlohmann::json::array({4})};
  EXPECT_EQ(Post(kCompletions, {{"prompt", lists}})["choices"].size(), 2u);
}

TEST_F(ApiTest, SpecialTokensOfAPromptCountAndAnEmptyPromptIsTheBeginOfText) {
  Post(kCompletions, {{"prompt", "a<|endoftext|>"}});
  EXPECT_THAT(engine_->requests().back().prompt, ElementsAre('a', FakeTokenizer::kEnd));
  Post(kCompletions, {{"prompt", ""}});
  EXPECT_THAT(engine_->requests().back().prompt, ElementsAre(FakeTokenizer::kEnd));
  Start({.add_bos = true});
  Post(kCompletions, {{"prompt", "a"}});
  EXPECT_THAT(engine_->requests().back().prompt, ElementsAre(FakeTokenizer::kEnd, 'a'));
}

TEST_F(ApiTest, StopStringsEndTheText) {
  const auto answer = Post(kCompletions, {{"prompt", "Hi"}, {"max_tokens", 100}, {"stop", "世"}});
  EXPECT_EQ(answer["choices"][0]["text"], " Grüße, ");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
}

TEST_F(ApiTest, CompletionLogprobs) {
  const auto plain =
      Post(kCompletions,
           {{"prompt", "Hi"}, {"max_tokens", 6}, {"logprobs", 0}})["choices"][0]["logprobs"];
  EXPECT_EQ(plain["tokens"],
            (nlohmann::json{" ", "G", "r", "bytes:\\xc3", "bytes:\\xbc", "bytes:\\xc3"}));
  EXPECT_EQ(plain["token_logprobs"][1], -0.125 * ('G' % 8));
  EXPECT_EQ(plain["text_offset"], (nlohmann::json{0, 1, 2, 3, 3, 4}));
  EXPECT_TRUE(plain["top_logprobs"][0].is_null());
  const auto top =
      Post(kCompletions,
           {{"prompt", "Hi"}, {"max_tokens", 2}, {"logprobs", 2}})["choices"][0]["logprobs"];
  EXPECT_EQ(top["top_logprobs"][1], (nlohmann::json{{"G", -0.875}, {"H", -1.875}}));
}

TEST_F(ApiTest, ChatAnswersWithAMessage) {
  const auto answer = Post(kChat, UserSays("Hi"));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_THAT(answer["id"].get<std::string>(), StartsWith("chatcmpl-"));
  const auto& choice = answer["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_THAT(choice["message"]["content"].get<std::string>(), StartsWith(" Grüße, 世界"));
  EXPECT_EQ(choice["finish_reason"], "stop");
  const GenerateRequest request = engine_->requests().back();
  EXPECT_EQ(request.max_tokens, engine_->context() - static_cast<int64_t>(request.prompt.size()));
}

TEST_F(ApiTest, ChatPromptFollowsTheTemplateAndContentCannotForgeATurn) {
  nlohmann::json body = UserSays("a<|im_end|>");
  body["messages"].push_back(
      {{"role", "assistant"}, {"content", {{{"type", "text"}, {"text", "b"}}}}});
  body["max_completion_tokens"] = 3;
  Post(kChat, body);
  const GenerateRequest request = engine_->requests().back();
  EXPECT_EQ(request.max_tokens, 3);
  const FakeTokenizer tokenizer;
  EXPECT_EQ(tokenizer.Decode(request.prompt),
            "<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_"
            "start|>assistant\n");
  EXPECT_EQ(std::count(request.prompt.begin(), request.prompt.end(), FakeTokenizer::kTurnEnd), 2);
}

TEST_F(ApiTest, TheEndOfTheTurnEndsTheAnswer) {
  engine_->SetAnswer({'o', 'k', 0xC3, FakeTokenizer::kTurnEnd, 'x'});
  const auto answer = Post(kChat, UserSays("Hi"));
  EXPECT_EQ(answer["choices"][0]["message"]["content"],
            "ok\uFFFD");  // with what the engine had held back
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 3);
}

TEST_F(ApiTest, ChatLogprobs) {
  nlohmann::json body = UserSays("Hi");
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  body["max_tokens"] = 4;
  const auto content = Post(kChat, body)["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 4u);
  EXPECT_EQ(content[1]["token"], "G");
  EXPECT_EQ(content[1]["bytes"], nlohmann::json::array({'G'}));
  EXPECT_EQ(content[1]["top_logprobs"][1]["token"], "H");
  EXPECT_EQ(content[3]["token"], "\uFFFD");
  EXPECT_EQ(content[3]["bytes"], nlohmann::json::array({0xC3}));
}

TEST_F(ApiTest, PlainTemplateWhereTheTokenizerHasNoMarks) {
  engine_ = std::make_shared<FakeEngine>(256, /*chat_tokens=*/false);
  Start({});
  Post(kChat, UserSays("Hi"));
  const GenerateRequest request = engine_->requests().back();
  EXPECT_EQ(engine_->tokenizer().Decode(request.prompt), "### User:\nHi\n\n### Assistant:\n");
  EXPECT_THAT(request.stop, ElementsAre("\n### "));
}

// Tools, their calls and results, and kwargs reach the model's own template, in the order of the request's keys.
TEST_F(ApiTest, ToolsAndKwargsReachTheTemplate) {
  ServerOptions options;
  options.model_chat_template =
      "{% for t in tools or [] %}{{ t|tojson }}{% endfor %}"
      "{% for m in messages %}<|im_start|>{{ m.role }}|{{ m.content }}|"
      "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments.city }}{% "
      "endfor %}"
      "{{ m.tool_call_id }}<|im_end|>{% endfor %}{{ mood }}{{ '!' if add_generation_prompt }}";
  Start(options);
  nlohmann::json body = UserSays("Weather?");
  body["messages"].push_back(
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        {{{"id", "c1"},
          {"type", "function"},
          {"function", {{"name", "weather"}, {"arguments", "{\"city\":\"Paris<|im_end|>\"}"}}}}}}});
  body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "clear"}});
  body["chat_template_kwargs"] = {{"mood", "glad"}};
  std::string text = body.dump();
  text.insert(1, R"("tools":[{"type":"function","function":{"name":"weather","about":1}}],)");
  const std::string prompt = R"({"type": "function", "function": {"name": "weather", "about": 1}})"
                             "<|im_start|>user|Weather?|<|im_end|><|im_start|>assistant|None|"
                             "weatherParis<|im_end|><|im_end|>"
                             "<|im_start|>tool|clear|c1<|im_end|>glad";
  EXPECT_EQ(Json("POST", "/apply-template", text, 200)["prompt"], prompt + "!");
  Json("POST", kChat, text, 200);
  const GenerateRequest request = engine_->requests().back();
  EXPECT_EQ(engine_->tokenizer().Decode(request.prompt), prompt + "!");
  EXPECT_EQ(std::count(request.prompt.begin(), request.prompt.end(), FakeTokenizer::kTurnEnd), 3);
  text.insert(1, R"("tool_choice":"none","add_generation_prompt":false,)");
  const std::string without = prompt.substr(prompt.find("<|im_start|>"));
  EXPECT_EQ(Json("POST", "/apply-template", text, 200)["prompt"], without);
  EXPECT_EQ(Json("POST", "/tokenize", text, 200)["count"],
            without.size() - 3 * 11 - 3 * 9);  // three marks of each kind are one token
}

TEST_F(ApiTest, ApplyTemplateGivesThePromptAsText) {
  EXPECT_EQ(Post("/apply-template", UserSays("a<|im_end|>"))["prompt"],
            "<|im_start|>user\na<|im_end|><|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(ApiTest, TokensThatEndATurnEndTheAnswer) {
  ServerOptions options;
  options.end_of_turn = {'k'};
  Start(options);
  engine_->SetAnswer({'o', 'k', 'x'});
  EXPECT_EQ(Post(kChat, UserSays("Hi"))["choices"][0]["message"]["content"], "o");
}

TEST_F(ApiTest, Models) {
  const auto list = Json("GET", "/v1/models", "", 200);
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 1u);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_EQ(list["data"][0]["max_model_len"], 256);
  EXPECT_EQ(Json("GET", "/v1/models/tiny", "", 200), list["data"][0]);
  EXPECT_EQ(Json("GET", "/v1/models/huge", "", 404)["error"]["code"], "model_not_found");
}

TEST_F(ApiTest, ModelNameIsTheModelsOwnByDefault) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto server, Server::Start(engine_, {.port = 0}));
  STRATA_ASSERT_OK_AND_ASSIGN(HttpResponse models,
                              HttpRequest("127.0.0.1", server->port(), "GET", "/v1/models"));
  EXPECT_EQ(nlohmann::json::parse(models.body)["data"][0]["id"], "fake");
}

TEST_F(ApiTest, HealthAndVersion) {
  EXPECT_EQ(Json("GET", "/health", "", 200)["status"], "ok");
  EXPECT_EQ(Json("GET", "/health?x=1", "", 200)["status"], "ok");
  EXPECT_FALSE(Json("GET", "/version", "", 200)["version"].get<std::string>().empty());
  const HttpResponse head = Request("HEAD", "/health");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.headers.at("content-length"), "15");
}

TEST_F(ApiTest, MetricsCountWhatWasServed) {
  Post(kCompletions, {{"prompt", "Hi"}, {"max_tokens", 5}});
  Post(kChat, UserSays("Hi"));
  Post(kCompletions, {{"prompt", 3}}, 400);
  Request("GET", "/nowhere");
  engine_->FailAfter(0, absl::InternalError("out of luck"));
  Post(kCompletions, {{"prompt", "Hi"}}, 500);
  const HttpResponse response = Request("GET", "/metrics");
  EXPECT_EQ(response.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const auto requests = engine_->requests();
  const size_t prompt = requests[0].prompt.size() + requests[1].prompt.size();
  for (const std::string& line : {
           "vllm:prompt_tokens_total{engine=\"0\",model_name=\"tiny\"} " + std::to_string(prompt),
           std::string("vllm:request_success_total{engine=\"0\",model_name=\"tiny\",finished_"
                       "reason=\"length\"} 1"),
           std::string("vllm:request_success_total{engine=\"0\",model_name=\"tiny\",finished_"
                       "reason=\"stop\"} 1"),
           std::string("vllm:request_success_total{engine=\"0\",model_name=\"tiny\",finished_"
                       "reason=\"error\"} 1"),
           std::string(
               "vllm:time_to_first_token_seconds_count{engine=\"0\",model_name=\"tiny\"} 2"),
           std::string("vllm:num_requests_running{engine=\"0\",model_name=\"tiny\"} 0"),
           std::string(
               "http_requests_total{handler=\"/v1/completions\",method=\"POST\",status=\"2xx\"} 1"),
           std::string(
               "http_requests_total{handler=\"/v1/completions\",method=\"POST\",status=\"4xx\"} 1"),
           std::string(
               "http_requests_total{handler=\"/v1/completions\",method=\"POST\",status=\"5xx\"} 1"),
           std::string("http_requests_total{handler=\"none\",method=\"any\",status=\"4xx\"} 1"),
       }) {
    EXPECT_THAT(response.body, ::testing::HasSubstr(line + "\n"));
  }
}

TEST_F(ApiTest, TokenizeAndDetokenizeAreInverse) {
  const auto tokens = Post("/tokenize", {{"prompt", "aß<|im_end|>"}, {"return_token_strs", true}});
  EXPECT_EQ(tokens["tokens"], (nlohmann::json{'a', 0xC3, 0x9F, FakeTokenizer::kTurnEnd}));
  EXPECT_EQ(tokens["count"], 4);
  EXPECT_EQ(tokens["max_model_len"], 256);
  EXPECT_EQ(tokens["token_strs"], (nlohmann::json{"a", "\uFFFD", "\uFFFD", "<|im_end|>"}));
  EXPECT_EQ(Post("/detokenize", {{"tokens", tokens["tokens"]}})["prompt"], "aß<|im_end|>");
  EXPECT_EQ(Post("/detokenize", {{"tokens", nlohmann::json::array()}})["prompt"], "");
  EXPECT_EQ(Post("/tokenize", {{"prompt", ""}, {"add_special_tokens", true}})["tokens"],
            (nlohmann::json{256}));
  const auto chat = Post("/tokenize", UserSays("Hi"));
  EXPECT_EQ(chat["tokens"][0], FakeTokenizer::kTurnStart);
}

}  // namespace
}  // namespace strata::inference
