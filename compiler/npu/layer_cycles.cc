// Cycles and utilisation of int8 layers on an NPU machine, from the compiler's own programs (timing only).
//
//   bazel run //compiler/npu:layer_cycles -- --machine=tpu_v1_like
//
// ResNet-18's layers at 224 x 224 with bias and requantisation, and a product of 512 x 512 x 512.
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "compiler/npu/emit_kernel.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::ValueId;

struct Layer {
  const char* name;
  int64_t size, channels, kernel, out, stride;  // size 0: a product of `channels` by `out`
  int64_t rows = 0;                             // of that product
};

constexpr Layer kLayers[] = {
    {"matmul 512^3", 0, 512, 0, 512, 0, 512},
    {"conv1 7x7/2", 224, 3, 7, 64, 2},
    {"conv2 3x3", 56, 64, 3, 64, 1},
    {"conv3 3x3/2", 56, 64, 3, 128, 2},
    {"conv3 1x1/2", 56, 64, 1, 128, 2},
    {"conv3 3x3", 28, 128, 3, 128, 1},
    {"conv4 3x3/2", 28, 128, 3, 256, 2},
    {"conv4 1x1/2", 28, 128, 1, 256, 2},
    {"conv4 3x3", 14, 256, 3, 256, 1},
    {"conv5 3x3/2", 14, 256, 3, 512, 2},
    {"conv5 1x1/2", 14, 256, 1, 512, 2},
    {"conv5 3x3", 7, 512, 3, 512, 1},
    {"fc", 0, 512, 0, 1000, 0, 1},
};

absl::StatusOr<graph::Graph> GraphOf(const Layer& layer) {
  Builder b(layer.name);
  ValueId y;
  if (layer.size == 0) {
    const ValueId x = b.Input("x", {chips::I8, {layer.rows, layer.channels}}, graph::DATA);
    y = b.Apply("matmul",
                {x, b.Input("w", {chips::I8, {layer.channels, layer.out}}, graph::PARAMETER)});
  } else {
    const int64_t padding = layer.kernel / 2;
    const ValueId x =
        b.Input("x", {chips::I8, {1, layer.size, layer.size, layer.channels}}, graph::DATA);
    const ValueId w =
        b.Input("w", {chips::I8, {layer.kernel, layer.kernel, layer.channels, layer.out}},
                graph::PARAMETER);
    y = b.Apply("conv2d", {x, w},
                {{"strides", Attr(std::vector<int64_t>{layer.stride, layer.stride})},
                 {"padding", Attr(std::vector<int64_t>(4, padding))}});
  }
  const auto row = [&](const char* name) {
    return b.Input(name, {chips::I32, {layer.out}}, graph::PARAMETER);
  };
  y = b.Apply("add", {y, row("bias")});
  b.Output(b.Apply("requantize", {y, row("multiplier"), row("shift")}), "y");
  return std::move(b).Build();
}

absl::Status Print(const chips::npu::Machine& machine, const Layer& layer, bool json) {
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, GraphOf(layer));
  STRATA_ASSIGN_OR_RETURN(const NpuKernel kernel, EmitNpuKernel(graph, machine));
  STRATA_ASSIGN_OR_RETURN(const auto core, chips::npu::NewCore(machine));
  STRATA_RETURN_IF_ERROR(Verify(*core, kernel.program));
  STRATA_ASSIGN_OR_RETURN(const chips::npu::Simulation run,
                          Simulate(*core, kernel.program, chips::npu::SimulationOptions()));
  const double macs = static_cast<double>(Macs(*core, run));
  const chips::npu::Array& array = machine.array();
  const double peak =  // of int8
      machine.has_davinci()
          ? 16 * 32 * 16
          : array.rows().value() * array.columns().value() * array.arrays().value();
  const double used = macs / (peak * static_cast<double>(run.cycles));
  const int64_t dram = run.memories[0].read_bytes + run.memories[0].written_bytes;
  if (json) {
    std::printf(
        "{\"machine\": \"%s\", \"layer\": \"%s\", \"macs\": %.0f, \"cycles\": %lld, "
        "\"utilisation\": %.4f, \"dram_bytes\": %lld, \"instructions\": %zu}\n",
        machine.name().c_str(), layer.name, macs, static_cast<long long>(run.cycles), used,
        static_cast<long long>(dram), kernel.program.instructions.size());
  } else {
    std::printf(
        "%-14s %12.0f MACs %10lld cycles %5.1f %% of peak %10lld bytes of DRAM %7zu instructions\n",
        layer.name, macs, static_cast<long long>(run.cycles), 100 * used,
        static_cast<long long>(dram), kernel.program.instructions.size());
  }
  return absl::OkStatus();
}

absl::Status PrintAll(const std::string& name, bool json) {
  STRATA_ASSIGN_OR_RETURN(const chips::npu::Machine machine, chips::npu::FindMachine(name));
  for (const Layer& layer : kLayers) {
    STRATA_RETURN_IF_ERROR(Annotate(Print(machine, layer, json), layer.name));
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  EnterUserFolder();
  CLI::App app("Cycles of int8 layers on an NPU machine, as the compiler programs them.");
  std::string machine = "edge_16";
  bool json = false;
  app.add_option("--machine", machine, "of the catalogue, or a .textproto");
  app.add_flag("--json", json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = PrintAll(machine, json);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return ExitCode(status);
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) { return strata::compiler::Main(argc, argv); }
