#include "chips/numerics/vector_check.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

struct RecordedRow {
  const char* name;
  Generation generation;
  Format operand;
  const char* text;
};

// The first row of some of the published files: github.com/north-numerical-computing/MATLAB-tensor-core,
// model_validation, commit b12b5a7 (BSD-2-Clause; Khattak and Mikaitis, arXiv:2512.07004).
constexpr RecordedRow kRows[] = {
    {"V100_fp16", Generation::kVolta, Format::kF16,
     "3f7aa000 3f87c000 bea68000 3fbf0000,3f194000 bf26a000 3ed7e000 3e9d8000,3f7f41"
     "8c,3f9b7dec,3f9b8000"},
    {"A100_fp16", Generation::kAmpere, Format::kF16,
     "3f7aa000 3f87c000 bea68000 3fbf0000 bf3d0000 3eadc000 3f80a000 3fe8e000,3f1940"
     "00 bf26a000 3ed7e000 3e9d8000 bff34000 3ef2e000 bfc16000 bf906000,3f5091bb,bf7"
     "94a57,bf794000"},
    {"A100_tf32", Generation::kAmpere, Format::kTf32,
     "3f7aa000 3f87c000 bea68000 3fbf0000,3f194000 bf26a000 3ed7e000 3e9d8000,3efe7b"
     "25,3f36f7de"},
    {"Ada_E4M3", Generation::kAda, Format::kE4M3,
     "3f700000 3f800000 bea00000 3fb00000 bf300000 3ea00000 3f800000 3fe00000 3f6000"
     "00 3f500000 bf800000 3eb00000 3cf00000 3e900000 3f800000 3f500000 bf800000 3f7"
     "00000 3bc00000 bfa00000 bee00000 be600000 3fa00000 3fd00000 bd200000 3e600000 "
     "bf000000 bef00000 bf300000 3f300000 40200000 3ed00000,3f100000 bf200000 3ed000"
     "00 3e900000 bff00000 3ef00000 bfc00000 bf900000 3db00000 bf300000 bf500000 400"
     "00000 bc600000 40100000 3e100000 bea00000 bf700000 3ff00000 bf200000 3f100000 "
     "bed00000 bdd00000 bf800000 3fa00000 3fd00000 3fb00000 bdb00000 bc400000 bfc000"
     "00 bec00000 3d200000 bbc00000,3e93ca5a,40827800,40828000"},
    {"H100_bf16", Generation::kHopper, Format::kBf16,
     "3f7a0000 3f870000 bea60000 3fbf0000 bf3d0000 3ead0000 3f800000 3fe80000 3f6200"
     "00 3f5d0000 bf8c0000 3eb30000 3cf10000 3e9c0000 3f860000 3f590000,3f190000 bf2"
     "60000 3ed70000 3e9d0000 bff30000 3ef20000 bfc10000 bf900000 3dbf0000 bf310000 "
     "bf520000 400e0000 bc710000 401e0000 3e1c0000 bea40000,3f342579,3f3cc4dd"},
    {"H100_E4M3", Generation::kHopper, Format::kE4M3,
     "3f700000 3f800000 bea00000 3fb00000 bf300000 3ea00000 3f800000 3fe00000 3f6000"
     "00 3f500000 bf800000 3eb00000 3cf00000 3e900000 3f800000 3f500000 bf800000 3f7"
     "00000 3bc00000 bfa00000 bee00000 be600000 3fa00000 3fd00000 bd200000 3e600000 "
     "bf000000 bef00000 bf300000 3f300000 40200000 3ed00000,3f100000 bf200000 3ed000"
     "00 3e900000 bff00000 3ef00000 bfc00000 bf900000 3db00000 bf300000 bf500000 400"
     "00000 bc600000 40100000 3e100000 bea00000 bf700000 3ff00000 bf200000 3f100000 "
     "bed00000 bdd00000 bf800000 3fa00000 3fd00000 3fb00000 bdb00000 bc400000 bfc000"
     "00 bec00000 3d200000 bbc00000,3f213ebd,40727c00,408d8000"},
    {"B200_E5M2", Generation::kBlackwell, Format::kE5M2,
     "3f600000 3f800000 bea00000 3fa00000 bf200000 3ea00000 3f800000 3fe00000 3f6000"
     "00 3f400000 bf800000 3ea00000 3ce00000 3e800000 3f800000 3f400000 bf800000 3f6"
     "00000 3bc00000 bfa00000 bee00000 be600000 3fa00000 3fc00000 bd200000 3e600000 "
     "bf000000 bee00000 bf200000 3f200000 40200000 3ec00000,3f000000 bf200000 3ec000"
     "00 3e800000 bfe00000 3ee00000 bfc00000 bf800000 3da00000 bf200000 bf400000 400"
     "00000 bc600000 40000000 3e000000 bea00000 bf600000 3fe00000 bf200000 3f000000 "
     "bec00000 bdc00000 bf800000 3fa00000 3fc00000 3fa00000 bda00000 bc400000 bfc000"
     "00 bec00000 3d200000 bbc00000,3f3f9447,406fc2f2,406fe000"},
};

TEST(VectorCheck, ResultsOfRealChipsMatchBitForBit) {
  for (const RecordedRow& row : kRows) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors, ParseVectors(row.text, row.operand, row.name));
    STRATA_ASSERT_OK_AND_ASSIGN(const Score score,
                                CheckVectors(vectors, row.generation, row.operand));
    EXPECT_EQ(score.matched, 1) << row.name;
    EXPECT_TRUE(score.mismatches.empty()) << row.name;
  }
}

TEST(VectorCheck, OtherGenerationsDifferSomewhere) {
  const RecordedRow& row = kRows[4];
  STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors, ParseVectors(row.text, row.operand, row.name));
  STRATA_ASSERT_OK_AND_ASSIGN(const Score score,
                              CheckVectors(vectors, Generation::kCdna3, row.operand));
  EXPECT_EQ(score.matched, 0);
  EXPECT_EQ(score.vectors, 1);
  ASSERT_EQ(score.mismatches.size(), 1u);
  EXPECT_EQ(score.mismatches[0].line, 1);
  EXPECT_EQ(score.mismatches[0].expected, 0x3f3cc4ddu);
}

TEST(VectorCheck, HopperHasTwoWaysForFp8) {
  const RecordedRow& row = kRows[5];
  STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors, ParseVectors(row.text, row.operand, row.name));
  for (const char* way : {"native", "mma"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Recording recording, ParseRecording(way));
    STRATA_ASSERT_OK_AND_ASSIGN(const Score score,
                                CheckVectors(vectors, row.generation, row.operand, recording));
    EXPECT_EQ(score.matched, 0) << way;  // the fp32 result was recorded without C
  }
}

TEST(VectorCheck, AUnitThatIsNotThereIsNamed) {
  const RecordedRow& row = kRows[4];
  STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors, ParseVectors(row.text, row.operand, row.name));
  EXPECT_THAT(CheckVectors(vectors, Generation::kVolta, row.operand),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("volta multiplies no bf16 to f32; it has: f16 to f32")));
  EXPECT_THAT(ParseRecording("x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("recorded, native, mma")));
}

}  // namespace
}  // namespace strata::chips
