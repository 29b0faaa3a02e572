#include "inference/server/answer_reader.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

const ToolCallFormat* Format(absl::string_view name) {
  return ChooseToolCallFormat(name, "").value().format;
}

const char kTwo[] =
    "Hm.[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{},\"id\":\"abc123XYZ\"},"
    "{\"name\":\"g\",\"arguments\":{},\"id\":\"abc123XYZ\"},"
    "{\"name\":\"h\",\"arguments\":{},\"id\":\"no\"}] So.";

TEST(AnswerReader, WithoutAFormatAllIsText) {
  AnswerReader reader({});
  EXPECT_EQ(reader.Push(kTwo).text, kTwo);
  EXPECT_TRUE(reader.Finish().empty());
  EXPECT_FALSE(reader.has_calls());
}

TEST(AnswerReader, EachCallHasAnIdOfItsOwnInTheFormOfTheFormat) {
  AnswerReader reader({Format("mistral")});
  AnswerPiece all = reader.Push(kTwo);
  all.Append(reader.Finish());
  EXPECT_EQ(all.text, "Hm. So.");
  ASSERT_THAT(all.calls, SizeIs(3));
  EXPECT_EQ(all.calls[0].id, "abc123XYZ");  // the model's own
  for (int i : {1, 2}) {
    EXPECT_EQ(all.calls[i].index, i);
    EXPECT_THAT(all.calls[i].id, MatchesRegex("[0-9A-Za-z]{9}"));
    EXPECT_NE(all.calls[i].id, all.calls[i - 1].id);
  }
  AnswerReader hermes({Format("hermes")});
  all = hermes.Push("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>");
  ASSERT_THAT(all.calls, SizeIs(1));
  EXPECT_THAT(all.calls[0].id, MatchesRegex("call_[0-9A-Za-z]{24}"));
}

TEST(AnswerReader, OneCallEndsAnAnswerThatMayHaveNoMore) {
  AnswerReader reader({Format("mistral"), {}, /*parallel=*/false});
  const AnswerPiece piece = reader.Push(kTwo);
  EXPECT_EQ(piece.text, "Hm.");
  ASSERT_THAT(piece.calls, SizeIs(1));
  EXPECT_TRUE(reader.ended());
  EXPECT_TRUE(reader.Push("more").empty());
  EXPECT_TRUE(reader.Finish().empty());
}

}  // namespace
}  // namespace strata::inference
