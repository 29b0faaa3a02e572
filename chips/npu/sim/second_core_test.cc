// Another core is another table and another Core, and nothing else: here one of two units with a memory
// each, whose programs are assembled, encoded, verified and run by the same code as the array's.
#include "base/status_matchers.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/isa/reference.h"
#include "chips/npu/sim/core.h"
#include "chips/npu/sim/reference_simulator.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

enum Units { kMte = 1, kCube = 2 };
enum Memories { kGm, kL0 };
enum Opcodes : uint8_t { kCopyIn = 0x10, kCopyOut = 0x11, kSquare = 0x20 };

const Isa& ToyIsa() {
  using K = OperandKind;
  static const Isa& isa = *[] {
    const auto copy = [](int to, int from) {
      return std::vector<OperandRow>{{"dst", K::kAddress, to, ""},
                                     {"src", K::kAddress, from, ""},
                                     {"bytes", K::kSize, -1, ""}};
    };
    auto* toy = new Isa;
    toy->name = "toy";
    toy->id = 99;
    toy->title = "The toy core";
    toy->units = {{"control", ""}, {"mte", "copies"}, {"cube", "squares"}};
    toy->memories = {{"GM", ""}, {"L0", ""}};
    toy->instructions = CommonRows();
    toy->instructions.push_back({"in", kCopyIn, kMte, copy(kL0, kGm), "L0 = GM", "bytes"});
    toy->instructions.push_back({"out", kCopyOut, kMte, copy(kGm, kL0), "GM = L0", "bytes"});
    toy->instructions.push_back({"square",
                                 kSquare,
                                 kCube,
                                 {{"at", K::kAddress, kL0, ""}, {"bytes", K::kSize, -1, ""}},
                                 "each byte becomes its square, modulo 256",
                                 "2"});
    return toy;
  }();
  return isa;
}

class ToyDatapath : public Datapath {
 public:
  explicit ToyDatapath(MemoryImage* image) : image_(*image) {}
  void Execute(const Resolved& in) override {
    const auto& v = in.values;
    if (in.row->opcode == kSquare) {
      for (int64_t i = v[0]; i < v[0] + v[1]; ++i) {
        uint8_t& byte = image_[kL0][static_cast<size_t>(i)];
        byte = static_cast<uint8_t>(byte * byte);
      }
      return;
    }
    const bool out = in.row->opcode == kCopyOut;
    std::copy_n(image_[out ? kL0 : kGm].begin() + v[1], v[2],
                image_[out ? kGm : kL0].begin() + v[0]);
  }

 private:
  MemoryImage& image_;
};

class ToyCore : public Core {
 public:
  ToyCore() : memories_(2), events_({{"squares", 0.5, false}}) {
    memories_[kGm].name = "GM";
    memories_[kGm].bytes = 1024;
    memories_[kGm].declared = true;
    memories_[kL0].name = "L0";
    memories_[kL0].bytes = 64;
    memories_[kL0].banks = 2;
  }
  const Isa& isa() const override { return ToyIsa(); }
  const std::vector<MemorySpec>& memories() const override { return memories_; }
  const std::vector<EventSpec>& events() const override { return events_; }
  double clock_hz() const override { return 1e9; }
  int queue_depth() const override { return 2; }
  std::unique_ptr<Datapath> NewDatapath(MemoryImage* image) const override {
    return std::make_unique<ToyDatapath>(image);
  }
  absl::Status EffectOf(const Resolved& in, Effect* effect) const override {
    *effect = Effect();
    const auto& v = in.values;
    if (in.row->opcode == kSquare) {
      Access access = {kL0, true, v[0], 1, v[1], 0};
      access.read_first = true;
      effect->Add(access);
      effect->busy = effect->latency = 2;
      effect->events[0] = v[1];
      return absl::OkStatus();
    }
    const bool out = in.row->opcode == kCopyOut;
    effect->Add({out ? kL0 : kGm, false, v[1], 1, v[2], 0});
    effect->Add({out ? kGm : kL0, true, v[0], 1, v[2], 0});
    effect->busy = effect->latency = std::max<int64_t>(v[2], 1);
    return absl::OkStatus();
  }

 private:
  std::vector<MemorySpec> memories_;
  std::vector<EventSpec> events_;
};

constexpr char kText[] =
    ".input X, 0, 16\n.output Y, 16, 16\n"
    "in 0, X, 16\nsignal mte, cube, 0\nwait mte, cube, 0\nsquare 0, 16\n"
    "signal cube, mte, 0\nwait cube, mte, 0\nout Y, 0, 16\n";

TEST(SecondCore, ItsTableIsValidAndMakesADocument) {
  EXPECT_OK(ValidateIsa(ToyIsa()));
  EXPECT_THAT(ReferenceMarkdown(ToyIsa()), HasSubstr("### `square at, bytes`"));
}

TEST(SecondCore, RunsItsPrograms) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Program text, Assemble(ToyIsa(), kText, "toy.s"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string bytes, EncodeProgram(text));
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, DecodeProgram(ToyIsa(), bytes, "toy.bin"));
  EXPECT_EQ(Disassemble(program), Disassemble(text));
  const ToyCore core;
  ASSERT_OK(Verify(core, program));
  STRATA_ASSERT_OK_AND_ASSIGN(MemoryImage image, NewImage(core, program));
  for (size_t i = 0; i < 16; ++i) image[kGm][i] = static_cast<uint8_t>(i);
  SimulationOptions options;
  options.image = &image;
  STRATA_ASSERT_OK_AND_ASSIGN(const Simulation run, Simulate(core, program, options));
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(image[kGm][16 + i], static_cast<uint8_t>(i * i));
  // in 1 to 17; its token in 18 (a signal takes a cycle); wait 18 to 19; square to 21; signal, token in
  // 22; wait to 23; out to 39.
  EXPECT_EQ(run.cycles, 39);
  STRATA_ASSERT_OK_AND_ASSIGN(const ReferenceRun slow, ReferenceSimulate(core, program));
  EXPECT_EQ(run.cycles, slow.cycles);
}

TEST(SecondCore, AMissingFlagIsNamed) {
  std::string text = kText;
  for (const std::string line : {"signal mte, cube, 0\n", "wait mte, cube, 0\n"}) {
    text.erase(text.find(line), line.size());
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, Assemble(ToyIsa(), text, "toy.s"));
  EXPECT_THAT(Verify(ToyCore(), program),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("toy.s:4: square 0, 16: reads L0 [0, 16) and is not ordered after "
                                 "toy.s:3: in 0, 0, 16, which writes it; put a signal mte, cube")));
}

}  // namespace
}  // namespace strata::chips::npu
