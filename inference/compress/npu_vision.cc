// An int8 vision model on a simulated NPU: is every bit right, and what does it cost?
//
//   bazel run -c opt //inference/compress:npu_vision -- --model=resnet18 --size=224 --chip=edge_16
//
// Compiles for the chip, runs one image, compares each output with the interpreter's (--no-check leaves that out), and
// prints a row a step beside the roofline's prediction, and the sums.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/device/model_device.h"
#include "compiler/device/simulation_report.h"
#include "compiler/device/simulation_table.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/interpreter.h"
#include "framework/vision/vision_model.h"
#include "inference/compress/calibration.h"
#include "inference/compress/int8_vision.h"

namespace strata::inference {
namespace {

struct Flags {
  std::string model = "lenet";
  std::string chip = "edge_16";
  int64_t size = 0;
  double width = 1;
  bool check = true;
  bool json = false;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t SizeOf(const Flags& flags) {
  return flags.size > 0 ? flags.size : flags.model == "lenet" ? 28 : 224;
}

absl::StatusOr<Int8Graph> Make(const Flags& flags) {
  const int64_t size = SizeOf(flags);
  if (flags.model == "lenet") return MakeInt8LeNet5(1, size, size);
  if (flags.model == "resnet18") return MakeInt8ResNet18(1, size, size);
  return MakeInt8MobileNetV1(1, size, size, flags.width);
}

absl::Status Check(const Int8Graph& model, const std::vector<graph::HostTensor>& inputs,
                   const std::vector<graph::HostTensor>& got) {
  STRATA_ASSIGN_OR_RETURN(const auto want, graph::Interpreter().Evaluate(model.graph, inputs));
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::memcmp(got[i].raw(), want[i].raw(), want[i].size_bytes()) == 0) continue;
    return absl::InternalError(absl::StrCat("output ", i, " differs from the interpreter's"));
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  compiler::RegisterAllDevices();
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::FindChip(flags.chip));
  STRATA_ASSIGN_OR_RETURN(const Int8Graph model, Make(flags));
  const int64_t size = SizeOf(flags), channels = flags.model == "lenet" ? 1 : 3;
  STRATA_ASSIGN_OR_RETURN(
      const auto inputs,
      BindInputs(model.graph, {framework::MadeImages(1, size, size, channels, /*seed=*/7)},
                 model.weights));
  const double start = Now();
  STRATA_ASSIGN_OR_RETURN(auto made, compiler::CreateCompiler("strata"));
  compiler::CompileOptions options;
  options.device = "npu";
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, made->Compile(model.graph, chip, options));
  STRATA_ASSIGN_OR_RETURN(auto device, compiler::DeviceRegistry().Create("npu", {}));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  const double loaded = Now();
  compiler::SimulationReport report;
  compiler::RunOptions run;
  run.simulation = &report;
  STRATA_ASSIGN_OR_RETURN(const auto outputs, executable->Run(inputs, run));
  const double ran = Now();
  if (flags.check) STRATA_RETURN_IF_ERROR(Check(model, inputs, outputs));
  if (flags.json) {
    std::printf("%s", compiler::SimulationJson(plan, report).c_str());
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(const chips::Timeline predicted, compiler::PredictTimeline(plan, chip));
  std::printf("%s%s", compiler::SimulationTable(plan, report, predicted).c_str(),
              compiler::SimulationSummary(plan, report).c_str());
  std::printf("compiled and verified in %.1f s, simulated in %.1f s%s\n", loaded - start,
              ran - loaded, flags.check ? "; every output bit is the interpreter's" : "");
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::inference

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::inference::Flags flags;
  CLI::App app("An int8 vision model on a simulated NPU, held to the interpreter bit for bit.");
  app.add_option("--model", flags.model)
      ->check(CLI::IsMember({"lenet", "resnet18", "mobilenet"}))
      ->capture_default_str();
  app.add_option("--chip", flags.chip, "a simulated chip of the catalogue, or a .textproto")
      ->capture_default_str();
  app.add_option("--size", flags.size, "height and width of the image; 0: the model's own");
  app.add_option("--width", flags.width, "width multiplier of mobilenet")->capture_default_str();
  app.add_flag("--check,!--no-check", flags.check, "compare with the interpreter");
  app.add_flag("--json", flags.json, "the sums as one JSON object on one line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::inference::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "npu_vision: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
