#include "inference/server/sse_parser.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Pushed `step` bytes at a time.
std::vector<std::string> Parse(absl::string_view bytes, size_t step) {
  SseParser parser;
  std::vector<std::string> events;
  for (size_t i = 0; i < bytes.size(); i += step) {
    parser.Push(bytes.substr(i, step), [&](absl::string_view data) {
      events.emplace_back(data);
      return true;
    });
  }
  return events;
}

TEST(SseParser, EventsDoNotDependOnHowTheStreamIsCut) {
  const absl::string_view stream =
      ": comment\n\ndata: one\n\nevent: x\ndata:two\r\ndata:  lines\r\n\r\nid: 7\n\ndata\n\nretry: "
      "1\rdata: [DONE]\r\r"
      "data: unfinished\n";
  for (size_t step : {1, 2, 3, 7, 1000}) {
    EXPECT_THAT(Parse(stream, step), ElementsAre("one", "two\n lines", "", "[DONE]")) << step;
  }
}

TEST(SseParser, NothingGivesNothing) {
  EXPECT_THAT(Parse("", 1), IsEmpty());
  EXPECT_THAT(Parse("\n\n\n", 1), IsEmpty());
  EXPECT_THAT(Parse("database: x\n\n", 1), IsEmpty());
}

TEST(SseParser, StopsWhenTold) {
  SseParser parser;
  int events = 0;
  EXPECT_FALSE(
      parser.Push("data: 1\n\ndata: 2\n\n", [&](absl::string_view) { return ++events < 1; }));
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace strata::inference
