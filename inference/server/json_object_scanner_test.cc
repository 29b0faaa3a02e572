#include "inference/server/json_object_scanner.h"

#include <random>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using State = JsonObjectScanner::State;
using ::testing::ElementsAre;
using ::testing::Pair;

// Up to the end of the object, the first fault, or the end of the text.
State Scan(const std::string& text, JsonObjectScanner* scanner) {
  State state = State::kMore;
  for (size_t i = 0; i < text.size() && state == State::kMore; ++i) state = scanner->Push(text[i]);
  return state;
}

State Scan(const std::string& text) {
  JsonObjectScanner scanner;
  return Scan(text, &scanner);
}

TEST(JsonObjectScanner, FindsTheEndAndTheMembers) {
  const std::string object = R"({ "a" :1,"b\"": {"a":[1,{}]} , "c":"}" })";
  JsonObjectScanner scanner;
  EXPECT_EQ(Scan(object + ", more }", &scanner), State::kDone);
  EXPECT_EQ(scanner.size(), object.size());
  std::vector<std::pair<std::string, std::string>> members;
  for (const auto& m : scanner.members()) {
    members.emplace_back(object.substr(m.key_begin, m.key_end - m.key_begin),
                         object.substr(m.value_begin, m.value_end - m.value_begin));
  }
  EXPECT_THAT(members, ElementsAre(Pair("\"a\"", "1"), Pair("\"b\\\"\"", "{\"a\":[1,{}]}"),
                                   Pair("\"c\"", "\"}\"")));
}

TEST(JsonObjectScanner, FaultsAreSeenWhereTheyAre) {
  for (const char* bad :
       {"[", " ", "{a", "{'", "{,", "{\"a\",", "{\"a\":}", "{\"a\":N", "{\"a\":1,}", "{\"a\":1]",
        "{\"a\":1 2", "{\"a\":[}", "{\"a\":[1,]", "{\"a\":[1}", "{\"a\n", "{\"\\x", "{]"}) {
    const std::string text = bad;
    JsonObjectScanner scanner;
    EXPECT_EQ(Scan(text, &scanner), State::kBad) << bad;
    EXPECT_EQ(scanner.size(), text.size()) << bad;
  }
  for (const char* unfinished : {"", "{", "{\"", "{\"a\":tr", "{\"a\":[1", "{\"\\"})
    EXPECT_EQ(Scan(unfinished), State::kMore) << unfinished;
}

TEST(JsonObjectScanner, DepthHasALimit) {
  const auto nested = [](size_t depth) {
    std::string text = "{\"a\":";
    text.append(depth - 1, '[').append(depth - 1, ']');
    return text + "}";
  };
  EXPECT_EQ(Scan(nested(JsonObjectScanner::kMaxDepth)), State::kDone);
  EXPECT_EQ(Scan(nested(JsonObjectScanner::kMaxDepth + 1)), State::kBad);
  EXPECT_EQ(Scan("{\"a\":" + std::string(1 << 20, '[')), State::kBad);
}

// The first end at which the library takes the text is the end that the scanner finds, and what the library takes the
// scanner takes.
TEST(JsonObjectScanner, AgreesWithTheLibrary) {
  const char* kPieces[] = {"{",      "}",         "[",        "]",    ",",  ":",
                           "\"a\"",  "\"name\":", "1",        " ",    "\\", "true",
                           "-1.5e3", "\"",        "\"\\\"\"", "null", "{}", "\n"};
  std::mt19937 random(3);
  int objects = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string text = "{";
    if (i % 2 == 0) text += "\"a\":";
    for (size_t n = 1 + random() % 9; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    size_t end = 1;
    while (end <= text.size() && !nlohmann::json::accept(text.substr(0, end))) ++end;
    JsonObjectScanner scanner;
    const State state = Scan(text, &scanner);
    if (end <= text.size()) {
      ++objects;
      ASSERT_EQ(state, State::kDone) << text;
      ASSERT_EQ(scanner.size(), end) << text;
    } else if (state == State::kDone) {  // 1true, -, ...: left to the parser
      ASSERT_FALSE(nlohmann::json::accept(text.substr(0, scanner.size()))) << text;
    }
  }
  EXPECT_GT(objects, 500);
}

}  // namespace
}  // namespace strata::inference
