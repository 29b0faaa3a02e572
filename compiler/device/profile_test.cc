#include "compiler/device/profile.h"

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "compiler/device/model_device.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using testing::HasSubstr;

// 1 TFLOP/s, 100 GB/s, no overhead.
chips::Chip TestChip() {
  chips::Chip chip;
  EXPECT_OK(ParseTextProto(R"(
    version: 1 name: "test" title: "Test" cores: 1
    rates { dtype: F32 flops_per_second { value: 1e12 source: "test" } }
    memories {
      name: "main" kind: MAIN_MEMORY instances: 1
      capacity_bytes { value: 1e9 source: "test" }
      bandwidth_bytes_per_second { value: 1e11 source: "test" }
    }
  )",
                           "chip", &chip));
  return chip;
}

plan::Plan TestPlan() {
  plan::Plan plan;
  EXPECT_OK(ParseTextProto(R"(
    version: 1 name: "p" streams: 1
    buffers { name: "a" kind: INPUT dtype: F32 dims: 1000 dims: 1000 size_bytes: 4000000 }
    kernels { entry: "k_add" language: C }
    steps { library_call { routine: "matmul" } name: "y" reads: 0 reads: 0 flops: 2e9 bytes_read: 8e6 bytes_written: 4e6 reason: "x" }
    steps { launch { kernel: 0 } name: "z" reads: 0 flops: 1e6 bytes_read: 8e6 bytes_written: 2e6 reason: "x" }
    steps { launch { kernel: 0 } name: "w" reads: 0 flops: 1e6 bytes_read: 8e6 bytes_written: 2e6 reason: "x" }
  )",
                           "plan", &plan));
  return plan;
}

void AddEvent(int step, int64_t start, int64_t duration, chips::Timeline* timeline) {
  chips::TimelineEvent* event = timeline->add_events();
  event->set_name("e");
  event->set_step(step);
  event->set_start_ns(start);
  event->set_duration_ns(duration);
}

TEST(ProfileTest, StepsOfOneKernelAreOneRowBesideTheirRoof) {
  chips::Timeline measured;
  AddEvent(0, 0, 2'500'000, &measured);        // roof 2 ms
  AddEvent(1, 2'500'000, 150'000, &measured);  // roof 0.1 ms
  AddEvent(2, 2'650'000, 250'000, &measured);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto rows, ProfileByKernel(TestPlan(), measured, TestChip()));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].kernel, "matmul(f32[1000,1000], f32[1000,1000])");
  EXPECT_EQ(rows[0].calls, 1);
  EXPECT_NEAR(rows[0].RoofFraction(), 0.8, 1e-6);
  EXPECT_TRUE(rows[0].compute_bound);
  EXPECT_EQ(rows[1].kernel, "k_add");
  EXPECT_EQ(rows[1].calls, 2);
  EXPECT_NEAR(rows[1].seconds, 4e-4, 1e-12);
  EXPECT_NEAR(rows[1].RoofFraction(), 0.5, 1e-6);
  EXPECT_FALSE(rows[1].compute_bound);
  EXPECT_EQ(rows[1].flops, 2e6);
  EXPECT_EQ(rows[1].bytes, 2e7);
  EXPECT_FALSE(rows[1].note.empty()) << "half of its roof, and not a word why";
}

// The chip does products at twice the rate of other work.
TEST(ProfileTest, AnEmittedProductIsHeldToTheRateOfProducts) {
  chips::Chip chip = TestChip();
  chips::ComputeRate* rate = chip.add_rates();
  *rate = chip.rates(0);
  rate->set_matrix_unit(true);
  rate->mutable_flops_per_second()->set_value(2e12);
  plan::Plan plan = TestPlan();
  plan.mutable_steps(1)->set_flops(1e9);
  chips::Timeline measured;
  AddEvent(1, 0, 1'000'000, &measured);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto other, ProfileByKernel(plan, measured, chip));
  EXPECT_NEAR(other[0].RoofFraction(), 1.0, 1e-6);
  graph::Graph* reference = plan.mutable_kernels(0)->mutable_reference();
  reference->add_nodes()->set_op("reshape");
  reference->add_nodes()->set_op("fusion");
  reference->mutable_nodes(1)->add_regions()->add_nodes()->set_op("matmul");
  EXPECT_TRUE(IsProduct(plan, plan.steps(1)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto product, ProfileByKernel(plan, measured, chip));
  EXPECT_NEAR(product[0].RoofFraction(), 0.5, 1e-6);
  EXPECT_THAT(product[0].note, HasSubstr("packed"));
}

TEST(ProfileTest, TableAndPlotShowEveryRow) {
  chips::Timeline measured;
  AddEvent(0, 0, 2'000'000, &measured);
  AddEvent(1, 2'000'000, 100'000, &measured);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto rows, ProfileByKernel(TestPlan(), measured, TestChip()));
  EXPECT_TRUE(rows[0].note.empty()) << rows[0].note;
  const std::string table = ProfileTable(rows);
  EXPECT_THAT(table, HasSubstr("a    2.00 ms"));
  EXPECT_THAT(table, HasSubstr("100%  k_add"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string plot, RooflinePlot(rows, TestChip(), chips::F32));
  EXPECT_THAT(plot, HasSubstr("roof 1000 GFLOP/s (f32) and 100.0 GB/s"));
  EXPECT_THAT(plot, HasSubstr("a"));
  EXPECT_THAT(plot, HasSubstr("b"));
}

TEST(ProfileTest, ATimelineOfAnotherPlanIsRefused) {
  chips::Timeline measured;
  AddEvent(7, 0, 10, &measured);
  EXPECT_THAT(ProfileByKernel(TestPlan(), measured, TestChip()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is of no step of plan 'p'")));
}

}  // namespace
}  // namespace strata::compiler
