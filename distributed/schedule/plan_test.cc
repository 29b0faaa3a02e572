#include "distributed/schedule/plan.h"

#include <random>
#include <string>

#include "base/status_matchers.h"
#include "distributed/plan/validate.h"
#include "distributed/schedule/random_schedule.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/validate.h"

namespace strata::schedule {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

parallel::ParallelPlan PipelinePlan(const Schedule& schedule) {
  parallel::ParallelPlan plan = parallel::DataParallelPlan(schedule.ranks);
  plan.mutable_mesh(0)->set_name("pp");
  plan.mutable_mesh(0)->set_kind(parallel::PIPELINE_PARALLEL);
  WriteToPlan(schedule, &plan);
  return plan;
}

void ExpectRoundTrip(Schedule schedule) {
  const parallel::ParallelPlan plan = PipelinePlan(schedule);
  EXPECT_OK(parallel::ValidateParallelPlan(plan)) << schedule.name;
  const auto read = ReadFromPlan(plan);
  ASSERT_OK(read);
  schedule.name = "";
  EXPECT_EQ(*read, schedule);
}

TEST(PlanTest, AllSchedulesGoThroughThePlan) {
  for (const std::string& name : ScheduleNames()) {
    const auto schedule = MakeSchedule(name, {.ranks = 4, .microbatches = 8});
    ASSERT_OK(schedule);
    ExpectRoundTrip(*schedule);
  }
  std::mt19937 random(4);
  for (int i = 0; i < 100; ++i) ExpectRoundTrip(RandomSchedule(random));
}

TEST(PlanTest, FaultsOfAPlanAreNamedByPath) {
  const auto schedule = MakeSchedule("zb_h1", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(schedule);
  parallel::ParallelPlan plan = PipelinePlan(*schedule);
  plan.mutable_pipeline(1)->mutable_slots(2)->clear_kind();
  EXPECT_THAT(ReadFromPlan(plan),
              StatusIs(kInvalid, HasSubstr("pipeline[1].slots[2].kind: is not set")));
  plan = PipelinePlan(*schedule);
  plan.mutable_pipeline(1)->mutable_slots(0)->set_microbatch(4000000000u);
  EXPECT_THAT(parallel::ValidateParallelPlan(plan),
              StatusIs(kInvalid, HasSubstr("pipeline[1].slots[0]: microbatch: ")));
  // A deadlock, which no look at one rank shows.
  plan = PipelinePlan(*MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2}));
  for (int rank : {0, 1}) plan.mutable_pipeline(rank)->mutable_slots()->SwapElements(1, 2);
  EXPECT_THAT(parallel::ValidateParallelPlan(plan), StatusIs(kInvalid, HasSubstr("deadlock")));
}

TEST(PlanTest, ChunksAreKept) {
  const auto schedule = MakeSchedule("zb_v", {.ranks = 2, .microbatches = 4});
  ASSERT_OK(schedule);
  parallel::ParallelPlan plan;
  plan.add_chunks()->add_nodes("h.0.*");
  WriteToPlan(*schedule, &plan);
  EXPECT_EQ(plan.chunks_size(), 4);
  EXPECT_EQ(plan.chunks(0).nodes(0), "h.0.*");
  plan.add_chunks();
  WriteToPlan(*schedule, &plan);
  EXPECT_EQ(plan.chunks_size(), 5);
  EXPECT_THAT(ValidateSchedule(*ReadFromPlan(plan)),
              StatusIs(kInvalid, HasSubstr("FORWARD of microbatch 0, chunk 4 is missing")));
}

}  // namespace
}  // namespace strata::schedule
