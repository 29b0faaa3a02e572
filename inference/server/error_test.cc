// What bad requests get: always an error object that names the fault, never a crash.
#include <random>
#include <string>

#include "inference/server/raw_connection.h"
#include "inference/server/server_fixture.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ErrorTest : public ServerFixture {
 protected:
  // The answer to raw bytes, after which nothing more is sent.
  std::string Raw(absl::string_view bytes) {
    auto connection = RawConnection::Open(server_->port());
    EXPECT_THAT(connection, IsOk());
    if (!connection.ok()) return "";
    connection->Send(bytes);
    connection->CloseSending();
    return connection->ReadAll();
  }
  void ExpectHealthy() { EXPECT_EQ(Json("GET", "/health", "", 200)["status"], "ok"); }
};

constexpr char kCompletions[] = "/v1/completions";
constexpr char kChat[] = "/v1/chat/completions";

struct BadRequest {
  const char* target;
  const char* body;
  int status;
  const char* param;  // nullptr: JSON's null
  const char* code;
  const char* message;  // a part of it
};

const BadRequest kBadRequests[] = {
    // Not JSON, or not an object.
    {kCompletions, "", 400, nullptr, "invalid_json", "not valid JSON"},
    {kCompletions, "{\"prompt\":", 400, nullptr, "invalid_json", "not valid JSON"},
    {kCompletions, "{\"prompt\":\"\xff\"}", 400, nullptr, "invalid_json", "UTF-8"},
    {kCompletions, "[1]", 400, nullptr, "invalid_json", "must be a JSON object, not array"},
    {kChat, "nonsense", 400, nullptr, "invalid_json", "not valid JSON"},
    // The common parameters.
    {kCompletions, "{}", 400, "prompt", "missing_required_parameter", "prompt: is missing"},
    {kCompletions, R"({"prompt":null})", 400, "prompt", "missing_required_parameter", "is missing"},
    {kCompletions, R"({"prompt":"a","model":"gpt-9"})", 404, "model", "model_not_found",
     "this server has \"tiny\""},
    {kCompletions, R"({"prompt":"a","model":3})", 400, "model", "invalid_type",
     "must be a string, not number"},
    {kCompletions, R"({"prompt":"a","temperature":"hot"})", 400, "temperature", "invalid_type",
     "must be a number"},
    {kCompletions, R"({"prompt":"a","temperature":2.5})", 400, "temperature", "invalid_value",
     "outside [0, 2]"},
    {kCompletions, R"({"prompt":"a","temperature":-0.1})", 400, "temperature", "invalid_value",
     "outside [0, 2]"},
    {kCompletions, R"({"prompt":"a","top_p":0})", 400, "top_p", "invalid_value", "outside (0, 1]"},
    {kCompletions, R"({"prompt":"a","top_k":-2})", 400, "top_k", "invalid_value", "outside"},
    {kCompletions, R"({"prompt":"a","max_tokens":-1})", 400, "max_tokens", "invalid_value",
     "outside"},
    {kCompletions, R"({"prompt":"a","max_tokens":1.5})", 400, "max_tokens", "invalid_type",
     "must be an integer"},
    {kCompletions, R"({"prompt":"a","max_tokens":18446744073709551615})", 400, "max_tokens",
     "invalid_value", "18446744073709551615 is outside"},
    {kCompletions, R"({"prompt":"a","seed":9223372036854775808})", 400, "seed", "invalid_value",
     "outside"},
    {kCompletions, R"({"prompt":"a","n":0})", 400, "n", "invalid_value", "outside [1, 128]"},
    {kCompletions, R"({"prompt":["a","b"],"n":65})", 400, "n", "invalid_value",
     "is 130; at most 128"},
    {kCompletions, R"({"prompt":"a","stop":3})", 400, "stop", "invalid_type",
     "a string or a list of strings"},
    {kCompletions, R"({"prompt":"a","stop":[""]})", 400, "stop", "invalid_value", "empty string"},
    {kCompletions,
     R"({"prompt":"a","stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"]})",
     400, "stop", "invalid_value", "at most 16"},
    {kCompletions, R"({"prompt":"a","stream":"yes"})", 400, "stream", "invalid_type",
     "must be a boolean"},
    {kCompletions, R"({"prompt":"a","stream_options":{"include_usage":true}})", 400,
     "stream_options", "invalid_value", "only allowed when stream is true"},
    {kCompletions, R"({"prompt":"a","stream":true,"stream_options":{"x":1}})", 400,
     "stream_options.x", "unknown_parameter", "not a parameter"},
    // Not supported, not known.
    {kCompletions, R"({"prompt":"a","prompt_logprobs":1})", 400, "prompt_logprobs",
     "unsupported_parameter", "leave it out or give 0"},
    {kCompletions, R"({"prompt":"a","structured_outputs":7})", 400, "structured_outputs",
     "invalid_type", "must be an object"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"regex":"a(b"}})", 400,
     "structured_outputs.regex", "invalid_value", "line 1, column 4: expected )"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"regex":"a","choice":["a"]}})", 400,
     "structured_outputs.choice", "invalid_value", "cannot be given with regex"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"choice":[]}})", 400,
     "structured_outputs.choice", "invalid_value", "is empty"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"choice":[7]}})", 400,
     "structured_outputs.choice", "invalid_value", "must be a list of strings, not number"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"grammar":"root ::= a"}})", 400,
     "structured_outputs.grammar", "invalid_value", "there is no rule a"},
    {kCompletions,
     R"({"prompt":"a","structured_outputs":{"grammar":"root ::= root \"a\" | \"b\""}})", 400,
     "structured_outputs.grammar", "invalid_value", "is left recursive (root -> root)"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"json":{"not":{}}}})", 400,
     "structured_outputs.json", "invalid_value", "#/not: this keyword is not supported"},
    {kCompletions, R"({"prompt":"a","guided_json":"{"})", 400, "guided_json", "invalid_value",
     "not valid JSON"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"color":1}})", 400,
     "structured_outputs.color", "unknown_parameter", ""},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"json_object":"no"}})", 400,
     "structured_outputs.json_object", "invalid_value", "must be true or false, not string"},
    {kCompletions, R"({"prompt":"a","structured_outputs":{"regex":false}})", 400,
     "structured_outputs.regex", "invalid_value", "must be a string, not boolean"},
    {kCompletions, R"({"prompt":"a","guided_regex":"(?=a)b"})", 400, "guided_regex",
     "invalid_value", "look-around"},
    {kCompletions, R"({"prompt":"a","response_format":{"type":"json_object"},"guided_regex":"a"})",
     400, "guided_regex", "invalid_value", "cannot be given with response_format"},
    {kCompletions, R"({"prompt":"a","presence_penalty":2.5})", 400, "presence_penalty",
     "invalid_value", "outside [-2, 2]"},
    {kCompletions, R"({"prompt":"a","frequency_penalty":-3})", 400, "frequency_penalty",
     "invalid_value", "outside [-2, 2]"},
    {kCompletions, R"({"prompt":"a","repetition_penalty":0})", 400, "repetition_penalty",
     "invalid_value", "outside (0, 1000]"},
    {kCompletions, R"({"prompt":"a","min_p":1.5})", 400, "min_p", "invalid_value",
     "outside [0, 1]"},
    {kCompletions, R"({"prompt":"a","min_tokens":-1})", 400, "min_tokens", "invalid_value",
     "outside"},
    {kCompletions, R"({"prompt":"a","logit_bias":[1]})", 400, "logit_bias", "invalid_type",
     "from token ids to numbers"},
    {kCompletions, R"({"prompt":"a","logit_bias":{"259":1}})", 400, "logit_bias.259",
     "invalid_value", "no token id in [0, 259)"},
    {kCompletions, R"({"prompt":"a","logit_bias":{"x":1}})", 400, "logit_bias.x", "invalid_value",
     "no token id"},
    {kCompletions, R"({"prompt":"a","logit_bias":{"5":"y"}})", 400, "logit_bias.5", "invalid_type",
     "must be a number"},
    {kCompletions, R"({"prompt":"a","logit_bias":{"5":101}})", 400, "logit_bias.5", "invalid_value",
     "outside [-100, 100]"},
    {kCompletions, R"({"prompt":"a","stop_token_ids":3})", 400, "stop_token_ids", "invalid_type",
     "a list of token ids"},
    {kCompletions, R"({"prompt":"a","stop_token_ids":[5,259]})", 400, "stop_token_ids",
     "invalid_value", "259 is no token id"},
    {kCompletions, R"({"prompt":"a","priority":9999999})", 400, "priority", "invalid_value",
     "outside"},
    {kCompletions, R"({"prompt":"a","user":5})", 400, "user", "invalid_type", "must be a string"},
    {kCompletions, R"({"prompt":"a","n":3,"best_of":2})", 400, "best_of", "invalid_value",
     "2 is below n, which is 3"},
    {kCompletions, R"({"prompt":"a","best_of":2,"stream":true})", 400, "best_of", "invalid_value",
     "in a stream"},
    {kCompletions, R"({"prompt":["a","b"],"best_of":65})", 400, "n", "invalid_value",
     "is 130; at most 128"},
    {kCompletions, R"({"prompt":"a","echo":true,"logprobs":1})", 400, "echo",
     "unsupported_parameter", "logprobs"},
    {kCompletions, R"({"prompt":"a","tempratur":1})", 400, "tempratur", "unknown_parameter",
     "not a parameter"},
    {kCompletions, R"({"prompt":"a","messages":[]})", 400, "messages", "unknown_parameter",
     "not a parameter"},
    // Prompts.
    {kCompletions, R"({"prompt":3})", 400, "prompt", "invalid_type", "not number"},
    {kCompletions, R"({"prompt":[]})", 400, "prompt", "invalid_value", "empty list"},
    {kCompletions, R"({"prompt":["a",[]]})", 400, "prompt", "invalid_type", "not an empty list"},
    {kCompletions, R"({"prompt":["a",{}]})", 400, "prompt", "invalid_type", "not object"},
    {kCompletions, R"({"prompt":[1,"a"]})", 400, "prompt", "invalid_type",
     "token id must be an integer"},
    {kCompletions, R"({"prompt":[1,2.5]})", 400, "prompt", "invalid_type",
     "token id must be an integer"},
    {kCompletions, R"({"prompt":[1,259]})", 400, "prompt", "invalid_value",
     "token id 259 is outside [0, 259)"},
    {kCompletions, R"({"prompt":[-1]})", 400, "prompt", "invalid_value", "outside"},
    {kCompletions, R"({"prompt":["a",[99999999999999]]})", 400, "prompt[1]", "invalid_value",
     "outside"},
    {kCompletions, R"({"prompt":"a","logprobs":21})", 400, "logprobs", "invalid_value",
     "outside [0, 20]"},
    // Chat.
    {kChat, "{}", 400, "messages", "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":"Hi"})", 400, "messages", "invalid_type", "must be a list, not string"},
    {kChat, R"({"messages":[]})", 400, "messages", "invalid_value", "is empty"},
    {kChat, R"({"messages":["Hi"]})", 400, "messages[0]", "invalid_type",
     "must be an object, not string"},
    {kChat, R"({"messages":[{"content":"Hi"}]})", 400, "messages[0].role",
     "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"user"}]})", 400, "messages[0].content",
     "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"king","content":"Hi"}]})", 400, "messages[0].role",
     "invalid_value", "\"king\""},
    {kChat, R"({"messages":[{"role":"function","content":"Hi"}]})", 400, "messages[0].role",
     "unsupported_parameter", "use tools and the role tool"},
    {kChat, R"({"messages":[{"role":"user","content":"a","tool_calls":[{}]}]})", 400,
     "messages[0].tool_calls", "unsupported_parameter", "is not supported"},
    {kChat, R"({"messages":[{"role":"assistant","tool_calls":7}]})", 400, "messages[0].tool_calls",
     "invalid_type", "must be a list, not number"},
    {kChat, R"({"messages":[{"role":"assistant","tool_calls":[{"function":{}}]}]})", 400,
     "messages[0].tool_calls[0].function.name", "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"assistant","content":null}]})", 400, "messages[0].content",
     "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"chat_template_kwargs":7})", 400,
     "chat_template_kwargs", "invalid_type", "must be an object, not number"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"chat_template_kwargs":{"tools":1}})",
     400, "chat_template_kwargs.tools", "invalid_value", "is given by the server"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tool_choice":"required"})", 400,
     "tool_choice", "invalid_value", "has no tools"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tools":{}})", 400, "tools",
     "invalid_type", "must be a list, not object"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tools":["a"]})", 400, "tools[0]",
     "invalid_type", "must be an object, not string"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"web"}]})", 400,
     "tools[0].type", "unsupported_parameter", "only functions are"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tools":[{"function":{"name":"f"}}]})",
     400, "messages", "invalid_value",
     "chat template, line 1, column 34: the template chatml has no tools"},
    {"/apply-template", R"({"messages":[{"role":"user","content":"Hi"}],"n":1})", 400, "n",
     "unknown_parameter", ""},
    {kChat, R"({"messages":[{"role":"user","content":7}]})", 400, "messages[0].content",
     "invalid_type", "not number"},
    {kChat, R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})", 400,
     "messages[0].content[0].type", "unsupported_parameter", "only text parts"},
    {kChat, R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})", 400,
     "messages[0].content[0].text", "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"user","content":["Hi"]}]})", 400,
     "messages[0].content[0].type", "unsupported_parameter", "only text parts"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi","mood":1}]})", 400, "messages[0].mood",
     "unknown_parameter", "not a parameter"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function"}]})", 400,
     "tools[0].function", "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"xml"}})",
     400, "response_format.type", "unsupported_parameter", "is not supported"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"response_format":{}})", 400,
     "response_format.type", "missing_required_parameter", "is missing"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"tool_choice":7})", 400, "tool_choice",
     "invalid_value", "none of none, auto, required"},
    {kChat,
     R"({"messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema"}})",
     400, "response_format.json_schema", "missing_required_parameter", "is missing"},
    {kChat,
     R"({"messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"properties":{"a":{"uniqueItems":true}}}}}})",
     400, "response_format.json_schema.schema", "invalid_value",
     "#/properties/a/uniqueItems: is not supported"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"parallel_tool_calls":1})", 400,
     "parallel_tool_calls", "invalid_type", "must be a boolean"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"top_logprobs":2})", 400,
     "top_logprobs", "invalid_value", "only allowed when logprobs is true"},
    {kChat, R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":0})", 400, "max_tokens",
     "invalid_value", "outside"},
    // The small ones.
    {"/tokenize", "{}", 400, "prompt", "missing_required_parameter", "is missing"},
    {"/tokenize", R"({"prompt":[1]})", 400, "prompt", "invalid_type", "must be a string"},
    {"/tokenize", R"({"prompt":"a","model":"b"})", 404, "model", "model_not_found",
     "does not exist"},
    {"/detokenize", "{}", 400, "tokens", "missing_required_parameter", "is missing"},
    {"/detokenize", R"({"tokens":"a"})", 400, "tokens", "invalid_type", "must be a list"},
    {"/detokenize", R"({"tokens":[0,"a"]})", 400, "tokens[1]", "invalid_type",
     "must be an integer"},
    {"/detokenize", R"({"tokens":[259]})", 400, "tokens[0]", "invalid_value",
     "259 is outside [0, 259)"},
    {"/detokenize", R"({"tokens":[-1]})", 400, "tokens[0]", "invalid_value", "-1 is outside"},
};

TEST_F(ErrorTest, EachFaultIsNamed) {
  for (const BadRequest& bad : kBadRequests) {
    SCOPED_TRACE(std::string(bad.target) + " " + bad.body);
    const auto answer = Json("POST", bad.target, bad.body, bad.status);
    ASSERT_TRUE(answer.contains("error")) << answer;
    const auto& error = answer["error"];
    EXPECT_EQ(error["type"], "invalid_request_error");
    EXPECT_EQ(error["param"], bad.param == nullptr ? nlohmann::json() : nlohmann::json(bad.param));
    EXPECT_EQ(error["code"], bad.code);
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(bad.message));
  }
  EXPECT_TRUE(engine_->requests().empty());  // none of them reached the engine
}

TEST_F(ErrorTest, PromptLongerThanTheContext) {
  EXPECT_EQ(Post(kCompletions, {{"prompt", std::string(256, 'a')},
                                {"max_tokens", 5}})["usage"]["completion_tokens"],
            1);
  const auto error = Post(kCompletions, {{"prompt", std::string(257, 'a')}}, 400)["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["param"], "prompt");
  EXPECT_THAT(error["message"].get<std::string>(),
              HasSubstr("has 257 tokens, but the model's context holds 256"));
  const nlohmann::json chat = {
      {"messages", {{{"role", "user"}, {"content", std::string(300, 'a')}}}}};
  EXPECT_EQ(Post(kChat, chat, 400)["error"]["param"], "messages");
}

TEST_F(ErrorTest, EngineFailuresAreServerErrors) {
  engine_->FailAfter(1, absl::InternalError("out of luck"));
  const auto error = Post(kCompletions, {{"prompt", "a"}}, 500)["error"];
  EXPECT_EQ(error["type"], "server_error");
  EXPECT_EQ(error["message"], "out of luck");
}

TEST_F(ErrorTest, UnknownPathsAndMethods) {
  EXPECT_EQ(Json("GET", "/", "", 404)["error"]["code"], "unknown_url");
  EXPECT_EQ(Json("POST", "/v1/embeddings", "{}", 404)["error"]["message"],
            "there is no /v1/embeddings here");
  EXPECT_EQ(Json("GET", "/v1/models/", "", 404)["error"]["type"], "invalid_request_error");
  const auto error = Json("GET", kCompletions, "", 405)["error"];
  EXPECT_EQ(error["code"], "method_not_allowed");
  EXPECT_EQ(error["message"], "/v1/completions takes POST, not GET");
  EXPECT_EQ(Request("PUT", kChat, "{}").headers.at("allow"), "POST");
  EXPECT_EQ(Request("POST", "/metrics", "{}").headers.at("allow"), "GET");
  EXPECT_EQ(Request("BREW", "/health").status, 405);
}

TEST_F(ErrorTest, BodyTooLarge) {
  Start({.max_body_bytes = 1000});
  Post("/tokenize", {{"prompt", std::string(900, 'a')}});
  const auto error = Post("/tokenize", {{"prompt", std::string(1000, 'a')}}, 413)["error"];
  EXPECT_EQ(error["code"], "body_too_large");
  EXPECT_EQ(error["message"], "the request body is larger than 1000 bytes");
  // So large that the client is still sending when the answer comes.
  EXPECT_EQ(Request("POST", "/tokenize", std::string(8 << 20, 'a')).status, 413);
  // In chunks, the length is not known before.
  std::string chunked = "POST /tokenize HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunked += "64\r\n" + std::string(100, 'a') + "\r\n";
  EXPECT_THAT(Raw(chunked), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ErrorTest, BodyTooDeepOrTooWide) {
  const auto fault = [&](const std::string& body) {
    return Json("POST", kCompletions, body, 400)["error"]["message"].get<std::string>();
  };
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(fault("{\"prompt\":" + deep + "}"), "the request body is nested deeper than 64");
  std::string members = "\"a\":0";
  for (int i = 0; i < 10'000; ++i) members += ",\"" + std::to_string(i) + "\":0";
  EXPECT_EQ(fault("{\"metadata\":{" + members + "}}"),
            "the request body has an object of more than 8192 members");
  // What a string holds does not count.
  Post("/tokenize", {{"prompt", std::string(100, '[') + std::string(9000, ':')}});
  ExpectHealthy();
}

TEST_F(ErrorTest, MalformedHttp) {
  EXPECT_THAT(Raw("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("GET /health HTTP/9.9\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("GET /health HTTP/1.1\r\nbad header\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("POST /tokenize HTTP/1.1\r\nContent-Length: -3\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("POST /tokenize HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("POST /tokenize HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("GET /" + std::string(1 << 20, 'a') + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(Raw(""), "");
  EXPECT_EQ(Raw("GET /health HT"), "");
  EXPECT_EQ(Raw("POST /tokenize HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"), "");
  ExpectHealthy();
}

TEST_F(ErrorTest, DeepNestingIsRefusedBeforeItCosts) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string body;
    while (body.size() < 1 << 20) body += open;
    EXPECT_EQ(Json("POST", kCompletions, body, 400)["error"]["code"], "invalid_json");
  }
}

// Random changes to good bodies: each gets a JSON answer of a known status.
TEST_F(ErrorTest, FuzzedBodiesGetAnswers) {
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::string bodies[] = {
      R"({"prompt":"Hi","max_tokens":3,"temperature":0.5,"stop":["a"],"n":2,"seed":1,"logprobs":1,"echo":false})",
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"max_tokens":2,"logprobs":true})",
      R"({"prompt":[[1,2],[3]],"max_tokens":1})"};
  const std::string pieces[] = {"null",
                                "-1",
                                "1e999",
                                "\"",
                                "[",
                                "]",
                                "{",
                                "}",
                                ",",
                                ":",
                                "\\u0000",
                                "\xf0\x9f",
                                "true",
                                "\"prompt\":",
                                "[[",
                                "99999999999999999999",
                                "\\",
                                "\n",
                                "\"stream\":false,"};
  for (int i = 0; i < 600; ++i) {
    std::string body = bodies[below(3)];
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      const size_t at = below(body.size());
      switch (below(3)) {
        case 0:
          body.erase(at, 1 + below(5));
          break;
        case 1:
          body.insert(at, pieces[below(std::size(pieces))]);
          break;
        default:
          body[at] = static_cast<char>(random());
      }
      if (body.empty()) body = "{";
    }
    const HttpResponse response = Request("POST", below(2) == 0 ? kCompletions : kChat, body);
    EXPECT_TRUE(response.status == 200 || response.status == 400 || response.status == 404) << body;
    if (response.headers.at("content-type") == "application/json") {
      const auto answer = nlohmann::json::parse(response.body, nullptr, false);
      EXPECT_TRUE(answer.contains(response.status == 200 ? "choices" : "error")) << body << "\n"
                                                                                 << response.body;
    }
  }
  ExpectHealthy();
}

TEST_F(ErrorTest, FuzzedHttpNeverCrashes) {
  std::mt19937 random(11);
  const std::string good =
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: "
      "application/json\r\nContent-Length: 30\r\n\r\n"
      "{\"prompt\":\"Hi\",\"max_tokens\":1}";
  for (int i = 0; i < 300; ++i) {
    std::string bytes = good;
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      if (random() % 2 == 0) {
        bytes[at] = static_cast<char>(random());
      } else {
        bytes.erase(at, 1 + random() % 3);
      }
    }
    const std::string answer = Raw(bytes);
    EXPECT_TRUE(answer.empty() || absl::string_view(answer).substr(0, 9) == "HTTP/1.1 ") << answer;
  }
  ExpectHealthy();
}

}  // namespace
}  // namespace strata::inference
