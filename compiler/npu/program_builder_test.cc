#include "compiler/npu/program_builder.h"

#include <array>
#include <memory>
#include <random>

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using namespace chips::npu;  // NOLINT: the opcodes and units of the array core
using ::testing::HasSubstr;

std::unique_ptr<Core> CoreOf(const std::string& name) {
  absl::StatusOr<Machine> machine = FindMachine(name);
  EXPECT_OK(machine.status());
  absl::StatusOr<std::unique_ptr<Core>> core = NewArrayCore(*machine);
  EXPECT_OK(core.status());
  return *std::move(core);
}

struct Emission {
  uint8_t opcode;
  std::vector<int64_t> operands;
};

void EmitTo(const Emission& e, ProgramBuilder* builder) {
  const std::vector<int64_t>& v = e.operands;
  switch (v.size()) {
    case 5:
      return builder->Emit(e.opcode, {v[0], v[1], v[2], v[3], v[4]});
    case 6:
      return builder->Emit(e.opcode, {v[0], v[1], v[2], v[3], v[4], v[5]});
    case 8:
      return builder->Emit(e.opcode, {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]});
    default:
      return builder->Emit(e.opcode, {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]});
  }
}

constexpr int64_t kL1Slot = 1024;  // 16 rows of 64 bytes
constexpr int64_t kAccSlot = 1024;
constexpr int kSlots = 6;
constexpr int64_t kTensor = 64 * 1024;

// A random instruction on random slots of random places; reads only what Prologue() wrote.
class Emissions {
 public:
  Emissions(bool stationary, bool l2, uint64_t seed)
      : stationary_(stationary), l2_(l2), random_(seed) {}

  std::vector<Emission> Make(int count) {
    Prologue();
    for (int i = 0; i < count; ++i) Step();
    return std::move(list_);
  }

 private:
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  int64_t L1() { return kL1Slot * Below(kSlots) + 16 * Below(4); }
  int64_t Acc() { return kAccSlot * Below(kSlots); }
  void Add(uint8_t opcode, std::vector<int64_t> operands) {
    list_.push_back({opcode, std::move(operands)});
  }

  void Prologue() {
    Add(kLdL1, {0, 0, 1, kL1Slot * (kSlots + 1), 0, 0});
    Add(kVfill, {0, 16 * kSlots, 16, 64, 3});
    if (l2_) Add(kLdL2, {0, 0, 1, kL1Slot * (kSlots + 1), 0, 0});
    if (!stationary_) return;
    Add(kLdwI8, {0, 0, 16, 16, 64});
    Add(kLdwI8, {1, 64, 16, 16, 64});
  }

  void Step() {
    const int64_t m = 1 + Below(16);
    switch (Below(l2_ ? 8 : 6)) {
      case 0:
        return Add(kLdL1, {L1(), Below(kTensor / 2), m, 16, 64, 100});
      case 1:
        return stationary_ ? Add(kLdwI8, {Below(2), L1(), 1 + Below(16), 16, 64})
                           : Add(kMmoI8, {Acc(), L1(), L1(), m, 16, 16, 64, 64, 64});
      case 2:
        return stationary_ ? Add(kMmaI8, {Acc(), L1(), Below(2), m, 16, 16, 64, 64})
                           : Add(kMmoaI8, {Acc(), L1(), L1(), m, 16, 16, 64, 64, 64});
      case 3:
        return Add(kVwidenI8, {Acc(), L1(), m, 16, 64, 64});
      case 4:
        return Add(kVquantI8, {L1(), Acc(), m, 16, 64, 64});
      case 5:
        return Add(kStL1, {kTensor + Below(kTensor / 2), L1(), m, 16, 100, 64});
      case 6:
        return Add(kMvL1, {L1(), kL1Slot * Below(kSlots), m, 16, 64, 64});
      default:
        return Add(kMvL2, {kL1Slot * Below(kSlots), L1(), m, 16, 64, 64});
    }
  }

  const bool stationary_, l2_;
  std::mt19937_64 random_;
  std::vector<Emission> list_;
};

Program Fenced(const std::vector<Emission>& list, const Program& program) {
  Program fenced = program;
  fenced.instructions.clear();
  for (const Emission& e : list) {
    Instruction instruction;
    instruction.row = program.isa->FindOpcode(e.opcode);
    for (size_t i = 0; i < e.operands.size(); ++i) instruction.operands[i].value = e.operands[i];
    fenced.instructions.push_back(instruction);
    Instruction fence;
    fence.row = program.isa->FindOpcode(kFence);
    fenced.instructions.push_back(fence);
  }
  return fenced;
}

Simulation RunOn(const Core& core, const Program& program, MemoryImage* image) {
  EXPECT_OK(Verify(core, program));
  *image = *NewImage(core, program);
  for (size_t i = 0; i < kTensor; ++i) {
    (*image)[kDram][i] = static_cast<uint8_t>(i * 7 + i / 256 * 13);
  }
  SimulationOptions options;
  options.image = image;
  const absl::StatusOr<Simulation> run = Simulate(core, program, options);
  EXPECT_OK(run.status());
  return *run;
}

ProgramBuilder NewBuilder(const Core& core) {
  ProgramBuilder builder(&core, "test");
  EXPECT_EQ(builder.AddRegion(RegionKind::kInput, "in", kTensor), 0);
  EXPECT_EQ(builder.AddRegion(RegionKind::kOutput, "out", kTensor), kTensor);
  return builder;
}

class ProgramBuilderTest : public testing::TestWithParam<std::string> {};

TEST_P(ProgramBuilderTest, RandomProgramsDoWhatFencedProgramsDo) {
  const std::unique_ptr<Core> core = CoreOf(GetParam());
  const bool stationary = core->memories()[kPlane].bytes > 0;
  const bool l2 = core->memories()[kL2].bytes > 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const std::vector<Emission> list = Emissions(stationary, l2, seed).Make(seed == 0 ? 2000 : 60);
    ProgramBuilder builder = NewBuilder(*core);
    for (const Emission& e : list) EmitTo(e, &builder);
    STRATA_ASSERT_OK_AND_ASSIGN(const Program program, std::move(builder).Finish());
    MemoryImage image, expected;
    const Simulation fast = RunOn(*core, program, &image);
    const Simulation slow = RunOn(*core, Fenced(list, program), &expected);
    for (const int memory : {kDram, kL1, kAcc, kL2}) {
      EXPECT_TRUE(image[memory] == expected[memory]) << core->memories()[memory].name;
    }
    EXPECT_LT(fast.cycles, slow.cycles);
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, ProgramBuilderTest, testing::Values("edge_16", "edge_16_os"));

// Eight tiles through two places: load, widen, requantise, store.
absl::StatusOr<Program> Pipeline(const Core& core, int64_t places) {
  ProgramBuilder builder = NewBuilder(core);
  for (int64_t i = 0; i < 8; ++i) {
    const int64_t in = 32768 * (i % places);
    const int64_t out = 32768 * (2 + i % places);
    const int64_t acc = 16384 * (i % places);
    builder.Emit(kLdL1, {in, 4096 * i, 64, 64, 64, 64});
    builder.Emit(kVwidenI8, {acc, in, 64, 64, 256, 64});
    builder.Emit(kVquantI8, {out, acc, 64, 64, 64, 256});
    builder.Emit(kStL1, {kTensor + 4096 * i, out, 64, 64, 64, 64});
  }
  return std::move(builder).Finish();
}

// The program without its n-th wait and the signal that belongs to it; false when there is none.
bool WithoutWait(const Program& program, size_t n, Program* without) {
  std::array<std::array<size_t, kMaxUnits>, kMaxUnits> waits = {}, signals = {};
  size_t at = 0;
  while (at < program.instructions.size()) {
    const Instruction& in = program.instructions[at];
    if (in.row->opcode == kWait && n-- == 0) break;
    if (in.row->opcode == kWait) ++waits[in.operands[0].value][in.operands[1].value];
    ++at;
  }
  if (at == program.instructions.size()) return false;
  const auto [from, to] = std::pair(program.instructions[at].operands[0].value,
                                    program.instructions[at].operands[1].value);
  *without = program;
  without->instructions.clear();
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& in = program.instructions[i];
    const bool signal = in.row->opcode == kSignal && in.operands[0].value == from &&
                        in.operands[1].value == to && signals[from][to]++ == waits[from][to];
    if (i != at && !signal) without->instructions.push_back(in);
  }
  EXPECT_EQ(without->instructions.size() + 2, program.instructions.size());
  return true;
}

TEST(ProgramBuilder, EveryWaitIsNeeded) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  for (const int64_t places : {1, 2}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Pipeline(*core, places));
    EXPECT_OK(Verify(*core, program));
    Program without;
    size_t n = 0;
    for (; WithoutWait(program, n, &without); ++n) {
      EXPECT_THAT(Verify(*core, without),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not ordered after")));
    }
    EXPECT_GE(n, 20u);
  }
}

TEST(ProgramBuilder, TwoPlacesOverlapWhatOnePlaceDoesInTurn) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  STRATA_ASSERT_OK_AND_ASSIGN(const Program two, Pipeline(*core, 2));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program one, Pipeline(*core, 1));
  MemoryImage first, second;
  const Simulation fast = RunOn(*core, two, &first);
  const Simulation slow = RunOn(*core, one, &second);
  EXPECT_LT(fast.cycles * 10, slow.cycles * 9) << fast.cycles << " of " << slow.cycles;
  EXPECT_EQ(first[kDram], second[kDram]);
}

TEST(ProgramBuilder, AUnitUsedLateWaitsForWhatWasForgotten) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  ProgramBuilder builder = NewBuilder(*core);
  for (int64_t i = 0; i < 2000; ++i) builder.Emit(kLdL1, {0, i, 1, 64, 0, 0});
  builder.Emit(kStL1, {kTensor, 0, 1, 64, 0, 0});
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, std::move(builder).Finish());
  EXPECT_OK(Verify(*core, program));
  MemoryImage image;
  RunOn(*core, program, &image);
  EXPECT_EQ(image[kDram][kTensor], image[kDram][1999]);
}

TEST(ProgramBuilder, TheFirstFaultIsNamed) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  const auto fault = [&core](uint8_t opcode, std::initializer_list<int64_t> operands) {
    ProgramBuilder builder = NewBuilder(*core);
    builder.Emit(kLdL1, {0, 0, 1, 64, 0, 0});
    builder.Emit(opcode, operands);
    builder.Emit(0xff, {});
    return std::move(builder).Finish().status();
  };
  EXPECT_THAT(fault(0xee, {}), StatusIs(kCode, HasSubstr("test: instruction 1: opcode 238 is no")));
  EXPECT_THAT(fault(kFence, {}), StatusIs(kCode, HasSubstr("is no instruction of a unit")));
  EXPECT_THAT(fault(kLdL1, {0}), StatusIs(kCode, HasSubstr("ld.l1 has 6 operands, not 1")));
  EXPECT_THAT(fault(kLdL1, {0, 0, 65536, 1, 1, 1}),
              StatusIs(kCode, HasSubstr("ld.l1: rows: 65536 is not within [0, 65535]")));
  EXPECT_THAT(fault(kLdwI8, {0, 0, 17, 16, 16}),
              StatusIs(kCode, HasSubstr("k: 17 is more than the array's rows")));
  EXPECT_THAT(fault(kLdL1, {262144, 0, 1, 64, 0, 0}), StatusIs(kCode, HasSubstr("beyond its")));
}

TEST(ProgramBuilder, NothingIsAProgram) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, NewBuilder(*core).Finish());
  EXPECT_TRUE(program.instructions.empty());
  EXPECT_OK(Verify(*core, program));
}

}  // namespace
}  // namespace strata::compiler
