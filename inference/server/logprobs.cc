#include "inference/server/logprobs.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "inference/engine/utf8.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

// JSON has no infinity: a token that cannot be is written as OpenAI's lowest value.
double Finite(double log_probability) { return std::max(log_probability, -9999.0); }

Json Entry(const Tokenizer& tokenizer, int32_t token, double log_probability) {
  const std::string bytes = tokenizer.TokenBytes(token);
  Json numbers = Json::array();
  for (char c : bytes) numbers.push_back(static_cast<unsigned char>(c));
  return {{"token", ReplaceInvalidUtf8(bytes)},
          {"logprob", Finite(log_probability)},
          {"bytes", std::move(numbers)}};
}

std::string Name(const Tokenizer& tokenizer, int32_t token) {
  const std::string bytes = tokenizer.TokenBytes(token);
  if (ValidUtf8Prefix(bytes) == bytes.size()) return bytes;
  std::string name = "bytes:";
  for (char c : bytes)
    absl::StrAppend(&name, absl::StrFormat("\\x%02x", static_cast<unsigned char>(c)));
  return name;
}

int64_t Characters(const std::string& utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

Json ChatLogprobs(const Tokenizer& tokenizer, const std::vector<TokenEvent>& events) {
  Json content = Json::array();
  for (const TokenEvent& event : events) {
    Json entry = Entry(tokenizer, event.token, event.log_probability);
    entry["top_logprobs"] = Json::array();
    for (const TokenLogProbability& top : event.top) {
      entry["top_logprobs"].push_back(Entry(tokenizer, top.token, top.log_probability));
    }
    content.push_back(std::move(entry));
  }
  return Json{{"content", std::move(content)}};
}

Json CompletionLogprobs(const Tokenizer& tokenizer, const std::vector<TokenEvent>& events,
                        int64_t* offset) {
  Json tokens = Json::array(), values = Json::array(), tops = Json::array(),
       offsets = Json::array();
  for (const TokenEvent& event : events) {
    tokens.push_back(Name(tokenizer, event.token));
    values.push_back(Finite(event.log_probability));
    offsets.push_back(*offset);
    *offset += Characters(event.text);
    Json top = Json::object();
    for (const TokenLogProbability& entry : event.top)
      top[Name(tokenizer, entry.token)] = Finite(entry.log_probability);
    tops.push_back(event.top.empty() ? Json() : std::move(top));
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace strata::inference
