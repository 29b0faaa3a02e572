// The integer models on the CPU device: the interpreter's logits bit for bit, and no step left to the interpreter.
#include <cstring>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/vision/vision_model.h"
#include "gtest/gtest.h"
#include "inference/compress/int8_vision.h"

namespace strata::inference {
namespace {

using graph::HostTensor;

void ExpectTheSame(const Int8Graph& model, const HostTensor& images) {
  SCOPED_TRACE(model.graph.name());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto inputs, BindInputs(model.graph, {images}, model.weights));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(model.graph, inputs));
  compiler::CompiledEvaluator::Options options;
  options.device_options.threads = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator, compiler::CompiledEvaluator::Create(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, evaluator->Evaluate(model.graph, inputs));
  ASSERT_EQ(got[0].TypeString(), want[0].TypeString());
  EXPECT_EQ(std::memcmp(got[0].raw(), want[0].raw(), want[0].size_bytes()), 0);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto* loaded, evaluator->Load(model.graph, {}));
  int routines = 0;
  for (const plan::Step& step : loaded->plan.steps()) {
    EXPECT_FALSE(step.has_host_call()) << step.name() << ": " << step.reason();
    EXPECT_FALSE(step.reason().empty()) << step.name();
    const std::string& routine = step.library_call().routine();
    routines += routine == "conv2d" || routine == "matmul";
  }
  int products = 0;
  for (const graph::Node& node : model.graph.nodes())
    products += node.op() == "conv2d" || node.op() == "matmul";
  EXPECT_EQ(routines, products);
}

TEST(Int8Cpu, LeNet5) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph model, MakeInt8LeNet5(3));
  ExpectTheSame(model, framework::MadeImages(3, 28, 28, 1, 5));
}

TEST(Int8Cpu, ResNet18) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph model, MakeInt8ResNet18(2, 33, 40, 17));
  ExpectTheSame(model, framework::MadeImages(2, 33, 40, 3, 5));
}

TEST(Int8Cpu, MobileNetV1) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph model, MakeInt8MobileNetV1(2, 37, 32, 0.5, 17));
  ExpectTheSame(model, framework::MadeImages(2, 37, 32, 3, 5));
}

}  // namespace
}  // namespace strata::inference
