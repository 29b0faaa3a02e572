// The verb on f32 graphs of inference: quantize.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "framework/data/safetensors.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"
#include "framework/graph/types.h"
#include "framework/vision/lenet.h"
#include "framework/vision/mobilenet.h"
#include "framework/vision/resnet.h"
#include "inference/compress/post_training.h"

namespace strata::cli {
namespace {

using graph::HostTensor;

struct Options {
  std::string input;
  std::string weights;
  std::vector<std::string> samples;
  std::string output = "-";
  std::string weights_output;
  double percentile = 100;
  int64_t batch = 1;
  int64_t height = 64;
  int64_t width = 64;
  int64_t classes = 1000;
  double multiplier = 1;
  uint64_t seed = 1;
  bool json = false;
};

// What is quantised, and on what it is calibrated.
struct Source {
  graph::Graph graph;
  inference::NamedTensors weights;
  std::vector<std::vector<HostTensor>> batches;
};

bool IsModel(const std::string& name) {
  return name == "lenet5" || name == "resnet18" || name == "mobilenet_v1";
}

// A vision model by name, with made weights, and one batch of made images.
absl::StatusOr<Source> MakeModel(const Options& o) {
  framework::VisionOptions vision{.batch = o.batch, .height = o.height, .width = o.width};
  vision.channels = o.input == "lenet5" ? 1 : 3;
  vision.classes = o.classes;
  framework::VisionModel model;
  if (o.input == "lenet5") {
    STRATA_ASSIGN_OR_RETURN(model, framework::BuildLeNet5(vision));
  } else if (o.input == "resnet18") {
    STRATA_ASSIGN_OR_RETURN(model, framework::BuildResNet18(vision));
  } else {
    STRATA_ASSIGN_OR_RETURN(model, framework::BuildMobileNetV1(vision, o.multiplier));
  }
  Source source{model.graph, {}, {}};
  const std::vector<HostTensor> made = framework::MadeWeights(model, o.seed);
  for (size_t i = 0; i < made.size(); ++i) source.weights[model.parameters[i].name] = made[i];
  source.batches = {{framework::MadeImages(o.batch, o.height, o.width, vision.channels, o.seed)}};
  return source;
}

// All tensors of a file, by name.
absl::StatusOr<inference::NamedTensors> LoadTensors(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const auto file, framework::OpenSafetensors(path));
  inference::NamedTensors tensors;
  for (const auto& [name, entry] : file.entries()) {
    STRATA_ASSIGN_OR_RETURN(tensors[name], file.Get(name));
  }
  return tensors;
}

// A graph file with its weights; each sample file holds one batch, a tensor for each DATA input by its name.
absl::StatusOr<Source> LoadSource(const Options& o) {
  Source source;
  STRATA_ASSIGN_OR_RETURN(source.graph, LoadGraph(o.input));
  if (o.weights.empty() || o.samples.empty()) {
    return absl::InvalidArgumentError(
        "a graph file is quantised with its weights and sample data: give "
        "--weights=FILE.safetensors and "
        "--samples=FILE.safetensors, or name a model: lenet5, resnet18, mobilenet_v1");
  }
  STRATA_ASSIGN_OR_RETURN(source.weights, LoadTensors(o.weights));
  for (const std::string& path : o.samples) {
    STRATA_ASSIGN_OR_RETURN(const inference::NamedTensors tensors, LoadTensors(path));
    std::vector<HostTensor> batch;
    for (const auto& input : source.graph.inputs()) {
      const std::string& name = source.graph.values(static_cast<int>(input.value())).name();
      if (input.kind() != graph::DATA) continue;
      auto it = tensors.find(name);
      if (it == tensors.end())
        return absl::NotFoundError(
            absl::StrCat(path, ": has no tensor '", name, "', an input of the graph"));
      batch.push_back(it->second);
    }
    source.batches.push_back(std::move(batch));
  }
  return source;
}

void PrintLayers(const inference::Int8Graph& int8, std::FILE* to) {
  for (const inference::Int8Layer& layer : int8.layers) {
    const bool leaves = layer.output_scale == 0;
    std::fprintf(to, "%-28s %-12s scale %.3g -> %s\n", layer.name.c_str(), layer.op.c_str(),
                 layer.input_scale,
                 leaves ? "f32" : absl::StrFormat("%.3g", layer.output_scale).c_str());
  }
  for (const std::string& op : int8.kept_f32) std::fprintf(to, "stays in f32: %s\n", op.c_str());
}

void PrintJson(const inference::Int8Graph& int8, std::FILE* to) {
  for (const inference::Int8Layer& layer : int8.layers) {
    PrintLine({{"layer", layer.name},
               {"op", layer.op},
               {"input_scale", layer.input_scale},
               {"output_scale", layer.output_scale}},
              to);
  }
  for (const std::string& op : int8.kept_f32) PrintLine({{"kept_f32", op}}, to);
}

absl::Status Quantize(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(const Source source,
                          IsModel(options.input) ? MakeModel(options) : LoadSource(options));
  graph::Interpreter interpreter;
  STRATA_ASSIGN_OR_RETURN(
      const inference::Int8Graph int8,
      inference::QuantizePostTraining(source.graph, source.weights, source.batches,
                                      {.percentile = options.percentile}, interpreter));
  // Standard output is the graph's when it has no file.
  (options.json ? PrintJson : PrintLayers)(int8, options.output == "-" ? stderr : stdout);
  if (!options.weights_output.empty())
    STRATA_RETURN_IF_ERROR(framework::WriteSafetensors(options.weights_output, int8.weights));
  return Emit(options.output, graph::PrintGraph(int8.graph));
}

}  // namespace

void AddQuantizeCommand(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App* verb =
      AddVerb(app, action, "quantize", "An f32 graph of inference in integers: int8 after training",
              options, Quantize);
  verb->add_option("graph", o.input,
                   "graph in text form; or lenet5, resnet18, mobilenet_v1 with made weights")
      ->required();
  verb->add_option("--weights", o.weights, "the graph's parameters (safetensors)");
  verb->add_option("--samples", o.samples,
                   "a batch of sample data (safetensors, a tensor for each data input by name); "
                   "may be repeated");
  verb->add_option("-o,--output", o.output, "the integer graph in text form; - is standard output");
  verb->add_option("--weights-output", o.weights_output, "its parameters (safetensors)");
  verb->add_option("--percentile", o.percentile,
                   "share of an activation's elements that its range holds")
      ->capture_default_str();
  verb->add_option("--batch", o.batch, "of a named model: images at a time")->capture_default_str();
  verb->add_option("--height", o.height, "of a named model's images")->capture_default_str();
  verb->add_option("--width", o.width, "of a named model's images")->capture_default_str();
  verb->add_option("--classes", o.classes, "of a named model")->capture_default_str();
  verb->add_option("--multiplier", o.multiplier, "width of mobilenet_v1")->capture_default_str();
  verb->add_option("--seed", o.seed, "of made weights and images")->capture_default_str();
  verb->add_flag("--json", o.json, "the layers as one object a line");
}

}  // namespace strata::cli
