// What the grammar of calls writes, the parser of calls reads, in every format.
#include "inference/server/tool_call_grammar.h"

#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/token_trie_of.h"
#include "inference/grammar/token_grammar.h"
#include "inference/server/fake_engine.h"
#include "inference/server/tool_call_parser.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json Tools() {
  return Json::parse(R"([
    {"type": "function", "function": {"name": "weather", "parameters": {
      "type": "object", "required": ["city"],
      "properties": {"city": {"enum": ["Bonn", "Köln"]},
                     "days": {"type": "integer", "minimum": 1, "maximum": 14}}}}},
    {"type": "function", "function": {"name": "now"}}])");
}

std::vector<std::string> Marks(const ToolCallFormat& format) {
  std::vector<std::string> marks;
  const auto add = [&](const char* text) {
    if (text[0] == '<' && text[1] != '\0') marks.emplace_back(text);
  };
  for (const char* text : format.open) add(text);
  for (const char* text : format.list_close) add(text);
  for (const char* text : {format.call_close, format.name_end}) add(text);
  return marks;
}

// A text of the grammar; "" when it became too long.
absl::StatusOr<std::string> RandomAnswer(
    const std::shared_ptr<const grammar::TokenGrammar>& grammar, const Tokenizer& tokenizer,
    std::mt19937_64& random) {
  grammar::TokenMatcher matcher(grammar);
  std::vector<int32_t> tokens;
  while (tokens.size() < 600) {
    if (matcher.may_end() && random() % 4 != 0) return tokenizer.Decode(tokens);
    STRATA_ASSIGN_OR_RETURN(const auto mask, matcher.Mask());
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < tokenizer.vocab_size(); ++token)
      if (mask->Has(token)) allowed.push_back(token);
    if (allowed.empty()) return tokenizer.Decode(tokens);
    tokens.push_back(allowed[random() % allowed.size()]);
    STRATA_RETURN_IF_ERROR(matcher.Accept(tokens.back()));
  }
  return std::string();
}

void ExpectCalls(const ToolCallFormat& format, const std::string& text, const std::string& name,
                 bool parallel) {
  ToolCallParser parser(&format, {"weather", "now"});
  std::vector<ToolCallPart> parts = parser.Push(text), rest = parser.Finish();
  parts.insert(parts.end(), rest.begin(), rest.end());
  int calls = 0;
  for (const ToolCallPart& part : parts) {
    if (part.kind == ToolCallPart::Kind::kMarkup) continue;
    ASSERT_EQ(part.kind, ToolCallPart::Kind::kCall) << format.name << ": " << text;
    ++calls;
    const Json arguments = Json::parse(part.call.arguments, nullptr, /*allow_exceptions=*/false);
    if (!name.empty()) EXPECT_EQ(part.call.name, name);
    if (part.call.name == "weather") {
      EXPECT_TRUE(arguments.value("city", "") == "Bonn" || arguments.value("city", "") == "Köln");
      EXPECT_LE(arguments.value("days", 1), 14) << text;
    } else {
      EXPECT_EQ(part.call.name, "now");
      EXPECT_EQ(arguments, Json::object());
    }
  }
  EXPECT_GE(calls, 1) << format.name << ": " << text;
  if (!parallel) EXPECT_EQ(calls, 1) << format.name << ": " << text;
}

TEST(ToolCallGrammarTest, TheParserReadsWhatItWrites) {
  std::mt19937_64 random(29);
  int read = 0;
  for (const ToolCallFormat& format : ToolCallFormats()) {
    for (bool special : {false, true}) {
      const FakeTokenizer tokenizer(/*chat=*/true,
                                    special ? Marks(format) : std::vector<std::string>());
      const auto trie = MakeTokenTrie(tokenizer);
      for (const std::string name : {"", "now", "weather"}) {
        for (bool parallel : {false, true}) {
          STRATA_ASSERT_OK_AND_ASSIGN(grammar::Grammar grammar,
                                      ToolCallGrammar(format, tokenizer, Tools(), name, parallel));
          STRATA_ASSERT_OK_AND_ASSIGN(const auto tokens,
                                      grammar::TokenGrammar::Create(std::move(grammar), trie));
          for (int i = 0; i < 8; ++i) {
            STRATA_ASSERT_OK_AND_ASSIGN(const std::string text,
                                        RandomAnswer(tokens, tokenizer, random));
            if (text.empty()) continue;
            ExpectCalls(format, text, name, parallel);
            ++read;
          }
        }
      }
    }
  }
  EXPECT_GT(read, 500);
}

TEST(ToolCallGrammarTest, FaultsNameTheTool) {
  const FakeTokenizer tokenizer;
  const ToolCallFormat& format = ToolCallFormats()[0];
  Json tools = Tools();
  EXPECT_THAT(ToolCallGrammar(format, tokenizer, tools, "then", true),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is no tool \"then\"")));
  tools[1]["function"]["parameters"] = {{"type", "string"}};
  EXPECT_THAT(ToolCallGrammar(format, tokenizer, tools, "", true),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tools[1].function.parameters: must be a schema of type object")));
  EXPECT_OK(ToolCallGrammar(format, tokenizer, tools, "weather", true));
  tools[0]["function"]["parameters"]["not"] = true;
  EXPECT_THAT(ToolCallGrammar(format, tokenizer, tools, "weather", true),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tools[0].function.parameters: #/not: this keyword")));
}

}  // namespace
}  // namespace strata::inference
