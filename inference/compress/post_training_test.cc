// Quantised graphs: their integers against arithmetic written out, their results against f32.
#include "inference/compress/post_training.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/vision/lenet.h"
#include "framework/vision/mobilenet.h"
#include "framework/vision/resnet.h"
#include "gtest/gtest.h"
#include "inference/compress/int8_vision.h"
#include "inference/compress/plain_integers.h"

namespace strata::inference {
namespace {

using framework::VisionModel;
using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Interpreter;
using graph::ValueId;
using ::testing::HasSubstr;

absl::StatusOr<std::vector<VisionModel>> Models(int64_t batch, int64_t size) {
  std::vector<VisionModel> models(3);
  STRATA_ASSIGN_OR_RETURN(
      models[0], framework::BuildLeNet5(
                     {.batch = batch, .height = 28, .width = 28, .channels = 1, .classes = 10}));
  STRATA_ASSIGN_OR_RETURN(
      models[1],
      framework::BuildResNet18({.batch = batch, .height = size, .width = size, .classes = 40}));
  STRATA_ASSIGN_OR_RETURN(
      models[2], framework::BuildMobileNetV1(
                     {.batch = batch, .height = size, .width = size, .classes = 40}, 0.25));
  return models;
}

HostTensor ImageOf(const VisionModel& model, uint64_t seed) {
  const std::vector<int64_t> d = TypeOf(model.graph.values(0)).dims();
  return framework::MadeImages(d[0], d[1], d[2], d[3], seed);
}

// The graph with every integer value as an output, and their ids.
Graph Opened(const Graph& graph, std::vector<uint32_t>* ids) {
  Graph opened = graph;
  opened.clear_outputs();
  for (const auto& node : graph.nodes()) {
    const uint32_t id = node.outputs(0);
    if (!chips::IsInteger(graph.values(static_cast<int>(id)).dtype())) continue;
    auto* output = opened.add_outputs();
    output->set_value(id);
    output->set_name(absl::StrCat("v", id));
    output->set_combine(graph::REPLICATED);
    ids->push_back(id);
  }
  return opened;
}

TEST(PostTraining, EveryIntegerIsThatOfPlainArithmetic) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<VisionModel> models, Models(2, 32));
  for (const VisionModel& model : models) {
    SCOPED_TRACE(model.graph.name());
    STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph int8, MakeInt8(model));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto inputs,
                                BindInputs(int8.graph, {ImageOf(model, 5)}, int8.weights));
    std::vector<uint32_t> ids;
    const Graph opened = Opened(int8.graph, &ids);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto values, Interpreter().Evaluate(opened, inputs));
    std::vector<HostTensor> known(static_cast<size_t>(int8.graph.values_size()));
    for (int i = 0; i < int8.graph.inputs_size(); ++i)
      known[int8.graph.inputs(i).value()] = inputs[static_cast<size_t>(i)];
    for (const auto& node : int8.graph.nodes()) {  // floats become integers here
      const auto& from =
          int8.graph.values(static_cast<int>(node.inputs_size() > 0 ? node.inputs(0) : 0));
      if (node.op() != "cast" || !chips::IsFloat(from.dtype())) continue;
      for (size_t k = 0; k < ids.size(); ++k) {
        if (ids[k] == node.outputs(0)) known[ids[k]] = values[k];
      }
    }
    PlainIntegers plain(int8.graph, known);
    ASSERT_EQ(plain.Run(), "");
    int compared = 0;
    for (size_t k = 0; k < ids.size(); ++k) {
      const std::vector<double> got = values[k].ToDoubles();
      ASSERT_EQ(got, std::vector<double>(plain.of(ids[k]).begin(), plain.of(ids[k]).end()))
          << int8.graph.values(static_cast<int>(ids[k])).name();
      ++compared;
    }
    EXPECT_GT(compared, 10);
  }
}

// Nothing between the first quantisation and the logits is a float.
TEST(PostTraining, TheModelsAreIntegerThroughout) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<VisionModel> models, Models(1, 32));
  const size_t layers[] = {5, 21 + 8 + 1, 28 + 1};
  for (size_t i = 0; i < models.size(); ++i) {
    SCOPED_TRACE(models[i].graph.name());
    STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph int8, MakeInt8(models[i]));
    EXPECT_TRUE(int8.kept_f32.empty());
    EXPECT_EQ(int8.layers.size(), layers[i]);
    for (const auto& node : int8.graph.nodes()) {
      if (node.op() != "conv2d" && node.op() != "matmul" && node.op() != "max_pool2d") continue;
      EXPECT_EQ(int8.graph.values(static_cast<int>(node.inputs(0))).dtype(), chips::I8);
    }
    for (const Int8Layer& layer : int8.layers)
      EXPECT_EQ(layer.output_scale == 0, layer.name == "fc" || layer.name == "fc3") << layer.name;
  }
}

struct Quality {
  double sqnr = 0;  // of the logits, in dB
  int same = 0;     // images with the same largest logit
  int images = 0;
};

absl::StatusOr<Quality> Compare(const VisionModel& model, const Int8Graph& int8,
                                const NamedTensors& weights, const HostTensor& images) {
  STRATA_ASSIGN_OR_RETURN(const auto f32_inputs, BindInputs(model.graph, {images}, weights));
  STRATA_ASSIGN_OR_RETURN(const auto int8_inputs, BindInputs(int8.graph, {images}, int8.weights));
  STRATA_ASSIGN_OR_RETURN(const auto want, Interpreter().Evaluate(model.graph, f32_inputs));
  STRATA_ASSIGN_OR_RETURN(const auto got, Interpreter().Evaluate(int8.graph, int8_inputs));
  const std::vector<double> a = want[0].ToDoubles(), b = got[0].ToDoubles();
  const auto classes = static_cast<size_t>(want[0].dims()[1]);
  Quality quality;
  double signal = 0, noise = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    signal += a[i] * a[i];
    noise += (a[i] - b[i]) * (a[i] - b[i]);
  }
  quality.sqnr = 10 * std::log10(signal / noise);
  for (size_t row = 0; row < a.size(); row += classes, ++quality.images) {
    const auto largest = [&](const std::vector<double>& x) {
      return std::max_element(x.begin() + static_cast<long>(row),
                              x.begin() + static_cast<long>(row + classes)) -
             x.begin();
    };
    quality.same += largest(a) == largest(b);
  }
  return quality;
}

NamedTensors Named(const VisionModel& model, const std::vector<HostTensor>& tensors) {
  NamedTensors named;
  for (size_t i = 0; i < tensors.size(); ++i) named[model.parameters[i].name] = tensors[i];
  return named;
}

TEST(PostTraining, LogitsStayCloseToF32) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<VisionModel> models, Models(8, 32));
  for (const VisionModel& model : models) {
    SCOPED_TRACE(model.graph.name());
    STRATA_ASSERT_OK_AND_ASSIGN(const Int8Graph int8, MakeInt8(model));
    STRATA_ASSERT_OK_AND_ASSIGN(
        const Quality quality,
        Compare(model, int8, Named(model, framework::MadeWeights(model, 1)), ImageOf(model, 9)));
    // Twenty-eight layers, most of seven bits as what leaves a relu has no sign, each add their noise.
    EXPECT_GT(quality.sqnr, model.graph.name() == "mobilenet_v1" ? 14 : 20);
    EXPECT_GE(quality.same, quality.images - 1);
  }
}

}  // namespace
}  // namespace strata::inference
