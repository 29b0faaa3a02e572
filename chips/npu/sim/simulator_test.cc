#include "chips/npu/sim/simulator.h"

#include <algorithm>
#include <random>
#include <tuple>

#include "chips/npu/sim/reference_simulator.h"
#include "chips/npu/sim/test_support.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

Simulation RunText(const std::string& text, const std::string& machine = "edge_16") {
  SimulationOptions options;
  options.record_spans = true;
  const absl::StatusOr<Simulation> run = Simulate(*CoreOf(machine), Parse(text), options);
  EXPECT_OK(run.status());
  return *run;
}

// Counted by hand from the rules in simulator.h. edge_16: DRAM 16 bytes a cycle, bursts of 64, latency
// 100; vector unit 4 + elements / 16; products m + 30, busy m.
TEST(Simulator, HandCountedCycles) {
  struct Case {
    const char* what;
    const char* text;
    int64_t cycles;
  };
  const Case cases[] = {
      {"nothing", "", 0},
      {"one control instruction", "set r1, 0", 1},
      {"a loop: once itself, then the endloop a turn", "loop 3\nendloop", 4},
      {"dispatched in 0, starts in 1", "vfill 0, 16, 16, 64, 0", 1 + 20},
      {"one behind another", "vfill 0, 16, 16, 64, 0\nvfill 0, 16, 16, 64, 0", 1 + 20 + 20},
      {"fence in 21, the next dispatched in 22",
       "vfill 0, 16, 16, 64, 0\nfence\nvfill 0, 1, 16, 64, 0", 23 + 5},
      {"16 rows of one burst: 64 cycles, then the latency",
       ".input A, 0, 256\nld.l1 0, A, 16, 16, 16, 16", 1 + 64 + 100},
      {"two loads share DRAM, the latency is hidden",
       ".input A, 0, 256\nld.l1 0, A, 16, 16, 16, 16\nld.l1 256, A, 16, 16, 16, 16",
       1 + 64 + 64 + 100},
      {"the token comes with the data in 165; the wait takes a cycle, then k cycles",
       ".input A, 0, 256\nld.l1 0, A, 16, 16, 16, 16\nsignal load, weights, 0\n"
       "wait load, weights, 0\nldw.i8 0, 0, 16, 16, 16",
       165 + 1 + 16},
      {"one product: starts in 1, 8 + 16 + 16 - 2", "mm.i8 0, 0, 0, 8, 16, 16, 64, 16", 1 + 38},
      {"products follow each other every m cycles",
       "mm.i8 0, 0, 0, 8, 16, 16, 64, 16\nmma.i8 0, 0, 0, 8, 16, 16, 64, 16", 1 + 8 + 38},
      {"bank 0 of ACC is taken by the product until 17: vfill starts then",
       "mm.i8 0, 0, 0, 16, 16, 16, 64, 16\nvfill 0, 1, 16, 64, 0\n", 1 + 46},
      {"a function of 8 passes: 4 + 8 x 3", "vexp.f32 0, 0, 3, 16, 64, 64", 1 + 28},
      {"a row takes 2 cycles, then 4 levels of pairs", "vsum.f32 0, 64, 3, 20, 4, 128",
       1 + 4 + 6 + 4},
      {"a column a cycle", "ldwt.i8 0, 0, 5, 9, 16", 1 + 9},
      {"1 + 256 / 64 bytes a cycle", "mv.l1 0, 0, 16, 16, 16, 16", 1 + 5},
  };
  for (const Case& c : cases) EXPECT_EQ(RunText(c.text).cycles, c.cycles) << c.what;
  EXPECT_EQ(RunText("mmo.i8 0, 0, 0, 16, 40, 16, 64, 48, 16", "edge_16_os").cycles,
            1 + 2 * 16 + 16 + 40 - 2)
      << "2 R + C + K - 2, as SCALE-Sim has it";
}

TEST(Simulator, StallsHaveCauses) {
  // Lines: 2 ld.l1, 4 wait + ldw, vfill held by the product's bank, a store held by DRAM.
  const Simulation run = RunText(
      ".input A, 0, 256\nld.l1 0, A, 16, 16, 16, 16\nsignal load, weights, 0\n"
      "wait load, weights, 0\nldw.i8 0, 0, 16, 16, 16\nmm.i8 0, 0, 1, 16, 16, 16, 64, 16\n"
      "vfill 0, 1, 16, 64, 0\n.output C, 4096, 64\nst.l1 C, 32768, 1, 64, 64, 64");
  const auto stall = [&](int unit, Stall cause) {
    return run.units[static_cast<size_t>(unit)].stalls[static_cast<size_t>(cause)];
  };
  EXPECT_EQ(run.units[kLoad].busy, 64);
  EXPECT_EQ(run.units[kLoad].token_cycles, 1);
  EXPECT_EQ(stall(kLoad, Stall::kDispatch), 1);
  EXPECT_EQ(stall(kWeights, Stall::kToken), 165 - 3);
  EXPECT_EQ(stall(kWeights, Stall::kDispatch), 3);
  // The product needs bank 0 of L1, which the load holds until 65.
  EXPECT_EQ(stall(kMatrix, Stall::kBank), 65 - 5);
  EXPECT_EQ(stall(kStore, Stall::kDram), 65 - 7);
  EXPECT_EQ(run.units[kMatrix].instructions, 1);
  EXPECT_EQ(run.memories[kDram].read_bytes, 16 * 64) << "16 rows of 16 bytes, each in a burst";
  EXPECT_EQ(run.memories[kDram].written_bytes, 64);
  EXPECT_EQ(run.memories[kL1].written_bytes, 256);
  EXPECT_EQ(run.memories[kAcc].written_bytes, 1024 + 64);
  EXPECT_EQ(run.events[kMacI8], 16 * 16 * 16);
  EXPECT_EQ(run.events[kVectorOp], 16);
}

TEST(Simulator, StopsWithFileLineAndReason) {
  const std::unique_ptr<Core> core = CoreOf("edge_16");
  EXPECT_THAT(Simulate(*core, Parse("\nvfill 65536, 1, 1, 4, 0"), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.s:2: vfill 65536, 1, 1, 4, 0: writes ACC [65536, 65540)")));
  EXPECT_THAT(Simulate(*core, Parse("wait load, move, 1"), {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("deadlock: t.s:1: wait load, move, 1")));
  EXPECT_THAT(NewImage(*CoreOf("tpu_v1_like"), Parse(".input A, 4294967296, 1")),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("DRAM: 4294967297 bytes are more than the simulator holds")));
}

// A program of instructions that are fine one by one; tokens may deadlock, hazards are many.
std::string RandomProgram(std::mt19937_64& random, bool output_stationary) {
  const char* units[] = {"load", "move", "weights", "matrix", "vector", "store"};
  std::string text = ".input A, 0, 65536\n.output C, 65536, 65536\n";
  std::vector<std::string> signalled;
  const auto number = [&](uint64_t limit) { return std::to_string(random() % limit); };
  const auto near = [&] { return std::to_string(random() % 16 * 4096); };
  int open = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string copy = number(20) + ", " + number(64) + ", 64, 64\n";
    switch (random() % 14) {
      case 0:
        text += "ld.l1 " + near() + ", A, " + copy;
        break;
      case 1:
        text += "ld.l2 " + near() + ", 1024, " + copy;
        break;
      case 2:
        text += "mv.l1 r1+" + near() + ", " + near() + ", " + copy;
        break;
      case 3:
        text += "st.l1 C, " + near() + ", " + copy;
        break;
      case 4:
      case 5:
        if (output_stationary) {
          text += "mmoa.i8 " + near() + ", " + near() + ", " + near() + ", " + number(17) + ", " +
                  number(100) + ", " + number(17) + ", 64, 112, 16\n";
        } else {
          text += "mma.i8 " + near() + ", " + near() + ", " + number(2) + ", " + number(40) + ", " +
                  number(17) + ", " + number(17) + ", 64, 16\n";
        }
        break;
      case 6:
        if (output_stationary) break;
        text += "ldw.i8 " + number(2) + ", " + near() + ", " + number(17) + ", " + number(17) +
                ", 16\n";
        break;
      case 7:
        text += "vout.32 " + near() + ", 0, " + number(10) + ", " + number(17) + ", 80, 80\n";
        break;
      case 8:
        text += random() % 4 == 0 ? "fence\n" : "add r1, r1, 16\n";
        break;
      case 9:
        if (open < 2 && random() % 3 == 0) {
          text += "loop " + number(4) + "\n";
          ++open;
        }
        break;
      case 10:
        if (open > 0) {
          text += "endloop\n";
          --open;
        }
        break;
      case 11:
      case 12: {
        const std::string token =
            std::string(units[random() % 6]) + ", " + units[random() % 6] + ", " + number(2) + "\n";
        text += "signal " + token;
        signalled.push_back(token);
        break;
      }
      default:
        if (signalled.empty()) break;
        text += "wait " + signalled[random() % signalled.size()];
        break;
    }
  }
  for (; open > 0; --open) text += "endloop\n";
  return text;
}

TEST(Simulator, EqualsTheCycleByCycleRunOnRandomPrograms) {
  std::mt19937_64 random(11);
  int finished = 0, stuck = 0;
  for (int round = 0; round < 400; ++round) {
    Machine machine = *FindMachine(round % 2 == 0 ? "edge_16" : "edge_16_os");
    machine.mutable_queue_depth()->set_value(static_cast<double>(1 + random() % 5));
    STRATA_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Core> core, NewArrayCore(machine));
    const std::string text = RandomProgram(random, round % 2 == 1);
    const Program program = Parse(text);
    SimulationOptions options;
    options.record_spans = true;
    const absl::StatusOr<Simulation> fast = Simulate(*core, program, options);
    const absl::StatusOr<ReferenceRun> slow = ReferenceSimulate(*core, program);
    ASSERT_EQ(fast.ok(), slow.ok()) << fast.status() << slow.status() << text;
    if (!fast.ok()) {
      ++stuck;
      continue;
    }
    ++finished;
    ASSERT_EQ(fast->cycles, slow->cycles) << text;
    ASSERT_EQ(fast->spans.size(), slow->starts.size());
    for (size_t i = 0; i < fast->spans.size(); ++i) {
      const Span& span = fast->spans[i];
      const Started& started = slow->starts[i];
      ASSERT_EQ(std::tie(span.start, span.unit, span.index),
                std::tie(started.cycle, started.unit, started.index))
          << i << "\n"
          << text;
    }
  }
  EXPECT_GT(finished, 100);
  EXPECT_GT(stuck, 20);
}

TEST(Simulator, BusyTokensAndStallsFillEachUnitsTime) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 40; ++round) {
    const Program program = Parse(RandomProgram(random, false));
    SimulationOptions options;
    options.record_spans = true;
    const absl::StatusOr<Simulation> run = Simulate(*CoreOf("edge_16"), program, options);
    if (!run.ok()) continue;
    std::vector<int64_t> ends(run->units.size());
    for (const Span& span : run->spans) ends[static_cast<size_t>(span.unit)] = span.end;
    for (size_t u = 0; u < run->units.size(); ++u) {
      const UnitStats& stats = run->units[u];
      int64_t sum = stats.busy + stats.token_cycles;
      for (const int64_t stall : stats.stalls) sum += stall;
      EXPECT_EQ(sum, ends[u]);
    }
  }
}

}  // namespace
}  // namespace strata::chips::npu
