#include "distributed/plan/validate.h"

#include <functional>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"

namespace strata::parallel {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Golden(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile("distributed/plan/testdata/" + file);
  EXPECT_OK(text);
  return text.value_or("");
}

ParallelPlan Parse(const std::string& file) {
  ParallelPlan plan;
  EXPECT_OK(ParseTextProto(Golden(file), file, &plan));
  return plan;
}

TEST(ParallelPlanTest, TextFormIsStable) {
  EXPECT_EQ(PrintTextProto(DataParallelPlan(2)), Golden("dp2.textproto"));
  EXPECT_EQ(PrintTextProto(Parse("dp2_tp2_pp2.textproto")), Golden("dp2_tp2_pp2.textproto"));
}

TEST(ParallelPlanTest, DataParallelPlansAreValid) {
  for (int ranks : {1, 2, 3, 8, 1000}) {
    const ParallelPlan plan = DataParallelPlan(ranks);
    EXPECT_OK(ValidateParallelPlan(plan));
    EXPECT_EQ(RankCount(plan), ranks);
    EXPECT_EQ(AxisSize(plan, DATA_PARALLEL), ranks);
    EXPECT_EQ(AxisSize(plan, TENSOR_PARALLEL), 1);
  }
  for (int ranks : {0, -1}) {
    EXPECT_THAT(ValidateParallelPlan(DataParallelPlan(ranks)),
                StatusIs(kInvalid, HasSubstr("mesh[0].size: is 0")));
  }
}

TEST(ParallelPlanTest, FullPlanIsValid) {
  const ParallelPlan plan = Parse("dp2_tp2_pp2.textproto");
  EXPECT_OK(ValidateParallelPlan(plan));
  EXPECT_EQ(RankCount(plan), 8);
  EXPECT_EQ(AxisSize(plan, PIPELINE_PARALLEL), 2);
}

struct Break {
  std::string name;
  std::function<void(ParallelPlan&)> apply;
  std::string message;
};

TEST(ParallelPlanTest, FaultsAreNamedByPath) {
  const Break breaks[] = {
      {"version", [](ParallelPlan& p) { p.set_version(1); },
       "version: is 1; this build reads version 2"},
      {"no mesh", [](ParallelPlan& p) { p.clear_mesh(); }, "mesh: is empty"},
      {"no axis name", [](ParallelPlan& p) { p.mutable_mesh(1)->clear_name(); },
       "mesh[1].name: is empty"},
      {"axis twice", [](ParallelPlan& p) { p.mutable_mesh(2)->set_name("dp"); },
       "mesh[2].name: 'dp' is taken"},
      {"no kind", [](ParallelPlan& p) { p.mutable_mesh(0)->clear_kind(); },
       "mesh[0].kind: is not set"},
      {"unknown kind",
       [](ParallelPlan& p) { p.mutable_mesh(0)->set_kind(static_cast<AxisKind>(99)); },
       "mesh[0].kind: is not set to a known kind"},
      {"empty axis", [](ParallelPlan& p) { p.mutable_mesh(2)->set_size(0); }, "mesh[2].size: is 0"},
      {"too many ranks", [](ParallelPlan& p) { p.mutable_mesh(1)->set_size(4000000000u); },
       "mesh[1].size: the mesh has"},
      {"two pipelines", [](ParallelPlan& p) { p.mutable_mesh(1)->set_kind(PIPELINE_PARALLEL); },
       "mesh[1].kind: a mesh has at most one"},
      {"no tensor", [](ParallelPlan& p) { p.mutable_shardings(0)->clear_tensor(); },
       "shardings[0].tensor: is empty"},
      {"tensor twice", [](ParallelPlan& p) { *p.add_shardings() = p.shardings(0); },
       "shardings[1].tensor: 'mlp.w' is sharded above"},
      {"no such axis", [](ParallelPlan& p) { p.mutable_shardings(0)->set_axes(1, "ep"); },
       "shardings[0]: axes[1]: there is no mesh axis 'ep'"},
      {"axis twice", [](ParallelPlan& p) { p.mutable_shardings(0)->set_axes(0, "tp"); },
       "shardings[0]: axes[1]: 'tp' splits a dim already"},
      {"pipeline axis", [](ParallelPlan& p) { p.mutable_shardings(0)->set_axes(0, "pp"); },
       "shardings[0]: axes[0]: 'pp' is the pipeline's axis"},
      {"no microbatch", [](ParallelPlan& p) { p.set_microbatches(0); }, "microbatches: is 0"},
      {"no pipeline", [](ParallelPlan& p) { p.clear_pipeline(); }, "pipeline: has 0 stages"},
      {"no slots", [](ParallelPlan& p) { p.mutable_pipeline(1)->clear_slots(); },
       "pipeline[1].slots: is empty"},
      {"no slot kind",
       [](ParallelPlan& p) { p.mutable_pipeline(0)->mutable_slots(2)->clear_kind(); },
       "pipeline[0].slots[2].kind: is not set"},
      {"microbatch",
       [](ParallelPlan& p) { p.mutable_pipeline(0)->mutable_slots(1)->set_microbatch(2); },
       "pipeline[0].slots[1]: microbatch: 2 is outside [0, 2)"},
      {"backward first",
       [](ParallelPlan& p) { p.mutable_pipeline(1)->mutable_slots(0)->set_kind(BACKWARD); },
       "pipeline[1].slots[1]: BACKWARD_INPUT of microbatch 0, chunk 1 is done before, by "
       "pipeline[1].slots[0]"},
      {"forward twice",
       [](ParallelPlan& p) { p.mutable_pipeline(1)->mutable_slots(1)->set_kind(FORWARD); },
       "pipeline[1].slots[1]: FORWARD of microbatch 0, chunk 1 is done before"},
      {"lost microbatch",
       [](ParallelPlan& p) { p.mutable_pipeline(0)->mutable_slots()->RemoveLast(); },
       "pipeline[0]: BACKWARD of microbatch 1, chunk 0 is missing; add it after "
       "pipeline[0].slots[1]"},
      {"axis with a comma", [](ParallelPlan& p) { p.mutable_mesh(1)->set_name("dp,x"); },
       "mesh[1].name: 'dp,x' has a comma"},
      {"second of two axes", [](ParallelPlan& p) { p.mutable_shardings(0)->set_axes(0, "dp,ep"); },
       "shardings[0]: axes[0]: there is no mesh axis 'ep'"},
      {"no such chunk",
       [](ParallelPlan& p) { p.mutable_pipeline(0)->mutable_slots(1)->set_chunk(2); },
       "pipeline[0].slots[1]: chunk: 2 is outside [0, 2)"},
      {"chunk nobody runs", [](ParallelPlan& p) { p.add_chunks(); },
       "FORWARD of microbatch 0, chunk 2 is missing, and so is all else"},
      {"context", [](ParallelPlan& p) { p.set_context(static_cast<ContextMethod>(9)); },
       "context: 9 is not a known method"},
      {"bucket", [](ParallelPlan& p) { p.set_bucket_bytes(-1); }, "bucket_bytes: is -1"},
      {"zero", [](ParallelPlan& p) { p.set_zero(static_cast<ZeroStage>(7)); },
       "zero: 7 is not a known stage"},
  };
  for (const Break& fault : breaks) {
    ParallelPlan plan = Parse("dp2_tp2_pp2.textproto");
    fault.apply(plan);
    EXPECT_THAT(ValidateParallelPlan(plan), StatusIs(kInvalid, HasSubstr(fault.message)))
        << fault.name;
  }
}

TEST(ParallelPlanTest, PipelineNeedsItsAxis) {
  ParallelPlan plan = DataParallelPlan(2);
  plan.add_pipeline();
  EXPECT_THAT(ValidateParallelPlan(plan), StatusIs(kInvalid, HasSubstr("pipeline: has 1 stages")));
  plan = DataParallelPlan(2);
  plan.add_chunks();
  EXPECT_THAT(ValidateParallelPlan(plan), StatusIs(kInvalid, HasSubstr("chunks: there are 1")));
}

}  // namespace
}  // namespace strata::parallel
