#include "inference/server/tool_call_parser.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/server/tool_call_oracle.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using ::testing::IsEmpty;

const std::vector<std::string> kTools = {"weather", "now"};

const ToolCallFormat& Format(absl::string_view name) {
  for (const ToolCallFormat& format : ToolCallFormats())
    if (name == format.name) return format;
  ADD_FAILURE() << name;
  return ToolCallFormats()[0];
}

// What came out, with calls as name(arguments) and #id.
struct Parsed {
  std::string content;
  std::vector<std::string> calls;
  bool operator==(const Parsed& other) const {
    return content == other.content && calls == other.calls;
  }
};

void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << "'" << parsed.content << "' " << ::testing::PrintToString(parsed.calls);
}

// Pushes the pieces; the parts must be the text.
Parsed Parse(const ToolCallFormat& format, const std::vector<std::string>& pieces) {
  ToolCallParser parser(&format, kTools);
  Parsed parsed;
  std::string all, text;
  const auto take = [&](const std::vector<ToolCallPart>& parts) {
    for (const ToolCallPart& part : parts) {
      EXPECT_FALSE(part.text.empty());
      all += part.text;
      if (part.kind == ToolCallPart::Kind::kContent) parsed.content += part.text;
      if (part.kind != ToolCallPart::Kind::kCall) continue;
      const ToolCall& call = part.call;
      EXPECT_NE(part.text.find(call.arguments), std::string::npos);
      EXPECT_TRUE(nlohmann::json::parse(call.arguments, nullptr, false).is_object());
      parsed.calls.push_back(
          absl::StrCat(call.name, "(", call.arguments, ")", call.id.empty() ? "" : "#", call.id));
    }
  };
  for (const std::string& piece : pieces) {
    text += piece;
    take(parser.Push(piece));
  }
  take(parser.Finish());
  EXPECT_EQ(all, text);
  return parsed;
}

struct Case {
  const char* format;
  const char* text;
  const char* content;
  std::vector<std::string> calls;
};

#define BEGIN "<｜tool▁calls▁begin｜>"
#define CALL "<｜tool▁call▁begin｜>"
#define SEP "<｜tool▁sep｜>"
#define CALL_END "<｜tool▁call▁end｜>"
#define END "<｜tool▁calls▁end｜>"

const Case kCases[] = {
    {"hermes", "", "", {}},
    {"hermes", " \n ", " \n ", {}},
    {"hermes", "No call.\n", "No call.\n", {}},
    {"hermes",
     R"(<tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call>)",
     "",
     {R"(weather({"city": "Köln"}))"}},
    {"hermes",
     "\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n"
     "{\"arguments\": {\"a\": [1, 2.50]}, \"name\": \"f\", \"id\": \"i1\"}\n</tool_call>\n",
     "",
     {"now({})", R"(f({"a": [1, 2.50]})#i1)"}},
    {"hermes",
     "Let me see.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\nSo.",
     "Let me see.\nSo.",
     {"f({})"}},
    // One line break is the template's, more are not.
    {"hermes",
     "a \n\n<tool_call>{\"name\":\"f\",\"parameters\":{}}</tool_call>",
     "a \n",
     {"f({})"}},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":{"x":"</tool_call>{\"}"}}</tool_call>)",
     "",
     {R"(f({"x":"</tool_call>{\"}"}))"}},
    {"hermes", R"(<tool_call>{"name":"\u0066\"","arguments":{}}</tool_call>)", "", {"f\"({})"}},
    // Broken off, or none.
    {"hermes", "a<tool_call>{\"name\":\"f\",\"argu", "a<tool_call>{\"name\":\"f\",\"argu", {}},
    {"hermes",
     "\n<tool_call>{\"name\":\"f\",\"arguments\":{}}",
     "\n<tool_call>{\"name\":\"f\",\"arguments\":{}}",
     {}},
    {"hermes",
     "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_cal>",
     "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_cal>",
     {}},
    {"hermes", "<tool_call>{'name':'f'}</tool_call>", "<tool_call>{'name':'f'}</tool_call>", {}},
    {"hermes",
     R"(<tool_call>{"name":"f"}</tool_call>)",
     R"(<tool_call>{"name":"f"}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":"{}"}</tool_call>)",
     R"(<tool_call>{"name":"f","arguments":"{}"}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":7,"arguments":{}}</tool_call>)",
     R"(<tool_call>{"name":7,"arguments":{}}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":"","arguments":{}}</tool_call>)",
     R"(<tool_call>{"name":"","arguments":{}}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":{},"mood":1}</tool_call>)",
     R"(<tool_call>{"name":"f","arguments":{},"mood":1}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":{},"parameters":{}}</tool_call>)",
     R"(<tool_call>{"name":"f","arguments":{},"parameters":{}}</tool_call>)",
     {}},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":{"a":1e999}}</tool_call>)",
     R"(<tool_call>{"name":"f","arguments":{"a":1e999}}</tool_call>)",
     {}},
    // A good call behind, or inside, a bad one.
    {"hermes",
     R"(<tool_call>x <tool_call>{"name":"f","arguments":{}}</tool_call>)",
     "<tool_call>x ",
     {"f({})"}},
    {"hermes", R"({"name":"weather","arguments":{}})", R"({"name":"weather","arguments":{}})", {}},

    {"llama3_json",
     R"({"name": "weather", "parameters": {"city": "Bonn"}})",
     "",
     {R"(weather({"city": "Bonn"}))"}},
    {"llama3_json",
     "\n{\"type\":\"function\",\"name\":\"now\",\"parameters\":{}}\n",
     "",
     {"now({})"}},
    {"llama3_json",
     R"({"name":"now","parameters":{}}; {"name":"weather","parameters":{}})",
     "",
     {"now({})", "weather({})"}},
    {"llama3_json", R"(<|python_tag|>{"name": "any", "parameters": {}})", "", {"any({})"}},
    {"llama3_json",
     R"(Well. <|python_tag|>{"name": "any", "parameters": {}})",
     "Well. ",
     {"any({})"}},
    {"llama3_json", R"(<|python_tag|>print("hi"))", R"(<|python_tag|>print("hi"))", {}},
    {"llama3_json", R"({"name":"now","parameters":{}} is how)", " is how", {"now({})"}},
    {"llama3_json", R"({"name":"now","parameters":{}}; so)", "; so", {"now({})"}},
    // Without a mark only what looks like nothing else.
    {"llama3_json",
     R"({"name": "Bob", "parameters": {}})",
     R"({"name": "Bob", "parameters": {}})",
     {}},
    {"llama3_json", R"({"answer": 42})", R"({"answer": 42})", {}},
    {"llama3_json",
     R"(So: {"name": "now", "parameters": {}})",
     R"(So: {"name": "now", "parameters": {}})",
     {}},

    {"mistral",
     R"([TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}])",
     "",
     {R"(f({"a": 1})#abcdefghi)"}},
    {"mistral",
     R"(Yes.[TOOL_CALLS][{"name":"f","arguments":{}}, {"name":"g","arguments":{}}] )",
     "Yes.",
     {"f({})", "g({})"}},
    {"mistral", R"([TOOL_CALLS][{"name":"f","arguments":{}})", "", {"f({})"}},  // no end: no matter
    {"mistral",
     R"([TOOL_CALLS][{"name":"f","arguments":{}}, {"name":"g","arg)",
     R"(, {"name":"g","arg)",
     {"f({})"}},
    {"mistral",
     R"([TOOL_CALLS][{"name":"f","arguments":{}}], {"name":"g","arguments":{}})",
     R"(, {"name":"g","arguments":{}})",
     {"f({})"}},
    {"mistral", "[TOOL_CALLS][]", "[TOOL_CALLS][]", {}},
    {"mistral", "see [TOOL", "see [TOOL", {}},

    {"mistral_args",
     R"([TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g.h-2[CALL_ID]abc[ARGS]{})",
     "",
     {R"(f({"a": 1}))", "g.h-2({})#abc"}},
    {"mistral_args", "[TOOL_CALLS]f g[ARGS]{}", "[TOOL_CALLS]f g[ARGS]{}", {}},
    {"mistral_args", "[TOOL_CALLS]f[CALL_ID]", "[TOOL_CALLS]f[CALL_ID]", {}},

    {"phi4_mini", R"(functools[{"name": "f", "arguments": {}}])", "", {"f({})"}},
    {"phi4_mini", R"(<|tool_call|>[{"name":"f","arguments":{}}]<|/tool_call|>)", "", {"f({})"}},
    {"phi4_mini", "from functools import wraps", "from functools import wraps", {}},

    {"granite",
     R"(<|tool_call|>[{"name":"f","arguments":{}},{"name":"g","arguments":{}}])",
     "",
     {"f({})", "g({})"}},

    {"deepseek_v3",
     BEGIN CALL "function" SEP "f\n```json\n{\"a\": \"```\"}\n```" CALL_END "\n" CALL "function" SEP
                "g\n```json\n{}\n```" CALL_END END,
     "",
     {R"(f({"a": "```"}))", "g({})"}},
    {"deepseek_v3",
     "Hm" BEGIN CALL "function" SEP "f\n```json\n{}\n```" CALL_END "\n" CALL "tool",
     "Hm\n" CALL "tool",
     {"f({})"}},
    {"deepseek_v31",
     BEGIN CALL "f" SEP "{\"a\":1}" CALL_END CALL "g" SEP "{}" CALL_END END,
     "",
     {"f({\"a\":1})", "g({})"}},
    {"deepseek_v31",
     BEGIN CALL "f" SEP "[]" CALL_END END,
     BEGIN CALL "f" SEP "[]" CALL_END END,
     {}},
};

TEST(ToolCallParser, FindsCallsAndLeavesTheRest) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.format, ": ", c.text));
    EXPECT_EQ(Parse(Format(c.format), {c.text}), (Parsed{c.content, c.calls}));
  }
}

TEST(ToolCallParser, HowTheTextIsCutMakesNoDifference) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.format, ": ", c.text));
    const std::string text = c.text;
    const Parsed whole = {c.content, c.calls};
    std::vector<std::string> bytes;
    for (char byte : text) bytes.emplace_back(1, byte);
    EXPECT_EQ(Parse(Format(c.format), bytes), whole);
    for (size_t i = 0; i <= text.size(); ++i)
      EXPECT_EQ(Parse(Format(c.format), {text.substr(0, i), text.substr(i)}), whole) << i;
  }
}

// What can be no call is given out at once, and a whole call too.
TEST(ToolCallParser, NothingIsHeldBackLongerThanNeeded) {
  const auto given = [](const char* format, const char* text) {
    ToolCallParser parser(&Format(format), kTools);
    std::string all;
    for (const ToolCallPart& part : parser.Push(text)) all += part.text;
    return all;
  };
  EXPECT_EQ(given("hermes", "Some text <"), "Some text ");
  EXPECT_EQ(given("hermes", "a <too"), "a ");
  EXPECT_EQ(given("hermes", "a <tool_x"), "a <tool_x");
  EXPECT_EQ(given("hermes", "a\n"), "a");
  EXPECT_EQ(given("hermes", "<tool_call>{\"na"), "");
  EXPECT_EQ(given("hermes", "<tool_call>{'"), "<tool_call>{'");
  EXPECT_EQ(given("hermes", "<tool_call>{\"nome\""), "<tool_call>{\"nome\"");
  EXPECT_EQ(given("llama3_json", "{\"answer\""), "{\"answer\"");
  const char* call = R"([TOOL_CALLS][{"name":"f","arguments":{}})";
  EXPECT_EQ(given("mistral", call), call);
}

TEST(ToolCallParser, DepthHasALimit) {
  const auto call = [](size_t depth) {
    return absl::StrCat(R"(<tool_call>{"name":"f","arguments":{"a":)", std::string(depth, '['),
                        std::string(depth, ']'), "}}</tool_call>");
  };
  const size_t most = JsonObjectScanner::kMaxDepth - 2;
  EXPECT_EQ(Parse(Format("hermes"), {call(most)}).calls.size(), 1u);
  EXPECT_EQ(Parse(Format("hermes"), {call(most + 1)}), (Parsed{call(most + 1), {}}));
  const std::string deep = call(100'000);
  EXPECT_EQ(Parse(Format("hermes"), {deep}), (Parsed{deep, {}}));
}

// Texts put together of marks, JSON and bytes, at random.
class Fuzzer {
 public:
  explicit Fuzzer(unsigned seed) : random_(seed) {}
  size_t Below(size_t n) { return random_() % n; }

  std::string Text(const ToolCallFormat& format) {
    std::string text;
    for (size_t n = 1 + Below(5); n > 0; --n) text += Below(3) == 0 ? Piece(format) : Good(format);
    for (size_t n = Below(4); n > 1 && !text.empty(); --n) {
      if (Below(2) == 0) {
        text.resize(Below(text.size() + 1));
      } else {
        text[Below(text.size())] = static_cast<char>(random_());
      }
    }
    return text;
  }

  std::vector<std::string> Cut(const std::string& text) {
    std::vector<std::string> pieces;
    const size_t most = 1 + Below(12);
    for (size_t at = 0; at < text.size();) {
      const size_t size = Below(most + 1);
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    return pieces;
  }

 private:
  std::string Object() {
    static const char* const kObjects[] = {"{}", R"({"a": [1, "]}"]})", R"({"b":{"name":"x"}})",
                                           "{ \"é\" : null }"};
    return kObjects[Below(std::size(kObjects))];
  }
  std::string Call(const ToolCallFormat& format) {
    const std::string name = kTools[Below(2)];
    if (format.call == ToolCallFormat::Call::kName) {
      const bool with_id = *format.id_open != '\0' && Below(3) == 0;
      return absl::StrCat(format.call_open, name, with_id ? format.id_open : "",
                          with_id ? "id-7" : "", format.name_end, Object(), format.call_close);
    }
    return absl::StrCat(format.call_open, "{", Below(4) == 0 ? R"("id": "i",)" : "", R"("name": ")",
                        name, R"(", "arguments": )", Object(), "}", format.call_close);
  }
  std::string Good(const ToolCallFormat& format) {
    std::string text = format.bare && Below(2) == 0 ? "" : format.open[Below(format.open.size())];
    absl::StrAppend(&text, format.list_open, Call(format));
    while (Below(3) == 0) absl::StrAppend(&text, format.separator, "\n", Call(format));
    for (const char* close : format.list_close) text += close;
    return text;
  }
  std::string Piece(const ToolCallFormat& format) {
    switch (Below(11)) {
      case 9:
        return format.id_open;
      case 0:
        return format.open[Below(format.open.size())];
      case 1:
        return format.separator;
      case 2:
        return format.call_close;
      case 3:
        return format.name_end;
      case 4:
        return Call(format);
      case 5:
        return Object();
      case 6:
        return "\n";
      case 7:
        return " text ";
      case 8:
        return "{\"name\":";
      default:
        return std::string(1, static_cast<char>(random_()));
    }
  }

  std::mt19937 random_;
};

// Each part is accounted for (Parse() checks that), pieces give what the whole gives, and the oracle finds the same.
TEST(ToolCallParser, FuzzedTextsParseAsTheOracleParsesThem) {
  Fuzzer fuzzer(17);
  size_t calls = 0, contents = 0;
  for (int i = 0; i < 1500; ++i) {
    for (const ToolCallFormat& format : ToolCallFormats()) {
      const std::string text = fuzzer.Text(format);
      SCOPED_TRACE(absl::StrCat(format.name, ": ", text));
      const Parsed whole = Parse(format, {text});
      ASSERT_EQ(Parse(format, fuzzer.Cut(text)), whole);
      const OracleAnswer oracle = OracleParse(format, kTools, text);
      ASSERT_EQ(whole, (Parsed{oracle.content, oracle.calls}));
      calls += whole.calls.size();
      contents += whole.content.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(calls, 10'000u);
  EXPECT_GT(contents, 2'000u);
}

TEST(ToolCallParser, RandomBytesAreContent) {
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    std::string text(random() % 300, '\0');
    for (char& c : text) c = static_cast<char>(random());
    for (const ToolCallFormat& format : ToolCallFormats()) {
      const Parsed parsed = Parse(format, {text});
      EXPECT_EQ(parsed.content, text);
      EXPECT_THAT(parsed.calls, IsEmpty());
    }
  }
}

}  // namespace
}  // namespace strata::inference
