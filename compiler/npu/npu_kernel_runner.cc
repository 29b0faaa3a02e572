#include "compiler/npu/npu_kernel_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/verifier.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using chips::npu::Machine;
using chips::npu::MemoryImage;
using graph::HostTensor;

constexpr uint8_t kDirt = 0xa5;
constexpr size_t kDirtBytes = 1 << 18;

const double kSpecial[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-40, 1e30, -3e38};

double RandomNumber(chips::DType dtype, std::mt19937& random) {
  if (dtype == chips::BOOL) return random() % 2;
  if (!chips::IsFloat(dtype) && !chips::IsFloat8(dtype)) {
    return static_cast<double>(random() % 201) - 100;
  }
  if (random() % 64 == 0) return kSpecial[random() % std::size(kSpecial)];
  return (static_cast<double>(random() % 2000001) - 1e6) / 3e5;
}

bool IsNan(chips::DType dtype, double value) {
  return (chips::IsFloat(dtype) || chips::IsFloat8(dtype)) && std::isnan(value);
}

}  // namespace

absl::StatusOr<NpuRun> RunNpuKernel(const graph::Graph& region, const NpuKernel& kernel,
                                    const Machine& machine, absl::Span<const HostTensor> inputs) {
  STRATA_ASSIGN_OR_RETURN(const auto core, chips::npu::NewCore(machine));
  STRATA_RETURN_IF_ERROR(chips::npu::Verify(*core, kernel.program));
  STRATA_ASSIGN_OR_RETURN(MemoryImage image, chips::npu::NewImage(*core, kernel.program));
  for (std::vector<uint8_t>& memory : image) {
    std::fill_n(memory.begin(), std::min(memory.size(), kDirtBytes), kDirt);
  }
  std::map<std::string, chips::npu::Region> regions;
  for (const auto& part : kernel.program.regions) regions[part.name] = part;
  int number = 0;
  for (const HostTensor& input : inputs) {
    const auto& part = regions[absl::StrCat("b", number++)];
    if (part.bytes != input.size_bytes()) return absl::InternalError("an input's size");
    std::memcpy(&image[0][part.address], input.raw(), input.size_bytes());
  }
  for (const plan::KernelData& data : kernel.data) {
    const auto& part = regions[data.region()];
    if (part.bytes != data.content().size()) return absl::InternalError("the size of data");
    std::memcpy(&image[0][part.address], data.content().data(), data.content().size());
  }
  NpuRun run;
  chips::npu::SimulationOptions options;
  options.image = &image;
  STRATA_ASSIGN_OR_RETURN(run.simulation, chips::npu::Simulate(*core, kernel.program, options));
  for (const graph::Output& output : region.outputs()) {
    const graph::TensorType type = graph::TypeOf(region.values(static_cast<int>(output.value())));
    HostTensor tensor = HostTensor::Allocate(type.dtype, type.dims());
    const auto& part = regions[absl::StrCat("b", number++)];
    if (part.bytes != tensor.size_bytes()) return absl::InternalError("an output's size");
    std::memcpy(tensor.raw(), &image[0][part.address], tensor.size_bytes());
    run.outputs.push_back(std::move(tensor));
  }
  return run;
}

std::string BitDifference(const HostTensor& got, const HostTensor& want) {
  if (got.TypeString() != want.TypeString()) {
    return absl::StrCat(got.TypeString(), " in place of ", want.TypeString());
  }
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  const size_t size = chips::SizeOf(got.dtype());
  for (size_t i = 0; i < a.size(); ++i) {
    if (IsNan(got.dtype(), a[i]) && IsNan(got.dtype(), b[i])) continue;
    const char* x = static_cast<const char*>(got.raw()) + i * size;
    const char* y = static_cast<const char*>(want.raw()) + i * size;
    if (std::memcmp(x, y, size) != 0) {
      return absl::StrCat("element ", i, " of ", got.TypeString(), ": ", a[i], " in place of ",
                          b[i]);
    }
  }
  return "";
}

std::vector<HostTensor> RandomInputs(const graph::Graph& graph, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : graph.inputs()) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(input.value())));
    std::vector<double> numbers;
    for (int64_t i = 0; i < type.elements(); ++i) {
      numbers.push_back(RandomNumber(type.dtype, random));
    }
    inputs.push_back(HostTensor::FromDoubles(type.dtype, type.dims(), numbers));
  }
  return inputs;
}

Machine TestMachine(const std::string& name) {
  if (name != "tiny") return *chips::npu::FindMachine(name);
  Machine machine = *chips::npu::FindMachine("edge_16");
  machine.set_name(name);
  machine.mutable_l1()->mutable_capacity_bytes()->set_value(6144);
  machine.mutable_l1()->set_banks(6);
  machine.mutable_accumulators()->mutable_capacity_bytes()->set_value(2048);
  machine.mutable_accumulators()->set_banks(2);
  return machine;
}

}  // namespace strata::compiler
