// The int8 vision models on the DaVinci core: every convolution and product on the machine, every bit the
// interpreter's.
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

absl::StatusOr<plan::Plan> CompileFor(const graph::Graph& graph, const std::string& name) {
  compiler::RegisterAllDevices();
  compiler::CompileOptions options;
  options.device = "npu";
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::FindChip(name));
  STRATA_ASSIGN_OR_RETURN(auto strata, compiler::CreateCompiler("strata"));
  return strata->Compile(graph, chip, options);
}

// Host steps that compute in integers, other than conversions at the network's ends.
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

void ExpectTheModelRuns(const absl::StatusOr<Int8Graph>& model, const Tensors& image) {
  ASSERT_OK(model.status());
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors inputs,
                              BindInputs(model->graph, image, model->weights));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, CompileFor(model->graph, "davinci_like"));
  EXPECT_THAT(IntegerWorkOnTheHost(plan), ::testing::IsEmpty());
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, compiler::DeviceRegistry().Create("npu", {}));
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, executable->Run(inputs, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want,
                              graph::Interpreter().Evaluate(model->graph, inputs));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].TypeString(), want[i].TypeString());
    EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].size_bytes()), 0) << "output " << i;
  }
}

TEST(Int8Davinci, LeNet) {
  ExpectTheModelRuns(MakeInt8LeNet5(1), {framework::MadeImages(1, 28, 28, 1, /*seed=*/7)});
}

TEST(Int8Davinci, ResNet18) {
  ExpectTheModelRuns(MakeInt8ResNet18(1, 64, 64), {framework::MadeImages(1, 64, 64, 3, 7)});
}

TEST(Int8Davinci, MobileNetV1) {
  ExpectTheModelRuns(MakeInt8MobileNetV1(1, 64, 64, /*multiplier=*/0.5),
                     {framework::MadeImages(1, 64, 64, 3, 7)});
}

}  // namespace
}  // namespace strata::inference
