#include "chips/spec/catalogue.h"

#include <set>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "chips/spec/validate.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

double RateOf(const Chip& chip, DType dtype, bool matrix_unit) {
  for (const ComputeRate& rate : chip.rates()) {
    if (rate.dtype() == dtype && rate.matrix_unit() == matrix_unit)
      return rate.flops_per_second().value();
  }
  return 0;
}

TEST(Catalogue, HasThePromisedChips) {
  EXPECT_THAT(ChipNames(), ElementsAre("a100", "b200", "davinci_like", "edge_16", "edge_16_os",
                                       "h100", "h200", "host", "tpu_v1_like", "tpu_v4_like"));
}

TEST(Catalogue, KnowsWhichChipsAreSimulated) {
  EXPECT_THAT(SimulatedChipNames(),
              ElementsAre("davinci_like", "edge_16", "edge_16_os", "tpu_v1_like", "tpu_v4_like"));
}

TEST(Catalogue, EveryChipIsValidAndNamedAsItsFile) {
  for (const std::string& name : ChipNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip(name));
    EXPECT_OK(ValidateChip(chip));
    EXPECT_EQ(chip.name(), name);
  }
}

TEST(Catalogue, AcceleratorsHaveTheRatesThatModelsNeed) {
  for (const char* name : {"a100", "b200", "h100", "h200"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip(name));
    EXPECT_GT(RateOf(chip, F32, false), 0) << name;
    // Dense tensor rates: an 8-bit operand doubles what a 16-bit one does.
    const double half = RateOf(chip, BF16, true);
    EXPECT_EQ(RateOf(chip, F16, true), half) << name;
    EXPECT_NEAR(RateOf(chip, I8, true) / half, 2, 0.01) << name;
    EXPECT_EQ(chip.memories_size(), 4) << name;
    EXPECT_TRUE(chip.has_launch_overhead_seconds()) << name;
  }
}

TEST(FindChip, ReadsAFile) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip("h100"));
  chip.set_name("mine");
  const std::string path = JoinPath(testing::TempDir(), "mine.textproto");
  ASSERT_OK(WriteFileAtomic(path, PrintTextProto(chip)));
  STRATA_ASSERT_OK_AND_ASSIGN(Chip mine, FindChip(path));
  EXPECT_EQ(PrintTextProto(mine), PrintTextProto(chip));
}

TEST(FindChip, RefusesAnInvalidFileByItsPathAndField) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, FindChip("h100"));
  chip.mutable_rates(2)->mutable_flops_per_second()->clear_source();
  const std::string path = JoinPath(testing::TempDir(), "unsourced.textproto");
  ASSERT_OK(WriteFileAtomic(path, PrintTextProto(chip)));
  EXPECT_THAT(FindChip(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith(path), HasSubstr("chip 'h100': rates[2].flops_per_"
                                                         "second.source: is empty"))));
  ASSERT_OK(WriteFileAtomic(path, "version: 1\nnome: \"x\"\n"));
  EXPECT_THAT(FindChip(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith(absl::StrCat(path, ":2:")), HasSubstr("nome"))));
}

TEST(FindChip, AnUnknownNameListsTheKnownOnes) {
  EXPECT_THAT(
      FindChip("h1000"),
      StatusIs(absl::StatusCode::kNotFound,
               AllOf(HasSubstr("no chip named 'h1000'; there is: a100, b200, davinci_like, "),
                     HasSubstr(".textproto"))));
  EXPECT_THAT(FindChip(""), StatusIs(absl::StatusCode::kNotFound, HasSubstr("a100")));
  EXPECT_THAT(FindChip("gone.textproto"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("gone.textproto")));
}

}  // namespace
}  // namespace strata::chips
