#include "inference/load/soak_requests.h"

#include <utility>

#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr char kCompletions[] = "/v1/completions";
constexpr char kChat[] = "/v1/chat/completions";

std::string Letters(int64_t count, LoadRandom* random) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += static_cast<char>(random->Integer('a', 'z'));
  return text;
}

// Sampling options, each now and then.
void AddOptions(int64_t most_tokens, LoadRandom* random, Json* body) {
  const auto sometimes = [&] { return random->Integer(0, 3) == 0; };
  (*body)["max_tokens"] = random->Integer(1, most_tokens);
  (*body)["seed"] = random->Integer(0, 1000);
  (*body)["temperature"] = sometimes() ? 0.0 : 0.8;
  if (sometimes()) (*body)["top_p"] = 0.9;
  if (sometimes()) (*body)["top_k"] = 20;
  if (sometimes()) (*body)["min_p"] = 0.02;
  if (sometimes()) (*body)["presence_penalty"] = 0.5;
  if (sometimes()) (*body)["repetition_penalty"] = 1.1;
  if (sometimes()) (*body)["logit_bias"] = {{"65", 5}};
  if (sometimes()) (*body)["stop"] = {"zz", "q"};
  if (sometimes()) (*body)["n"] = random->Integer(1, 3);
  if (sometimes()) (*body)["priority"] = random->Integer(-2, 2);
  if (sometimes()) (*body)["ignore_eos"] = true;
}

std::string BadBody(LoadRandom* random) {
  const char* kBodies[] = {"",
                           "{",
                           "[]",
                           "nonsense",
                           "{\"prompt\": }",
                           "{\"prompt\": \"\xff\"}",
                           "{}",
                           "{\"prompt\": 3}",
                           "{\"prompt\": [[]]}",
                           "{\"prompt\": [-1]}",
                           "{\"prompt\": [2000000000]}",
                           "{\"prompt\": \"a\", \"temperature\": -1}",
                           "{\"prompt\": \"a\", \"n\": 0}",
                           "{\"prompt\": \"a\", \"nonsense\": 1}",
                           "{\"prompt\": \"a\", \"logit_bias\": {\"x\": 1}}",
                           "{\"messages\": [{\"role\": \"king\", \"content\": \"a\"}]}"};
  return kBodies[random->Integer(0, static_cast<int64_t>(std::size(kBodies)) - 1)];
}

}  // namespace

SoakRequest RandomSoakRequest(int64_t most_tokens, LoadRandom* random) {
  SoakRequest request;
  const bool chat = random->Integer(0, 3) == 0;
  request.target = chat ? kChat : kCompletions;
  if (random->Integer(0, 4) == 0) {
    request.good = false;
    request.target = kCompletions;
    request.body = BadBody(random);
    return request;
  }
  Json body;
  AddOptions(most_tokens, random, &body);
  const std::string text = Letters(random->Integer(1, most_tokens), random);
  if (chat) {
    body["messages"] = {{{"role", "user"}, {"content", text}}};
  } else {
    body["prompt"] = text;
  }
  request.stream = random->Integer(0, 1) == 0;
  body["stream"] = request.stream;
  if (random->Integer(0, 3) == 0) request.leave_after = random->Integer(0, 4);
  request.body = body.dump();
  return request;
}

}  // namespace strata::inference
