// The int8 vision models on the simulated NPUs: bit for bit what the interpreter and the CPU compute, with every
// convolution and matrix product on the machine.
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/interpreter.h"
#include "framework/vision/vision_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/compress/calibration.h"
#include "inference/compress/int8_vision.h"

namespace strata::inference {
namespace {

using Tensors = std::vector<graph::HostTensor>;

struct Model {
  Int8Graph graph;
  Tensors inputs;
};

Model WithImage(absl::StatusOr<Int8Graph> made, int64_t height, int64_t width, int64_t channels) {
  EXPECT_OK(made.status());
  if (!made.ok()) return {};
  auto inputs = BindInputs(
      made->graph, {framework::MadeImages(1, height, width, channels, /*seed=*/7)}, made->weights);
  EXPECT_OK(inputs.status());
  return {*std::move(made), inputs.ok() ? *inputs : Tensors()};
}

struct Ran {
  plan::Plan plan;
  Tensors outputs;
  compiler::SimulationReport report;
};

// `chip`: of the catalogue, for the device "npu"; "": on the CPU.
absl::StatusOr<Ran> RunOn(const std::string& chip, const Model& model) {
  Ran ran;
  compiler::RegisterAllDevices();
  compiler::CompileOptions options;
  options.device = chip.empty() ? "cpu" : "npu";
  chips::Chip target;
  if (!chip.empty()) {
    STRATA_ASSIGN_OR_RETURN(target, chips::FindChip(chip));
  }
  STRATA_ASSIGN_OR_RETURN(auto made, compiler::CreateCompiler("strata"));
  STRATA_ASSIGN_OR_RETURN(ran.plan, made->Compile(model.graph.graph, target, options));
  STRATA_ASSIGN_OR_RETURN(auto device, compiler::DeviceRegistry().Create(options.device, {}));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(ran.plan));
  compiler::RunOptions run;
  run.simulation = &ran.report;
  STRATA_ASSIGN_OR_RETURN(ran.outputs, executable->Run(model.inputs, run));
  return ran;
}

void ExpectSameBits(const Tensors& got, const Tensors& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].TypeString(), want[i].TypeString());
    EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].size_bytes()), 0) << "output " << i;
  }
}

// What the host does although the machine computes in integers; casts at the network's ends are not among it.
std::vector<std::string> IntegerWorkOnTheHost(const plan::Plan& plan) {
  std::vector<std::string> found;
  for (const plan::Step& step : plan.steps()) {
    const std::string& op = step.host_call().node().op();
    for (const char* work :
         {"conv2d", "matmul", "fusion", "requantize", "max_pool2d", "reduce_sum"}) {
      if (op == work) found.push_back(absl::StrCat(op, " ", step.name(), ": ", step.reason()));
    }
  }
  return found;
}

void ExpectTheModelRuns(const Model& model, const std::string& chip) {
  SCOPED_TRACE(chip);
  STRATA_ASSERT_OK_AND_ASSIGN(const Ran npu, RunOn(chip, model));
  EXPECT_THAT(IntegerWorkOnTheHost(npu.plan), ::testing::IsEmpty());
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want,
                              graph::Interpreter().Evaluate(model.graph.graph, model.inputs));
  ExpectSameBits(npu.outputs, want);
  EXPECT_GT(npu.report.Macs(), 0);
  EXPECT_GT(npu.report.Picojoules(), 0);
}

TEST(NpuModels, LeNetRunsOnEveryMachine) {
  const Model model = WithImage(MakeInt8LeNet5(1), 28, 28, 1);
  for (const std::string& chip : chips::SimulatedChipNames()) ExpectTheModelRuns(model, chip);
}

TEST(NpuModels, ResNet18RunsOnEveryMachine) {
  const Model model = WithImage(MakeInt8ResNet18(1, 64, 64), 64, 64, 3);
  for (const std::string& chip : chips::SimulatedChipNames()) ExpectTheModelRuns(model, chip);
}

TEST(NpuModels, MobileNetV1RunsOnEveryMachine) {
  const Model model = WithImage(MakeInt8MobileNetV1(1, 64, 64, /*multiplier=*/0.5), 64, 64, 3);
  for (const std::string& chip : chips::SimulatedChipNames()) ExpectTheModelRuns(model, chip);
}

// The README's figures. A better schedule may change them: then change them there, too.
TEST(NpuModels, ResNet18AtFullSizeTakesWhatTheReadmeSays) {
  struct Figures {
    const char* chip;
    double cycles, utilisation, dram_bytes, picojoules;
  };
  const Model model = WithImage(MakeInt8ResNet18(1, 224, 224), 224, 224, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want,
                              graph::Interpreter().Evaluate(model.graph.graph, model.inputs));
  for (const Figures& figures : {Figures{"edge_16", 8.57e6, 0.83, 23.9e6, 7.5e9},
                                 Figures{"davinci_like", 0.93e6, 0.24, 28.4e6, 6.6e9}}) {
    SCOPED_TRACE(figures.chip);
    STRATA_ASSERT_OK_AND_ASSIGN(const Ran npu, RunOn(figures.chip, model));
    ExpectSameBits(npu.outputs, want);
    const auto near = [](double figure) { return 0.02 * figure; };
    EXPECT_NEAR(static_cast<double>(npu.report.Cycles()), figures.cycles, near(figures.cycles));
    EXPECT_NEAR(npu.report.Utilisation(), figures.utilisation, near(figures.utilisation));
    EXPECT_NEAR(static_cast<double>(npu.report.DramBytes()), figures.dram_bytes,
                near(figures.dram_bytes));
    EXPECT_NEAR(npu.report.Picojoules(), figures.picojoules, near(figures.picojoules));
  }
}

TEST(NpuModels, TheCpuComputesTheSame) {
  const Model model = WithImage(MakeInt8ResNet18(1, 64, 64), 64, 64, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const Ran cpu, RunOn("", model));
  STRATA_ASSERT_OK_AND_ASSIGN(const Ran npu, RunOn("edge_16", model));
  ExpectSameBits(npu.outputs, cpu.outputs);
}

}  // namespace
}  // namespace strata::inference
