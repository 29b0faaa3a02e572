#include "chips/spec/host/host.h"

#include <set>

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "chips/spec/validate.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr HostOptions kOneQuick = {1, true};

TEST(MeasureHost, GivesAValidChipWithEveryFigureMeasured) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip chip, MeasureHost(kOneQuick));
  EXPECT_OK(ValidateChip(chip));
  EXPECT_EQ(chip.name(), "host");
  EXPECT_EQ(chip.cores(), 1u);
  std::set<DType> vector_rates;
  for (const ComputeRate& rate : chip.rates()) {
    EXPECT_THAT(rate.flops_per_second().source(), StartsWith("measured: "));
    EXPECT_EQ(rate.matrix_unit(), rate.dtype() == BF16 || rate.dtype() == I8);
    if (!rate.matrix_unit()) vector_rates.insert(rate.dtype());
  }
  EXPECT_THAT(vector_rates, testing::ElementsAre(F32, F64));
  for (const MemoryLevel& level : chip.memories()) {
    EXPECT_THAT(level.capacity_bytes().source(), StartsWith("measured: "));
    if (!level.has_bandwidth_bytes_per_second()) continue;
    EXPECT_THAT(level.bandwidth_bytes_per_second().source(), StartsWith("measured: "));
  }
  EXPECT_THAT(chip.launch_overhead_seconds().source(), StartsWith("measured: "));
}

TEST(MeasureHost, MeasuresOnceInAProcess) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip first, MeasureHost(kOneQuick));
  STRATA_ASSERT_OK_AND_ASSIGN(Chip second, MeasureHost(kOneQuick));
  EXPECT_EQ(PrintTextProto(first), PrintTextProto(second));
}

TEST(MeasureHost, AFullMeasurementServesQuickCallers) {
  STRATA_ASSERT_OK_AND_ASSIGN(Chip full, MeasureHost({2, false}));
  STRATA_ASSERT_OK_AND_ASSIGN(Chip quick, MeasureHost({2, true}));
  EXPECT_EQ(PrintTextProto(full), PrintTextProto(quick));
}

TEST(MeasureHost, RefusesThreadCountsOutOfRange) {
  for (const int threads : {-1, kMaxHostThreads + 1}) {
    EXPECT_THAT(MeasureHost({threads, true}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host: threads: is")));
  }
}

}  // namespace
}  // namespace strata::chips
