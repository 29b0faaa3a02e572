#include "compiler/plan/validate.h"

#include <functional>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::plan {
namespace {

using ::testing::HasSubstr;

constexpr char kGolden[] = "compiler/plan/testdata/scale.plan.textproto";

Plan Scale() {
  Plan plan;
  EXPECT_OK(ReadTextProto(kGolden, &plan));
  return plan;
}

TEST(ValidatePlanTest, GoldenTextIsValidAndStable) {
  const Plan plan = Scale();
  EXPECT_OK(ValidatePlan(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(kGolden));
  EXPECT_EQ(PrintTextProto(plan), text);
}

TEST(ValidatePlanTest, AliasesLeadToTheirRoot) {
  EXPECT_EQ(RootBuffer(Scale(), 3), 2u);
  EXPECT_EQ(RootBuffer(Scale(), 4), 4u);
}

struct Damage {
  const char* name;
  const char* message;
  std::function<void(Plan*)> make;
};

class DamagedPlanTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedPlanTest, IsRefusedWithThePathToTheFault) {
  Plan plan = Scale();
  GetParam().make(&plan);
  EXPECT_THAT(ValidatePlan(plan),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

const Damage kDamages[] = {
    {"Version", "plan 'scale': version: is 9", [](Plan* p) { p->set_version(9); }},
    {"Device", "target.device: is not set", [](Plan* p) { p->mutable_target()->clear_device(); }},
    {"Streams", "streams: is 0", [](Plan* p) { p->set_streams(0); }},
    {"OutputNames", "output_names: has 0", [](Plan* p) { p->clear_output_names(); }},
    {"BufferName", "buffers[1].name: 'x' is empty or taken",
     [](Plan* p) { p->mutable_buffers(1)->set_name("x"); }},
    {"BufferKind", "buffers[0] ('x'): kind: is not set",
     [](Plan* p) { p->mutable_buffers(0)->clear_kind(); }},
    {"DType", "buffers[0] ('x'): dtype: is not set",
     [](Plan* p) { p->mutable_buffers(0)->clear_dtype(); }},
    {"NegativeDim", "dims[1]: is -1", [](Plan* p) { p->mutable_buffers(0)->set_dims(1, -1); }},
    {"HugeDims", "overflows",
     [](Plan* p) {
       p->mutable_buffers(0)->set_dims(0, int64_t{1} << 62);
       p->mutable_buffers(0)->set_dims(1, int64_t{1} << 62);
     }},
    {"Size", "size_bytes: is 64; dtype and dims make 128",
     [](Plan* p) { p->mutable_buffers(0)->set_size_bytes(64); }},
    {"ConstantLength", "constant: has 1 bytes",
     [](Plan* p) { p->mutable_buffers(1)->set_constant("a"); }},
    {"ConstantElsewhere", "only a CONSTANT",
     [](Plan* p) { p->mutable_buffers(0)->set_constant("a"); }},
    {"Alignment", "buffers[2] ('h'): offset: 24 is not a multiple of 64",
     [](Plan* p) {
       p->mutable_buffers(2)->set_offset(24);
       p->set_arena_bytes(512);
     }},
    {"Arena", "outside the arena of 64 bytes", [](Plan* p) { p->set_arena_bytes(64); }},
    {"Lifetime", "is not a range of the 2 steps",
     [](Plan* p) { p->mutable_buffers(2)->set_last_step(7); }},
    {"LifetimeTooShort", "steps 0 to 1 touch its storage",
     [](Plan* p) { p->mutable_buffers(2)->set_last_step(0); }},
    {"AliasForward", "in_place_of: 3 must be an earlier buffer",
     [](Plan* p) { p->mutable_buffers(3)->set_in_place_of(3); }},
    {"AliasSize", "in_place_of: has 128 bytes",
     [](Plan* p) { p->mutable_buffers(3)->set_in_place_of(1); }},
    {"AliasKind", "only a TEMPORARY or an OUTPUT",
     [](Plan* p) { p->mutable_buffers(3)->set_kind(INPUT); }},
    {"OutputInArena", "not handed to the caller",
     [](Plan* p) { p->mutable_buffers(4)->set_in_place_of(2); }},
    {"Overlap", "shares bytes of the arena",
     [](Plan* p) {
       Buffer* other = p->add_buffers();
       *other = p->buffers(2);
       other->set_name("other");
       other->set_offset(64);
       p->set_arena_bytes(256);
     }},
    {"Entry", "kernels[0].entry: '1x' is no symbol",
     [](Plan* p) { p->mutable_kernels(0)->set_entry("1x"); }},
    {"EntryTaken", "is taken by another kernel",
     [](Plan* p) { *p->add_kernels() = p->kernels(0); }},
    {"Language", "kernels[0].language", [](Plan* p) { p->mutable_kernels(0)->clear_language(); }},
    {"Source", "does not define 'scale_0'",
     [](Plan* p) { p->mutable_kernels(0)->set_source("int x;"); }},
    {"Extent", "parallel_extent", [](Plan* p) { p->mutable_kernels(0)->set_parallel_extent(-1); }},
    {"Grain", "grain", [](Plan* p) { p->mutable_kernels(0)->set_grain(0); }},
    {"DataInC", "kernels[0].data: only programs of an NPU have data",
     [](Plan* p) { p->mutable_kernels(0)->add_data()->set_region("table"); }},
    {"ProgramRunsOnce", "kernels[0]: parallel_extent: a program of an NPU runs once",
     [](Plan* p) { p->mutable_kernels(0)->set_language(NPU); }},
    {"ProgramOfNoMachine", "target.isa names no machine",
     [](Plan* p) {
       p->mutable_kernels(0)->set_language(NPU);
       p->mutable_target()->set_device("npu");
       p->mutable_target()->clear_isa();
     }},
    {"DataTwice", "kernels[0]: data[1].region: 'table' is no name, or is given twice",
     [](Plan* p) {
       Kernel* kernel = p->mutable_kernels(0);
       kernel->set_language(NPU);
       kernel->set_parallel_extent(1);
       kernel->add_data()->set_region("table");
       kernel->add_data()->set_region("table");
     }},
    {"Schedule", "kernels[0].schedule: recipe: there is no line \"schedule\"",
     [](Plan* p) { p->mutable_kernels(0)->set_schedule("program p"); }},
    {"ScheduleOfAnother", "kernels[0].schedule: makes a kernel 'other', not '",
     [](Plan* p) {
       p->mutable_kernels(0)->set_schedule(
           "program p\noutput Y f32[2]\nfor i < 2 {\n  Y[i] = 1\n}\nschedule\nkernel other nest 0 "
           "buffers Y\n");
     }},
    {"InputId", "inputs[0]: buffer id 77 is outside [0, 5)", [](Plan* p) { p->set_inputs(0, 77); }},
    {"InputKind", "is not an INPUT", [](Plan* p) { p->set_inputs(0, 2); }},
    {"InputMissing", "inputs does not list", [](Plan* p) { p->clear_inputs(); }},
    {"StepName", "name: is empty", [](Plan* p) { p->mutable_steps(0)->clear_name(); }},
    {"Reason", "steps[0] ('mul'): reason: is empty",
     [](Plan* p) { p->mutable_steps(0)->clear_reason(); }},
    {"Flops", "must be finite", [](Plan* p) { p->mutable_steps(0)->set_flops(-1); }},
    {"Stream", "stream: 1 is outside [0, 1)", [](Plan* p) { p->mutable_steps(0)->set_stream(1); }},
    {"WaitFor", "wait_for: 0 is not an earlier step",
     [](Plan* p) { p->mutable_steps(0)->add_wait_for(0); }},
    {"ReadId", "reads[0]: buffer id 9", [](Plan* p) { p->mutable_steps(0)->set_reads(0, 9); }},
    {"ReadBeforeWrite", "is read before any step writes it",
     [](Plan* p) { p->mutable_steps(0)->set_reads(0, 2); }},
    {"ReadOverwritten", "is read while its storage holds buffers[4] ('y')",
     [](Plan* p) {
       p->mutable_buffers(4)->set_in_place_of(0);
       *p->add_steps() = p->steps(1);
       Buffer* late = p->add_buffers();
       *late = p->buffers(4);
       late->set_name("late");
       late->clear_in_place_of();
       p->mutable_steps(2)->set_reads(0, 0);
       p->mutable_steps(2)->set_writes(0, 5);
     }},
    {"NoWrites", "writes: is empty", [](Plan* p) { p->mutable_steps(0)->clear_writes(); }},
    {"WriteTwice", "is written twice", [](Plan* p) { *p->add_steps() = p->steps(0); }},
    {"WriteInput", "may not be written", [](Plan* p) { p->mutable_steps(1)->set_writes(0, 0); }},
    {"Kernel", "launch.kernel: 5",
     [](Plan* p) { p->mutable_steps(0)->mutable_launch()->set_kernel(5); }},
    {"Routine", "library_call.routine",
     [](Plan* p) { p->mutable_steps(0)->mutable_library_call(); }},
    {"HostOp", "host_call.node.op", [](Plan* p) { p->mutable_steps(0)->mutable_host_call(); }},
    {"StepUnset", "step: is not set", [](Plan* p) { p->mutable_steps(0)->clear_launch(); }},
    {"CopySize", "of the same size", [](Plan* p) { p->mutable_steps(1)->set_reads(0, 1); }},
    {"CollectiveKind", "collective.kind: 'all_to_one'",
     [](Plan* p) { p->mutable_steps(1)->mutable_collective()->set_kind("all_to_one"); }},
    {"CollectiveReduction", "collective.reduction: ''",
     [](Plan* p) { p->mutable_steps(1)->mutable_collective()->set_kind("all_reduce"); }},
    {"OutputKind", "outputs[0]: buffers[2] ('h') is not an OUTPUT",
     [](Plan* p) { p->set_outputs(0, 2); }},
    {"OutputUnmade", "outputs[0]: buffers[4] ('y') is read before any step writes it",
     [](Plan* p) {
       Buffer* other = p->add_buffers();
       *other = p->buffers(4);
       other->set_name("other");
       p->mutable_steps(1)->set_writes(0, 5);
     }},
};

INSTANTIATE_TEST_SUITE_P(All, DamagedPlanTest, ::testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace strata::plan
