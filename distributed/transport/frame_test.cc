#include "distributed/transport/frame.h"

#include <random>
#include <string>

#include "base/status_matchers.h"
#include "distributed/transport/hello.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

std::string Encode(const FrameHeader& header) {
  std::string bytes(kFrameHeaderBytes, '\0');
  EncodeFrameHeader(header, bytes.data());
  return bytes;
}

TEST(FrameTest, ComesBackAsItWas) {
  for (const FrameHeader& header :
       {FrameHeader{FrameKind::kMessage, 0, 0}, FrameHeader{FrameKind::kMessage, kBarrierTag, 1},
        FrameHeader{FrameKind::kMessage, 77, kMostFrameBytes},
        FrameHeader{FrameKind::kFarewell, 0, kMostFarewellBytes}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const FrameHeader back, DecodeFrameHeader(Encode(header).data()));
    EXPECT_EQ(back.kind, header.kind);
    EXPECT_EQ(back.tag, header.tag);
    EXPECT_EQ(back.bytes, header.bytes);
  }
}

TEST(FrameTest, LayoutIsFixed) {
  EXPECT_EQ(Encode({FrameKind::kMessage, 0x0102, 0x0304050607}),
            std::string("ST\1\1\2\1\0\0\7\6\5\4\3\0\0\0", 16));
}

TEST(FrameTest, SaysWhatIsWrong) {
  const auto spoilt = [](size_t at, char value) {
    std::string bytes = Encode({FrameKind::kMessage, 1, 8});
    bytes[at] = value;
    return DecodeFrameHeader(bytes.data()).status();
  };
  EXPECT_THAT(spoilt(0, 'G'), StatusIs(kDataLoss, HasSubstr("no magic")));
  EXPECT_THAT(spoilt(2, 9), StatusIs(kDataLoss, HasSubstr("another version")));
  EXPECT_THAT(spoilt(3, 0), StatusIs(kDataLoss, HasSubstr("kind 0")));
  EXPECT_THAT(spoilt(3, 2), StatusIs(kDataLoss, HasSubstr("tag 1")));  // a farewell has none
  EXPECT_THAT(spoilt(7, 1), StatusIs(kDataLoss, HasSubstr("tag 16777217")));
  EXPECT_THAT(spoilt(15, 1), StatusIs(kDataLoss, HasSubstr("size")));
}

// Whatever comes, the parsers give an error or something within the limits that stand in frame.h
// and hello.h, and what they accept is what they would have written.
TEST(FrameTest, FuzzedBytesAreRefusedOrWithinLimits) {
  std::mt19937 random(4711);
  std::string hello(kHelloBytes, '\0');
  EncodeHello({1, 4, 80, "run"}, hello.data());
  std::string answer(kAnswerBytes, '\0');
  EncodeAnswer({Verdict::kRefused, 17}, answer.data());
  const std::string frame = Encode({FrameKind::kMessage, 3, 1000});
  int accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string bytes = i % 3 == 0 ? frame : i % 3 == 1 ? hello : answer;
    const int changes = static_cast<int>(random() % 4);
    for (int c = 0; c < changes; ++c) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (i % 10 == 9) {
      for (char& c : bytes) c = static_cast<char>(random());
    }
    if (i % 3 == 0) {
      const auto header = DecodeFrameHeader(bytes.data());
      if (!header.ok()) continue;
      EXPECT_EQ(Encode(*header), bytes);
      EXPECT_LE(header->bytes, kMostFrameBytes);
      EXPECT_LE(header->tag, kBarrierTag);
    } else if (i % 3 == 1) {
      const auto back = DecodeHello(bytes.data());
      if (!back.ok()) continue;
      EXPECT_LT(back->rank, back->size);
      EXPECT_LE(back->port, 65535);
      EXPECT_LE(back->run_id.size(), kMostRunIdBytes);
    } else {
      const auto back = DecodeAnswer(bytes.data());
      if (!back.ok()) continue;
      EXPECT_LE(back->bytes, kMostAnswerTextBytes);
    }
    ++accepted;
  }
  EXPECT_GT(accepted, 1000);  // the unchanged ones at least
}

TEST(HelloTest, ComesBackAsItWas) {
  std::string bytes(kHelloBytes, '\0');
  EncodeHello({3, 7, 65535, std::string(100, 'r')}, bytes.data());
  STRATA_ASSERT_OK_AND_ASSIGN(const Hello back, DecodeHello(bytes.data()));
  EXPECT_EQ(back.rank, 3);
  EXPECT_EQ(back.size, 7);
  EXPECT_EQ(back.port, 65535);
  EXPECT_EQ(back.run_id, std::string(kMostRunIdBytes, 'r'));
}

TEST(HelloTest, AnotherVersionIsNotGarbage) {
  std::string bytes(kHelloBytes, '\0');
  EncodeHello({0, 1, 0, ""}, bytes.data());
  bytes[6] = 2;
  EXPECT_THAT(DecodeHello(bytes.data()), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                  HasSubstr("version 2 of the protocol")));
}

TEST(HelloTest, KnowsEarlyWhoIsAStranger) {
  EXPECT_TRUE(MayBeHello(""));
  EXPECT_TRUE(MayBeHello("STR"));
  EXPECT_FALSE(MayBeHello("SSH-2.0"));
}

}  // namespace
}  // namespace strata::distributed
