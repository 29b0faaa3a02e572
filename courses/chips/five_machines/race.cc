#include "courses/chips/five_machines/race.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/cost/roofline.h"
#include "chips/npu/machine/machine.h"
#include "chips/spec/catalogue.h"
#include "chips/spec/host/host.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"

namespace strata::courses {
namespace {

using compiler::CompileOptions;
using compiler::Device;
using compiler::DeviceOptions;
using compiler::Executable;
using compiler::RunOptions;
using graph::HostTensor;

double BytesOf(const plan::Plan& plan) {
  double bytes = 0;
  for (const plan::Step& step : plan.steps()) bytes += step.bytes_read() + step.bytes_written();
  return bytes;
}

double FlopsOf(const plan::Plan& plan) {
  double flops = 0;
  for (const plan::Step& step : plan.steps()) flops += step.flops();
  return flops;
}

double SecondsOf(const chips::Timeline& timeline) {
  int64_t end = 0;
  for (const chips::TimelineEvent& event : timeline.events()) {
    end = std::max(end, event.start_ns() + event.duration_ns());
  }
  return static_cast<double>(end) * 1e-9;
}

// The analytic model predicts the CPU's plan: any plan will do, its exact work is what counts.
absl::StatusOr<plan::Plan> Compile(const LabModel& model, const LabMachine& machine) {
  CompileOptions options;
  options.device = machine.device == "npu" ? "npu" : "cpu";
  if (model.products == chips::BF16) options.compute_dtype = chips::BF16;
  STRATA_ASSIGN_OR_RETURN(auto compiler, compiler::CreateCompiler("strata"));
  return compiler->Compile(model.graph, machine.device == "npu" ? machine.chip : chips::Chip(),
                           options);
}

// The least of several runs, after one that warms up.
absl::Status Measure(Executable* executable, const std::vector<HostTensor>& inputs, int timed_runs,
                     Entry* entry) {
  STRATA_ASSIGN_OR_RETURN(entry->outputs, executable->Run(inputs, {}));
  for (int i = 0; i < timed_runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    STRATA_RETURN_IF_ERROR(executable->Run(inputs, {}).status());
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    entry->seconds = i == 0 ? seconds : std::min(entry->seconds, seconds);
  }
  entry->bytes = BytesOf(entry->plan);
  return absl::OkStatus();
}

absl::Status SimulateRun(Executable* executable, const std::vector<HostTensor>& inputs,
                         chips::DType products, Entry* entry) {
  RunOptions options;
  options.simulation = &entry->simulation;
  STRATA_ASSIGN_OR_RETURN(entry->outputs, executable->Run(inputs, options));
  const compiler::SimulationReport& report = entry->simulation;
  entry->seconds = report.Seconds();
  entry->bytes = static_cast<double>(report.DramBytes());
  entry->joules = report.Picojoules() * 1e-12;
  STRATA_ASSIGN_OR_RETURN(const chips::npu::Machine machine,
                          chips::npu::FindMachine(entry->machine->chip.npu_machine()));
  entry->dram_joules = entry->bytes * machine.dram().picojoules_per_byte().value() * 1e-12;
  const double mac = products == chips::I8 ? machine.picojoules_per_mac_i8().value()
                                           : machine.picojoules_per_mac_bf16().value();
  entry->mac_joules = static_cast<double>(report.Macs()) * mac * 1e-12;
  for (const plan::Step& step : entry->plan.steps()) {
    if (step.has_launch()) continue;
    ++entry->host_steps;
    entry->host_flops += step.flops();
  }
  return absl::OkStatus();
}

absl::Status Predict(Executable* executable, Entry* entry) {
  chips::Timeline timeline;
  RunOptions options;
  options.timeline = &timeline;
  STRATA_RETURN_IF_ERROR(executable->Run({}, options).status());
  entry->seconds = SecondsOf(timeline);
  entry->bytes = BytesOf(entry->plan);
  return absl::OkStatus();
}

absl::Status Fill(const LabModel& model, int timed_runs, Entry* entry) {
  const LabMachine& machine = *entry->machine;
  STRATA_ASSIGN_OR_RETURN(entry->peak, chips::PeakFlops(machine.chip, model.products, true));
  STRATA_ASSIGN_OR_RETURN(entry->plan, Compile(model, machine));
  DeviceOptions options;
  if (machine.device == "model") options.chip = machine.chip;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Device> device,
                          compiler::DeviceRegistry().Create(machine.device, options));
  entry->source = device->capabilities().timeline;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Executable> executable, device->Load(entry->plan));
  std::vector<HostTensor> inputs;  // caches are written
  for (const HostTensor& input : model.inputs) inputs.push_back(input.Clone());
  if (machine.device == "cpu") {
    STRATA_RETURN_IF_ERROR(Measure(executable.get(), inputs, timed_runs, entry));
  } else if (machine.device == "npu") {
    STRATA_RETURN_IF_ERROR(SimulateRun(executable.get(), inputs, model.products, entry));
  } else {
    STRATA_RETURN_IF_ERROR(Predict(executable.get(), entry));
  }
  if (machine.device == "npu") {
    entry->utilisation = entry->simulation.Utilisation();
  } else {
    entry->utilisation = FlopsOf(entry->plan) / (entry->seconds * entry->peak);
  }
  if (!entry->joules.has_value() && machine.watts.has_value()) {
    entry->joules = *machine.watts * entry->seconds;
  }
  return absl::OkStatus();
}

double Difference(const std::vector<HostTensor>& yardstick, const std::vector<HostTensor>& other) {
  double largest = 0, difference = 0;
  for (size_t i = 0; i < yardstick.size() && i < other.size(); ++i) {
    const std::vector<double> a = yardstick[i].ToDoubles(), b = other[i].ToDoubles();
    for (size_t j = 0; j < a.size() && j < b.size(); ++j) {
      largest = std::max(largest, std::abs(a[j]));
      difference = std::max(difference, std::abs(a[j] - b[j]));
    }
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace

absl::StatusOr<std::vector<LabMachine>> LabMachines(chips::DType products, bool quick) {
  compiler::RegisterAllCompilers();
  compiler::RegisterAllDevices();
  std::vector<LabMachine> machines;
  chips::HostOptions host;
  host.quick = quick;
  STRATA_ASSIGN_OR_RETURN(chips::Chip cpu, chips::MeasureHost(host));
  machines.push_back({"cpu", "cpu", std::move(cpu)});
  const std::vector<const char*> simulated =
      products == chips::I8 ? std::vector<const char*>{"tpu_v1_like", "edge_16", "davinci_like"}
                            : std::vector<const char*>{"tpu_v4_like", "edge_16", "edge_16_os"};
  for (const char* name : simulated) {
    STRATA_ASSIGN_OR_RETURN(chips::Chip chip, chips::FindChip(name));
    machines.push_back({name, "npu", std::move(chip)});
  }
  STRATA_ASSIGN_OR_RETURN(chips::Chip gpu, chips::FindChip("h100"));
  machines.push_back({"h100", "model", std::move(gpu), 700.0,
                      "NVIDIA H100 Tensor Core GPU data sheet, SXM: up to 700 W"});
  return machines;
}

absl::StatusOr<Race> RunRace(const LabModel& model, const std::vector<LabMachine>& machines,
                             int timed_runs) {
  Race race;
  race.model = model.name;
  race.products = model.products;
  race.weight_bytes = model.weight_bytes;
  for (const LabMachine& machine : machines) {
    Entry& entry = race.entries.emplace_back();
    entry.machine = &machine;
    STRATA_RETURN_IF_ERROR(
        Annotate(Fill(model, timed_runs, &entry), absl::StrCat(model.name, " on ", machine.name)));
    if (!entry.outputs.empty()) {
      entry.difference = Difference(race.entries.front().outputs, entry.outputs);
    }
  }
  race.flops = FlopsOf(race.entries.front().plan);
  return race;
}

absl::StatusOr<Heat> RunHeat(const std::vector<LabModel>& models, int timed_runs, bool quick) {
  Heat heat;
  heat.products = models.front().products;
  STRATA_ASSIGN_OR_RETURN(heat.machines, LabMachines(heat.products, quick));
  for (const LabModel& model : models) {
    STRATA_ASSIGN_OR_RETURN(Race race, RunRace(model, heat.machines, timed_runs));
    heat.races.push_back(std::move(race));
  }
  return heat;
}

bool SameBits(const std::vector<HostTensor>& a, const std::vector<HostTensor>& b) {
  const auto same = [](const HostTensor& x, const HostTensor& y) {
    return x.dtype() == y.dtype() && x.dims() == y.dims() &&
           std::memcmp(x.raw(), y.raw(), x.size_bytes()) == 0;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace strata::courses
