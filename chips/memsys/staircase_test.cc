#include "chips/memsys/staircase.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::HasSubstr;

void AddCache(const char* name, double bytes, Chip* chip) {
  MemoryLevel* level = chip->add_memories();
  level->set_name(name);
  level->set_kind(CACHE);
  level->mutable_capacity_bytes()->set_value(bytes);
}

Chip SmallChip() {
  Chip chip;
  AddCache("L1", 32768, &chip);
  AddCache("L2", 262144, &chip);
  AddCache("L3", 2097152, &chip);
  return chip;
}

// A machine that is the model: caches at 1, 4 and 20 ns, memory at 100, TLBs of 16 and 64 entries at 2 and 9,
// and a last cache of which only `share` bytes are ours.
class ModelMachine {
 public:
  explicit ModelMachine(int64_t share) {
    caches_.levels = {{{32768, 8, 64}, 1}, {{262144, 8, 64}, 4}, {{share, 16, 64}, 20}};
    caches_.memory_latency = 100;
    tlb_.levels = {{{16 * 4096, 16, 4096}, 0}, {{64 * 4096, 64, 4096}, 2}};
    tlb_.memory_latency = 9;
  }

  absl::StatusOr<double> Measure(int64_t lines, int64_t line_bytes) const {
    STRATA_ASSIGN_OR_RETURN(CacheHierarchy caches, CacheHierarchy::Make(caches_));
    STRATA_ASSIGN_OR_RETURN(CacheHierarchy tlb, CacheHierarchy::Make(tlb_));
    const std::vector<int32_t> next = RandomCycle(lines, 1);
    return SimulateChase(next, line_bytes, &caches).mean_latency +
           SimulateChase(next, line_bytes, &tlb).mean_latency;
  }

 private:
  CacheHierarchyConfig caches_, tlb_;
};

StaircaseOptions SmallTlbs() {
  StaircaseOptions options;
  options.first_tlb = 16;
  options.second_tlb = 512;
  return options;
}

// With 512 entries in the second TLB the machine has one level of translation less to learn: what is
// predicted between the calibrated points is what the machine does.
TEST(Staircase, LearnsAMachineThatIsTheModel) {
  CacheHierarchyConfig caches, tlb;
  caches.levels = {{{32768, 8, 64}, 1}, {{262144, 8, 64}, 4}, {{2097152, 16, 64}, 20}};
  caches.memory_latency = 100;
  tlb.levels = {{{16 * 4096, 16, 4096}, 0}, {{512 * 4096, 16, 4096}, 2}};
  tlb.memory_latency = 9;
  const MeasureLatency measure = [&](int64_t lines, int64_t line_bytes) -> absl::StatusOr<double> {
    STRATA_ASSIGN_OR_RETURN(CacheHierarchy c, CacheHierarchy::Make(caches));
    STRATA_ASSIGN_OR_RETURN(CacheHierarchy t, CacheHierarchy::Make(tlb));
    const std::vector<int32_t> next = RandomCycle(lines, 1);
    return SimulateChase(next, line_bytes, &c).mean_latency +
           SimulateChase(next, line_bytes, &t).mean_latency;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const Staircase stairs, Calibrate(SmallChip(), SmallTlbs(), measure));
  EXPECT_NEAR(stairs.spec.levels[0].latency, 1, 0.05);
  EXPECT_NEAR(stairs.spec.levels[1].latency, 4, 0.2);
  EXPECT_NEAR(stairs.spec.levels[2].latency, 20, 0.5);
  EXPECT_NEAR(stairs.spec.memory_latency, 100, 1);
  EXPECT_EQ(stairs.share.levels[2].cache.bytes, 2097152);
  EXPECT_EQ(stairs.calibrated, (std::vector<int64_t>{16384, 49152, 393216, 8388608}));
  for (const int64_t bytes : {8192, 65536, 131072, 1048576, 3145728}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Prediction prediction, stairs.Predict(bytes));
    STRATA_ASSERT_OK_AND_ASSIGN(const double measured, measure(bytes / 64, 64));
    EXPECT_NEAR(prediction.spec, measured, 0.05 * measured) << bytes;
    EXPECT_EQ(prediction.spec, prediction.share);
  }
}

TEST(Staircase, FindsTheShareOfTheLastCache) {
  const ModelMachine machine(786432);
  const MeasureLatency measure = [&](int64_t lines, int64_t line_bytes) {
    return machine.Measure(lines, line_bytes);
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const Staircase stairs, Calibrate(SmallChip(), SmallTlbs(), measure));
  EXPECT_NEAR(static_cast<double>(stairs.share.levels[2].cache.bytes), 786432, 786432 / 6.0);
  EXPECT_EQ(stairs.spec.levels[2].cache.bytes, 2097152);
}

TEST(Staircase, RefusesWhatItCannotModel) {
  const MeasureLatency measure = [](int64_t, int64_t) -> absl::StatusOr<double> { return 1.0; };
  EXPECT_THAT(Calibrate(Chip(), SmallTlbs(), measure),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no caches")));
  StaircaseOptions options = SmallTlbs();
  options.second_tlb = 16;
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Calibrate(SmallChip(), options, measure), StatusIs(kInvalid, HasSubstr("tlb: ")));
  options = SmallTlbs();
  options.ways = {7};
  EXPECT_THAT(Calibrate(SmallChip(), options, measure), StatusIs(kInvalid, HasSubstr("L1: bytes")));
  const MeasureLatency broken = [](int64_t, int64_t) -> absl::StatusOr<double> {
    return absl::ResourceExhaustedError("no memory");
  };
  EXPECT_THAT(Calibrate(SmallChip(), SmallTlbs(), broken),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no memory")));
}

}  // namespace
}  // namespace strata::chips::memsys
