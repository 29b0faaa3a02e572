#include "chips/numerics/vector_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status_matchers.h"
#include "chips/numerics/recorded_rows.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

constexpr Generation kNvidia[] = {Generation::kVolta, Generation::kAmpere, Generation::kAda,
                                  Generation::kHopper, Generation::kBlackwell};

// "3f7a,3f19 ; ..." -> "3f7a0000,3f190000\n...": the form of the published files.
std::string WholeWords(absl::string_view rows) {
  std::string text;
  size_t digits = 0;
  const auto end_word = [&] {
    if (digits > 0) text.append(8 - std::min<size_t>(digits, 8), '0');
    return std::exchange(digits, 0) > 0;
  };
  for (const char c : rows) {
    if (c == ',' || c == ';') {
      end_word();
      while (!text.empty() && text.back() == ' ') text.pop_back();
      text += c == ',' ? ',' : '\n';
    } else if (c == ' ' || c == '\n') {
      if (end_word()) text += ' ';
    } else {
      text += c;
      ++digits;
    }
  }
  end_word();
  return text;
}

std::vector<DotVector> Vectors(const RecordedRows& file) {
  const auto vectors = ParseVectors(WholeWords(file.rows), file.operand, file.name);
  EXPECT_TRUE(vectors.ok()) << vectors.status();
  return vectors.ok() ? *vectors : std::vector<DotVector>();
}

const RecordedRows& Find(const std::string& name) {
  return *std::find_if(std::begin(kRecordedRows), std::end(kRecordedRows),
                       [&](const RecordedRows& file) { return file.name == name; });
}

bool IsFp8(Format format) { return format == Format::kE4M3 || format == Format::kE5M2; }

// But for fp8, Ada multiplies as Ampere did, and Blackwell as Hopper did.
bool SameRules(Generation x, Generation y, Format operand) {
  if (x == y || IsFp8(operand)) return x == y;
  const auto elder = [](Generation g) {
    return g == Generation::kAda         ? Generation::kAmpere
           : g == Generation::kBlackwell ? Generation::kHopper
                                         : g;
  };
  return elder(x) == elder(y);
}

TEST(VectorCheck, ResultsOfRealChipsMatchBitForBit) {
  EXPECT_EQ(std::size(kRecordedRows), 19u);
  for (const RecordedRows& file : kRecordedRows) {
    SCOPED_TRACE(file.name);
    const std::vector<DotVector> vectors = Vectors(file);
    EXPECT_EQ(vectors.size(), IsFp8(file.operand) ? 3u : 4u);
    STRATA_ASSERT_OK_AND_ASSIGN(const Score score,
                                CheckVectors(vectors, file.generation, file.operand));
    EXPECT_EQ(score.vectors, static_cast<int64_t>(vectors.size()));
    EXPECT_EQ(score.matched, score.vectors);
    EXPECT_TRUE(score.mismatches.empty());
  }
}

// The rows tell the generations apart: the rules of another one fail on each of them.
TEST(VectorCheck, OtherGenerationsDifferOnEachRow) {
  int differing = 0, same = 0;
  for (const RecordedRows& file : kRecordedRows) {
    const std::vector<DotVector> vectors = Vectors(file);
    for (const Generation other : kNvidia) {
      if (!FindDotRule(other, file.operand).ok()) continue;
      SCOPED_TRACE(std::string(file.name) + " on " + std::string(GenerationName(other)));
      STRATA_ASSERT_OK_AND_ASSIGN(const Score score, CheckVectors(vectors, other, file.operand));
      if (SameRules(file.generation, other, file.operand)) {
        ++same;
        EXPECT_EQ(score.matched, score.vectors);
      } else {
        ++differing;
        EXPECT_EQ(score.matched, 0);
      }
    }
  }
  EXPECT_EQ(same, 19 + 12);  // their own; fp16, bf16 and tf32 of the two pairs, both ways
  // fp8 of three chips; fp16, bf16 and tf32 between the pairs; fp16 between Volta and the four.
  EXPECT_EQ(differing, 12 + 24 + 8);
}

TEST(VectorCheck, OneWrongLastBitOfAResultIsFound) {
  for (const RecordedRows& file : kRecordedRows) {
    SCOPED_TRACE(file.name);
    std::vector<DotVector> wide = Vectors(file), narrow = wide;
    for (DotVector& vector : wide) *vector.d_f32 ^= 1;
    STRATA_ASSERT_OK_AND_ASSIGN(Score score, CheckVectors(wide, file.generation, file.operand));
    EXPECT_EQ(score.matched, 0);
    EXPECT_EQ(score.mismatches.size(), wide.size());
    if (!narrow[0].d_f16.has_value()) continue;
    for (DotVector& vector : narrow) *vector.d_f16 ^= 1u << 13;
    STRATA_ASSERT_OK_AND_ASSIGN(score, CheckVectors(narrow, file.generation, file.operand));
    EXPECT_EQ(score.matched, 0);
    EXPECT_EQ(score.mismatches.size(), narrow.size());
  }
}

TEST(VectorCheck, AMismatchSaysWhereAndWhat) {
  std::vector<DotVector> vectors = Vectors(Find("H100_bf16"));
  const uint32_t recorded = *vectors[1].d_f32;
  *vectors[1].d_f32 ^= 0x10;
  STRATA_ASSERT_OK_AND_ASSIGN(const Score score,
                              CheckVectors(vectors, Generation::kHopper, Format::kBf16));
  EXPECT_EQ(score.matched, 3);
  EXPECT_EQ(score.vectors, 4);
  ASSERT_EQ(score.mismatches.size(), 1u);
  EXPECT_EQ(score.mismatches[0].line, 2);
  EXPECT_EQ(score.mismatches[0].result, Format::kF32);
  EXPECT_EQ(score.mismatches[0].expected, recorded ^ 0x10);
  EXPECT_EQ(score.mismatches[0].computed, recorded);
}

double CutOff(double x, int exponent) {
  return std::ldexp(std::trunc(std::ldexp(x, -exponent)), exponent);
}

uint32_t Word(double x) { return std::bit_cast<uint32_t>(static_cast<float>(x)); }

// Hopper's own fp8 unit, in doubles: products and C are cut off 13 bits below the largest exponent,
// a product's being the sum of its factors', and the sum 13 bits below its own.
uint32_t HopperUnit(const DotVector& vector, Format operand) {
  const double c = std::bit_cast<float>(vector.c);
  std::vector<double> terms = {c};
  int largest = std::ilogb(c);
  for (size_t i = 0; i < vector.a.size(); ++i) {
    const double x = Decode(operand, vector.a[i]), y = Decode(operand, vector.b[i]);
    terms.push_back(x * y);
    if (x * y == 0) continue;
    const int least = operand == Format::kE4M3 ? -6 : -14;  // subnormals have this exponent
    largest = std::max(largest, std::max(std::ilogb(x), least) + std::max(std::ilogb(y), least));
  }
  double sum = 0;
  for (const double term : terms) sum += CutOff(term, largest - 13);
  return Word(CutOff(sum, std::ilogb(sum) - 13));
}

// mma.sync: of numbers of a few bits the fp16 unit's dot is exact, and C is added to it to nearest.
uint32_t ThroughFp16(const DotVector& vector, Format operand) {
  double dot = 0;
  for (size_t i = 0; i < vector.a.size(); ++i) {
    dot += Decode(operand, vector.a[i]) * Decode(operand, vector.b[i]);
  }
  return Word(dot + std::bit_cast<float>(vector.c));
}

std::vector<uint32_t> Fp32ResultsThatDiffer(const Score& score) {
  std::vector<uint32_t> computed;
  for (const Mismatch& m : score.mismatches) {
    if (m.result == Format::kF32) computed.push_back(m.computed);
  }
  return computed;
}

// Both differ from the fp32 results recorded, which are without C: what each computes is in the
// mismatches. The fp16 results were recorded by mma.sync.
TEST(VectorCheck, HopperHasTwoWaysForFp8) {
  for (const RecordedRows& file : {Find("H100_E4M3"), Find("H100_E5M2")}) {
    SCOPED_TRACE(file.name);
    const std::vector<DotVector> vectors = Vectors(file);
    STRATA_ASSERT_OK_AND_ASSIGN(const Score unit, CheckVectors(vectors, Generation::kHopper,
                                                               file.operand, Recording::kNative));
    STRATA_ASSERT_OK_AND_ASSIGN(const Score mma, CheckVectors(vectors, Generation::kHopper,
                                                              file.operand, Recording::kMmaSync));
    const std::vector<uint32_t> by_unit = Fp32ResultsThatDiffer(unit);
    const std::vector<uint32_t> by_mma = Fp32ResultsThatDiffer(mma);
    ASSERT_EQ(by_unit.size(), vectors.size());
    ASSERT_EQ(by_mma.size(), vectors.size());
    EXPECT_EQ(mma.mismatches.size(), by_mma.size());  // none in fp16
    for (size_t i = 0; i < vectors.size(); ++i) {
      EXPECT_EQ(by_unit[i], HopperUnit(vectors[i], file.operand)) << i;
      EXPECT_EQ(by_mma[i], ThroughFp16(vectors[i], file.operand)) << i;
      EXPECT_NE(by_unit[i], by_mma[i]) << i;
    }
  }
}

TEST(VectorCheck, RecordingsHaveNames) {
  for (const auto& [name, recording] : {std::pair{"recorded", Recording::kPublished},
                                        {"native", Recording::kNative},
                                        {"mma", Recording::kMmaSync}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Recording parsed, ParseRecording(name));
    EXPECT_EQ(parsed, recording) << name;
  }
  EXPECT_THAT(ParseRecording("x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("recorded, native, mma")));
}

TEST(VectorCheck, AUnitThatIsNotThereIsNamed) {
  EXPECT_THAT(CheckVectors(Vectors(Find("H100_bf16")), Generation::kVolta, Format::kBf16),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("volta multiplies no bf16 to f32; it has: f16 to f32")));
}

}  // namespace
}  // namespace strata::chips
