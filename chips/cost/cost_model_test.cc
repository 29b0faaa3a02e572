#include "chips/cost/cost_model.h"

#include "chips/cost/cost_model_conformance.h"
#include "chips/cost/null_cost_model.h"
#include "chips/cost/register_cost_models.h"
#include "chips/cost/roofline.h"

namespace strata::chips {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(
    Models, CostModelConformance,
    testing::Values(CostModelCase{"roofline", MakeRooflineCostModel, {.sees_work = true}},
                    CostModelCase{"null", MakeNullCostModel, {.sees_work = false}}),
    [](const auto& info) { return info.param.name; });

TEST(CostModelRegistry, HasWhatIsRegistered) {
  RegisterCostModels();
  RegisterCostModels();
  EXPECT_THAT(CostModelRegistry().Names(), testing::ElementsAre("null", "roofline"));
  EXPECT_OK(CostModelRegistry().Create("roofline"));
  EXPECT_THAT(CostModelRegistry().Create("oracle"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no cost model named 'oracle'; there is: null")));
}

// 1 TFLOP/s on vectors, 8 on matrix units for bf16; 1 TB/s; 1 us to launch.
Chip ToyChip() {
  Chip chip;
  chip.set_name("toy");
  const auto add = [&chip](DType dtype, bool matrix_unit, double value) {
    ComputeRate* rate = chip.add_rates();
    rate->set_dtype(dtype);
    rate->set_matrix_unit(matrix_unit);
    rate->mutable_flops_per_second()->set_value(value);
  };
  add(F32, false, 1e12);
  add(BF16, true, 8e12);
  add(I8, true, 16e12);
  MemoryLevel* cache = chip.add_memories();
  cache->set_kind(CACHE);
  cache->mutable_bandwidth_bytes_per_second()->set_value(9e12);
  MemoryLevel* main = chip.add_memories();
  main->set_kind(MAIN_MEMORY);
  main->mutable_bandwidth_bytes_per_second()->set_value(1e12);
  chip.mutable_launch_overhead_seconds()->set_value(1e-6);
  return chip;
}

TEST(PeakFlops, MatrixUnitsServeOnlyMatmulsAndFormatsAreWidened) {
  const Chip chip = ToyChip();
  const struct {
    DType dtype;
    bool matmul;
    double peak;
  } kCases[] = {
      {F32, false, 1e12},  {F32, true, 1e12},  {BF16, true, 8e12}, {BF16, false, 1e12},
      {F16, true, 1e12},   {I8, true, 16e12},  {U8, true, 16e12},  {U8, false, 1e12},
      {BOOL, false, 1e12}, {I64, false, 1e12},
  };
  for (const auto& c : kCases) {
    STRATA_ASSERT_OK_AND_ASSIGN(const double peak, PeakFlops(chip, c.dtype, c.matmul));
    EXPECT_EQ(peak, c.peak) << DType_Name(c.dtype) << " " << c.matmul;
  }
}

TEST(PeakFlops, TakesTheFasterOfTwoUnits) {
  Chip chip = ToyChip();
  ComputeRate* rate = chip.add_rates();
  rate->set_dtype(BF16);
  rate->mutable_flops_per_second()->set_value(2e12);
  STRATA_ASSERT_OK_AND_ASSIGN(const double elementwise, PeakFlops(chip, BF16, false));
  STRATA_ASSERT_OK_AND_ASSIGN(const double matmul, PeakFlops(chip, BF16, true));
  EXPECT_EQ(elementwise, 2e12);
  EXPECT_EQ(matmul, 8e12);
}

TEST(PeakFlops, WithoutARateListsWhatThereIs) {
  EXPECT_THAT(PeakFlops(ToyChip(), F64, false),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("chip 'toy': rates: none for f64 elementwise work"),
                             HasSubstr("there is: f32, bf16 (matmul only), i8 (matmul only)"))));
}

TEST(RidgePoint, IsPeakOverBandwidth) {
  STRATA_ASSERT_OK_AND_ASSIGN(const double ridge, RidgePoint(ToyChip(), BF16, true));
  EXPECT_DOUBLE_EQ(ridge, 8);
  EXPECT_THAT(RidgePoint(Chip(), F32, true),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("f32")));
}

TEST(EstimateRoofline, OnEachSideOfTheRidge) {
  const Chip chip = ToyChip();
  STRATA_ASSERT_OK_AND_ASSIGN(Estimate compute, EstimateRoofline(chip, {16e9, BF16, 1e9, true}));
  EXPECT_DOUBLE_EQ(compute.compute_seconds, 2e-3);
  EXPECT_DOUBLE_EQ(compute.memory_seconds, 1e-3);
  EXPECT_DOUBLE_EQ(compute.seconds, 2e-3 + 1e-6);
  EXPECT_EQ(compute.bound, Bound::kCompute);
  STRATA_ASSERT_OK_AND_ASSIGN(Estimate memory, EstimateRoofline(chip, {4e9, BF16, 1e9, true}));
  EXPECT_DOUBLE_EQ(memory.seconds, 1e-3 + 1e-6);
  EXPECT_EQ(memory.bound, Bound::kMemory);
  STRATA_ASSERT_OK_AND_ASSIGN(Estimate small, EstimateRoofline(chip, {100, BF16, 100, true}));
  EXPECT_EQ(small.bound, Bound::kOverhead);
  EXPECT_EQ(BoundName(small.bound), "overhead");
  EXPECT_EQ(BoundName(memory.bound), "memory");
  EXPECT_EQ(BoundName(compute.bound), "compute");
}

TEST(EstimateRoofline, AChipWithoutMainMemoryIsRefused) {
  Chip chip = ToyChip();
  chip.mutable_memories()->RemoveLast();
  EXPECT_THAT(EstimateRoofline(chip, {1, F32, 1, false}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chip 'toy': memories: no MAIN_MEMORY")));
}

}  // namespace
}  // namespace strata::chips
