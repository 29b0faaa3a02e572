#include "compiler/device/npu_device.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/machine/peak.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/tool/report.h"
#include "chips/numerics/tensor_core.h"
#include "compiler/device/host_memory.h"
#include "compiler/device/host_steps.h"
#include "compiler/device/npu_program.h"
#include "compiler/plan/validate.h"
#include "framework/graph/evaluator.h"

namespace strata::compiler {
namespace {

using chips::npu::Core;
using chips::npu::Machine;
using chips::npu::Region;
using chips::npu::Simulation;

constexpr const char* kStallNames[chips::npu::kStalls] = {"dispatch", "token", "bank", "dram"};

// What a core's event multiplies. An array does as many of each type, so that int8 is all that must be told apart.
chips::DType OperandsOf(absl::string_view event) {
  return absl::StrContains(event, "int8") ? chips::I8 : chips::F16;
}

// What one run counted, as the report has it.
SimulatedLaunch Counted(const Machine& machine, const Core& core, const Simulation& run, int step) {
  SimulatedLaunch launch;
  launch.step = step;
  launch.cycles = run.cycles;
  launch.macs = chips::npu::Macs(core, run);
  for (size_t e = 0; e < core.events().size(); ++e) {
    if (core.events()[e].mac) {
      launch.ideal_cycles +=
          static_cast<double>(run.events[e]) /
          chips::npu::PeakMacsPerCycle(machine, OperandsOf(core.events()[e].name));
    }
  }
  for (const chips::npu::EnergyRow& row : chips::npu::Energy(core, run))
    launch.picojoules += row.picojoules;
  for (size_t i = 0; i < run.memories.size(); ++i) {
    const chips::npu::MemoryStats& memory = run.memories[i];
    if (memory.read_bytes + memory.written_bytes == 0) continue;
    launch.traffic.push_back({core.memories()[i].name, memory.read_bytes, memory.written_bytes});
  }
  for (size_t u = 1; u < run.units.size(); ++u) {
    for (size_t cause = 0; cause < chips::npu::kStalls; ++cause) {
      const int64_t cycles = run.units[u].stalls[cause];
      if (cycles > 0)
        launch.stalls.push_back({core.isa().units[u].name, kStallNames[cause], cycles});
    }
  }
  return launch;
}

// Of "as_h100".
absl::StatusOr<chips::Generation> GenerationOf(const std::string& arithmetic) {
  absl::string_view chip = arithmetic;
  if (absl::ConsumePrefix(&chip, "as_")) {
    const absl::StatusOr<chips::Generation> generation = chips::ParseChip(chip);
    if (generation.ok()) return generation;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("arithmetic: '", arithmetic,
                   "' is no chip with tensor cores, as the device 'npu' takes it; give "
                   "as_h100, as_a100, as_b200, ..., or leave it out for the machine's own"));
}

class NpuExecutable : public Executable {
 public:
  NpuExecutable(plan::Plan plan, Collectives* collectives, std::string arithmetic)
      : plan_(std::move(plan)), collectives_(collectives), arithmetic_(std::move(arithmetic)) {}

  absl::Status Prepare() {
    if (!arithmetic_.empty()) {
      STRATA_ASSIGN_OR_RETURN(evaluator_, graph::EvaluatorRegistry().Create(arithmetic_));
    }
    STRATA_ASSIGN_OR_RETURN(memory_, HostMemory::Create(&plan_));
    programs_.resize(static_cast<size_t>(plan_.kernels_size()));
    for (int i = 0; i < plan_.steps_size(); ++i) {
      const plan::Step& step = plan_.steps(i);
      STRATA_RETURN_IF_ERROR(AtStep(PrepareStep(step), i, step));
    }
    return PrepareImage();
  }

  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     const RunOptions& run) override {
    STRATA_RETURN_IF_ERROR(memory_->Bind(inputs));
    Start(run);
    int64_t now_ns = 0;
    absl::Status status;
    for (int i = 0; i < plan_.steps_size() && status.ok(); ++i)
      status = AtStep(RunStep(i, run, &now_ns), i, plan_.steps(i));
    if (run.timeline != nullptr) SortEvents(run.timeline);
    std::vector<graph::HostTensor> outputs = memory_->TakeOutputs();
    STRATA_RETURN_IF_ERROR(status);
    return outputs;
  }

 private:
  absl::Status PrepareStep(const plan::Step& step) {
    if (step.has_library_call()) {
      return absl::UnimplementedError(
          absl::StrCat("the device 'npu' has no library, hence no routine '",
                       step.library_call().routine(), "'"));
    }
    if (!step.has_launch()) return absl::OkStatus();
    const int id = static_cast<int>(step.launch().kernel());
    const plan::Kernel& kernel = plan_.kernels(id);
    if (kernel.language() != plan::NPU) {
      return absl::UnimplementedError(
          absl::StrCat("launch: kernel '", kernel.entry(),
                       "' is no program of an NPU, which is what the device 'npu' runs"));
    }
    STRATA_RETURN_IF_ERROR(PrepareCore());
    std::unique_ptr<NpuProgram>& program = programs_[static_cast<size_t>(id)];
    if (program == nullptr) {
      absl::StatusOr<NpuProgram> loaded = LoadNpuProgram(kernel, *core_);
      if (!loaded.ok())
        return Annotate(loaded.status(), absl::StrCat("kernel '", kernel.entry(), "'"));
      program = std::make_unique<NpuProgram>(*std::move(loaded));
    }
    return CheckOperands(*program, plan_, step);
  }

  absl::Status PrepareCore() {
    if (core_ != nullptr) return absl::OkStatus();
    if (plan_.target().isa().empty()) {
      return absl::InvalidArgumentError(
          "target.isa: is not set; it names the machine that the plan's programs are for");
    }
    STRATA_ASSIGN_OR_RETURN(machine_, chips::npu::FindMachine(plan_.target().isa()));
    std::optional<chips::Generation> products_as;
    if (!arithmetic_.empty()) {
      STRATA_ASSIGN_OR_RETURN(products_as, GenerationOf(arithmetic_));
    }
    STRATA_ASSIGN_OR_RETURN(core_, chips::npu::NewCore(machine_, products_as));
    return absl::OkStatus();
  }

  // One image for all: as much DRAM as the largest program asks for.
  absl::Status PrepareImage() {
    const NpuProgram* largest = nullptr;
    uint64_t most = 0;
    for (const auto& program : programs_) {
      if (program == nullptr) continue;
      uint64_t end = 0;
      for (const Region& region : program->program.regions)
        end = std::max(end, region.address + region.bytes);
      if (largest != nullptr && end <= most) continue;
      largest = program.get();
      most = end;
    }
    if (largest == nullptr) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(image_, chips::npu::NewImage(*core_, largest->program));
    for (size_t i = 0; i < core_->memories().size(); ++i) {
      if (core_->memories()[i].declared) dram_ = &image_[i];
    }
    return absl::OkStatus();
  }

  void Start(const RunOptions& run) const {
    if (run.timeline != nullptr) StartTimeline(plan_, chips::SIMULATED, run.timeline);
    if (run.unit_timeline != nullptr) {
      StartTimeline(plan_, chips::SIMULATED, run.unit_timeline);
      run.unit_timeline->clear_lanes();
      if (core_ != nullptr) {
        for (size_t u = 1; u < core_->isa().units.size(); ++u)
          run.unit_timeline->add_lanes(core_->isa().units[u].name);
      }
    }
    if (run.simulation == nullptr) return;
    *run.simulation = {};
    run.simulation->machine = plan_.target().isa();
    if (core_ == nullptr) return;
    run.simulation->clock_hz = core_->clock_hz();
    for (const chips::npu::MemorySpec& memory : core_->memories()) {
      if (memory.declared) run.simulation->main_memory = memory.name;
    }
  }

  absl::Status RunStep(int i, const RunOptions& run, int64_t* now_ns) {
    const plan::Step& step = plan_.steps(i);
    chips::TimelineEvent event = EventOf(step, i);
    event.set_start_ns(*now_ns);
    if (step.has_launch()) {
      STRATA_ASSIGN_OR_RETURN(const int64_t cycles, RunLaunch(i, run, *now_ns));
      event.set_duration_ns(
          static_cast<int64_t>(std::ceil(static_cast<double>(cycles) * 1e9 / core_->clock_hz())));
    } else {
      STRATA_RETURN_IF_ERROR(RunOnHost(step));
      event.set_reason("by the host: takes no simulated time");
    }
    *now_ns += event.duration_ns();
    if (run.timeline != nullptr) *run.timeline->add_events() = std::move(event);
    return absl::OkStatus();
  }

  absl::Status RunOnHost(const plan::Step& step) {
    if (step.has_host_call()) return RunHostCall(step, *memory_, evaluator_.get());
    if (step.has_copy()) return RunCopy(plan_, step, *memory_);
    return RunCollective(step, *memory_, collectives_);
  }

  // The cycles it took.
  absl::StatusOr<int64_t> RunLaunch(int i, const RunOptions& run, int64_t now_ns) {
    const plan::Step& step = plan_.steps(i);
    const NpuProgram& program = *programs_[step.launch().kernel()];
    CopyIn(program, step);
    chips::npu::SimulationOptions options;
    options.image = &image_;
    options.record_spans = run.unit_timeline != nullptr;
    STRATA_ASSIGN_OR_RETURN(const Simulation simulation,
                            chips::npu::Simulate(*core_, program.program, options));
    CopyOut(program, step);
    if (run.simulation != nullptr)
      run.simulation->launches.push_back(Counted(machine_, *core_, simulation, i));
    if (run.unit_timeline != nullptr)
      AppendUnits(program.program, simulation, i, now_ns, run.unit_timeline);
    return simulation.cycles;
  }

  void AppendUnits(const chips::npu::Program& program, const Simulation& simulation, int step,
                   int64_t now_ns, chips::Timeline* units) const {
    chips::Timeline launch = chips::npu::MakeTimeline(*core_, program, simulation);
    for (chips::TimelineEvent& event : *launch.mutable_events()) {
      event.set_start_ns(event.start_ns() + now_ns);
      event.set_step(step);
      *units->add_events() = std::move(event);
    }
  }

  uint8_t* At(const NpuProgram& program, int region) const {
    return dram_->data() + program.program.regions[static_cast<size_t>(region)].address;
  }

  void CopyIn(const NpuProgram& program, const plan::Step& step) const {
    for (const auto& [region, content] : program.data)
      std::memcpy(At(program, region), content->data(), content->size());
    for (int i = 0; i < step.reads_size(); ++i) {
      const graph::HostTensor from = memory_->View(step.reads(i));
      if (from.size_bytes() > 0)
        std::memcpy(At(program, program.operands[static_cast<size_t>(i)]), from.raw(),
                    from.size_bytes());
    }
  }

  void CopyOut(const NpuProgram& program, const plan::Step& step) const {
    for (int i = 0; i < step.writes_size(); ++i) {
      const graph::HostTensor to = memory_->View(step.writes(i));
      const int region = program.operands[static_cast<size_t>(step.reads_size() + i)];
      if (to.size_bytes() > 0) std::memcpy(to.raw(), At(program, region), to.size_bytes());
    }
  }

  plan::Plan plan_;
  Collectives* collectives_;
  std::string arithmetic_;
  std::unique_ptr<graph::Evaluator>
      evaluator_;  // of the host's steps; null: by the ops' definitions
  std::unique_ptr<HostMemory> memory_;
  Machine machine_;
  std::unique_ptr<Core> core_;                         // where there is a launch
  std::vector<std::unique_ptr<NpuProgram>> programs_;  // by kernel
  chips::npu::MemoryImage image_;
  std::vector<uint8_t>* dram_ = nullptr;  // of image_
};

class NpuDevice : public Device {
 public:
  explicit NpuDevice(const DeviceOptions& options)
      : collectives_(options.collectives), arithmetic_(options.arithmetic) {}

  absl::string_view name() const override { return "npu"; }
  DeviceCapabilities capabilities() const override {
    DeviceCapabilities capabilities;
    capabilities.emitted_c = false;
    capabilities.timeline = chips::SIMULATED;
    return capabilities;
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) override {
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    if (plan.target().device() != "npu") {
      return absl::FailedPreconditionError(
          absl::StrCat("plan '", plan.name(), "' was made for the device '", plan.target().device(),
                       "', this is 'npu'; compile again with --device=npu"));
    }
    auto executable = std::make_unique<NpuExecutable>(plan, collectives_, arithmetic_);
    STRATA_RETURN_IF_ERROR(
        Annotate(executable->Prepare(), absl::StrCat("plan '", plan.name(), "'")));
    return executable;
  }

 private:
  Collectives* collectives_;
  std::string arithmetic_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateNpuDevice(const DeviceOptions& options) {
  if (!options.arithmetic.empty())
    STRATA_RETURN_IF_ERROR(GenerationOf(options.arithmetic).status());
  return std::make_unique<NpuDevice>(options);
}

}  // namespace strata::compiler
