#include "compiler/device/cpu_device.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/warning.h"
#include "compiler/codegen/isa.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/device/collective_queue.h"
#include "compiler/device/host_memory.h"
#include "compiler/device/host_steps.h"
#include "compiler/device/launch_region.h"
#include "compiler/device/launch_schedule.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

// A step with everything looked up.
struct PreparedStep {
  KernelEntry* entry = nullptr;             // of a launch
  const graph::Graph* reference = nullptr;  // of a launch whose kernel could not be built
  int64_t extent = 0, grain = 1;
  RoutineFunction routine;  // of a library call
  std::vector<uint32_t> operands;
  std::vector<void*> buffers;            // of this run
  const LaunchRegion* region = nullptr;  // that begins here
};

class CpuExecutable : public Executable {
 public:
  CpuExecutable(plan::Plan plan, const DeviceOptions& options, LaunchSharing sharing)
      : plan_(std::move(plan)),
        options_(options),
        sharing_(sharing),
        threads_(options.threads > 0 ? options.threads : omp_get_max_threads()) {}

  absl::Status Prepare() {
    STRATA_ASSIGN_OR_RETURN(memory_, HostMemory::Create(&plan_));
    STRATA_RETURN_IF_ERROR(BuildKernels());
    for (int i = 0; i < plan_.steps_size(); ++i) {
      const plan::Step& step = plan_.steps(i);
      steps_.emplace_back();
      STRATA_RETURN_IF_ERROR(AtStep(PrepareStep(step, &steps_.back()), i, step));
    }
    WarnOfFallbacks();
    PrepareRegions();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     const RunOptions& run) override {
    STRATA_RETURN_IF_ERROR(memory_->Bind(inputs));
    const ThreadScope threads(threads_);
    if (run.timeline != nullptr) StartTimeline(plan_, chips::MEASURED, run.timeline);
    const bool shared = !regions_.empty() && !memory_->UpdatesOverlap();
    const Clock::time_point start = Clock::now();
    absl::Status status;
    for (int i = 0; i < plan_.steps_size() && status.ok();) {
      const LaunchRegion* region = shared ? steps_[static_cast<size_t>(i)].region : nullptr;
      if (region != nullptr) {
        RunRegion(*region, start, run.timeline);
        i = region->end;
        continue;
      }
      status = AtStep(RunAlone(i, start, run.timeline), i, plan_.steps(i));
      ++i;
    }
    const absl::Status collectives = DrainQueue(start, run.timeline);
    std::vector<graph::HostTensor> outputs = memory_->TakeOutputs();
    STRATA_RETURN_IF_ERROR(status);
    STRATA_RETURN_IF_ERROR(collectives);
    return outputs;
  }

 private:
  using Clock = std::chrono::steady_clock;

  absl::Status BuildKernels() {
    std::vector<std::string> sources;
    for (const plan::Kernel& kernel : plan_.kernels()) {
      if (kernel.language() != plan::C) {
        return absl::UnimplementedError(
            absl::StrCat("kernel '", kernel.entry(),
                         "' is not in C, the language that the device 'cpu' builds"));
      }
      sources.push_back(kernel.source());
    }
    if (sources.empty()) return absl::OkStatus();
    const std::string isa = plan_.target().isa().empty() ? "generic" : plan_.target().isa();
    STRATA_ASSIGN_OR_RETURN(library_, KernelLibrary::BuildWhatCompiles(
                                          plan_.prelude(), sources, isa, options_.cache_dir,
                                          omp_get_num_procs(), &failures_));
    return absl::OkStatus();
  }

  absl::Status PrepareStep(const plan::Step& step, PreparedStep* prepared) {
    for (uint32_t id : step.reads()) prepared->operands.push_back(id);
    for (uint32_t id : step.writes()) prepared->operands.push_back(id);
    prepared->buffers.resize(prepared->operands.size());
    if (step.has_launch()) return PrepareLaunch(step, prepared);
    if (step.has_library_call()) return PrepareLibraryCall(step, prepared);
    return absl::OkStatus();
  }

  absl::Status PrepareLaunch(const plan::Step& step, PreparedStep* prepared) {
    const plan::Kernel& kernel = plan_.kernels(static_cast<int>(step.launch().kernel()));
    prepared->entry = reinterpret_cast<KernelEntry*>(library_->Find(kernel.entry()));
    if (prepared->entry == nullptr) return PrepareReference(step, prepared);
    prepared->extent = kernel.parallel_extent();
    prepared->grain = kernel.grain();
    return absl::OkStatus();
  }

  // A kernel that could not be built: the reference kernels compute the same, slowly.
  absl::Status PrepareReference(const plan::Step& step, PreparedStep* prepared) {
    const int id = static_cast<int>(step.launch().kernel());
    const plan::Kernel& kernel = plan_.kernels(id);
    absl::Status why = failures_[static_cast<size_t>(id)];
    if (why.ok()) {
      why = absl::InternalError(
          absl::StrCat("its source defines no function '", kernel.entry(), "'"));
    }
    if (!kernel.has_reference())
      return Annotate(why, absl::StrCat("kernel '", kernel.entry(), "'"));
    prepared->reference = &kernel.reference();
    fallbacks_[std::string(why.message())].push_back(
        absl::StrCat("'", step.name(), "'", step.origin().empty() ? "" : " of ", step.origin()));
    return absl::OkStatus();
  }

  // One warning a cause, with the steps it concerns.
  void WarnOfFallbacks() const {
    constexpr size_t kNamed = 5;
    for (const auto& [why, steps] : fallbacks_) {
      const std::vector<std::string> named(
          steps.begin(), steps.begin() + static_cast<long>(std::min(kNamed, steps.size())));
      const std::string more =
          steps.size() > kNamed ? absl::StrCat(" and ", steps.size() - kNamed, " more") : "";
      Warn(absl::StrCat("plan '", plan_.name(), "': ", absl::StrJoin(named, ", "), more,
                        steps.size() == 1 ? " runs" : " run",
                        " on the interpreter, slowly, as the kernel cannot be built: ", why));
    }
  }

  absl::Status PrepareLibraryCall(const plan::Step& step, PreparedStep* prepared) {
    const plan::LibraryCall& library_call = step.library_call();
    const Routine* routine = FindRoutine(library_call.routine());
    if (routine == nullptr) {
      return absl::UnimplementedError(
          absl::StrCat("the device 'cpu' has no routine '", library_call.routine(), "'"));
    }
    // A routine has the schema of the op of its name: the operands are checked by the op's own inference.
    STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def,
                            graph::OpRegistry::Get().Lookup(routine->name));
    graph::Node node;
    node.set_op(routine->name);
    *node.mutable_attributes() = library_call.attributes();
    graph::OpCall call{&node, TypesOf(step.reads()), {}};
    STRATA_ASSIGN_OR_RETURN(call.outputs, graph::InferTypes(*def, call));
    if (!(call.outputs == TypesOf(step.writes()))) {
      return absl::InvalidArgumentError(
          "the results of the routine have other types than the buffers written");
    }
    STRATA_RETURN_IF_ERROR(routine->supports(call));
    STRATA_ASSIGN_OR_RETURN(prepared->routine, routine->prepare(call, threads_));
    return absl::OkStatus();
  }

  void PrepareRegions() {
    std::vector<bool> is_kernel;
    for (const PreparedStep& step : steps_) is_kernel.push_back(step.entry != nullptr);
    regions_ = ScheduleLaunches(plan_, is_kernel, threads_, sharing_);
    for (const LaunchRegion& region : regions_)
      steps_[static_cast<size_t>(region.begin)].region = &region;
  }

  std::vector<graph::TensorType> TypesOf(
      const google::protobuf::RepeatedField<uint32_t>& ids) const {
    std::vector<graph::TensorType> types;
    for (uint32_t id : ids) {
      const plan::Buffer& buffer = plan_.buffers(static_cast<int>(id));
      types.push_back({buffer.dtype(), graph::Shape(buffer.dims().begin(), buffer.dims().end())});
    }
    return types;
  }

  void FindBuffers(PreparedStep* prepared) const {
    for (size_t i = 0; i < prepared->operands.size(); ++i)
      prepared->buffers[i] = memory_->data(prepared->operands[i]);
  }

  // A step that is in no region. One of stream 1 is only begun here.
  absl::Status RunAlone(int i, Clock::time_point start, chips::Timeline* timeline) {
    const plan::Step& step = plan_.steps(i);
    if (step.stream() > 0) {
      if (queue_ == nullptr) queue_ = std::make_unique<CollectiveQueue>();
      queue_->Post([this, i] {
        return AtStep(RunCollective(plan_.steps(i), *memory_, options_.collectives), i,
                      plan_.steps(i));
      });
      in_flight_.push_back(i);
      return absl::OkStatus();
    }
    for (const uint32_t other : step.wait_for()) {
      const auto call = std::find(in_flight_.begin(), in_flight_.end(), static_cast<int>(other));
      if (call != in_flight_.end()) STRATA_RETURN_IF_ERROR(queue_->Wait(call - in_flight_.begin()));
    }
    const Clock::time_point begin = timeline != nullptr ? Clock::now() : Clock::time_point();
    STRATA_RETURN_IF_ERROR(RunStep(step, &steps_[static_cast<size_t>(i)]));
    if (timeline != nullptr) Record(i, start, begin, Clock::now(), timeline);
    return absl::OkStatus();
  }

  absl::Status DrainQueue(Clock::time_point start, chips::Timeline* timeline) {
    if (in_flight_.empty()) return absl::OkStatus();
    std::vector<CollectiveQueue::Span> spans;
    const absl::Status status = queue_->Drain(&spans);
    for (size_t i = 0; i < spans.size() && timeline != nullptr; ++i)
      Record(in_flight_[i], start, spans[i].begin, spans[i].end, timeline);
    in_flight_.clear();
    if (timeline != nullptr) SortEvents(timeline);
    return status;
  }

  void RunRegion(const LaunchRegion& region, Clock::time_point start, chips::Timeline* timeline) {
    Clock::time_point begin = Clock::now();
    calls_.clear();
    for (int i = region.begin; i < region.end; ++i) {
      PreparedStep& step = steps_[static_cast<size_t>(i)];
      FindBuffers(&step);
      calls_.push_back({step.entry, step.extent, step.buffers.data()});
    }
    std::vector<Clock::time_point> ends;
    RunLaunchRegion(region, calls_, timeline == nullptr ? nullptr : &ends);
    for (size_t k = 0; k < ends.size(); ++k) {
      Record(region.begin + static_cast<int>(k), start, begin, ends[k], timeline);
      begin = ends[k];
    }
  }

  absl::Status RunStep(const plan::Step& step, PreparedStep* prepared) {
    FindBuffers(prepared);
    void* const* buffers = prepared->buffers.data();
    switch (step.step_case()) {
      case plan::Step::kLaunch:
        if (prepared->reference != nullptr)
          return RunReference(*prepared->reference, step, *memory_);
        ParallelFor(prepared->extent, prepared->grain, threads_,
                    [&](int64_t begin, int64_t end) { prepared->entry(buffers, begin, end); });
        return absl::OkStatus();
      case plan::Step::kLibraryCall:
        return prepared->routine(buffers);
      case plan::Step::kHostCall:
        return RunHostCall(step, *memory_);
      case plan::Step::kCopy:
        return RunCopy(plan_, step, *memory_);
      default:
        return RunCollective(step, *memory_, options_.collectives);
    }
  }

  void Record(int i, Clock::time_point start, Clock::time_point begin, Clock::time_point end,
              chips::Timeline* timeline) const {
    const auto nanoseconds = [](Clock::duration d) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
    };
    chips::TimelineEvent* event = timeline->add_events();
    *event = EventOf(plan_.steps(i), i);
    if (steps_[static_cast<size_t>(i)].reference != nullptr) {
      event->set_category("host");
      event->set_reason("its kernel could not be built");
    }
    event->set_start_ns(nanoseconds(begin - start));
    event->set_duration_ns(nanoseconds(end - start) - nanoseconds(begin - start));
  }

  plan::Plan plan_;
  DeviceOptions options_;
  LaunchSharing sharing_;
  int threads_;
  std::unique_ptr<HostMemory> memory_;
  std::shared_ptr<KernelLibrary> library_;
  std::vector<absl::Status> failures_;  // by kernel
  // Steps by why their kernel is not there.
  std::map<std::string, std::vector<std::string>> fallbacks_;
  std::vector<PreparedStep> steps_;
  std::vector<LaunchRegion> regions_;
  std::vector<LaunchCall> calls_;           // of the region that runs
  std::unique_ptr<CollectiveQueue> queue_;  // of stream 1
  std::vector<int> in_flight_;              // steps of this run that were given to it
};

class CpuDevice : public Device {
 public:
  CpuDevice(DeviceOptions options, LaunchSharing sharing)
      : options_(std::move(options)), sharing_(sharing) {}

  absl::string_view name() const override { return "cpu"; }
  DeviceCapabilities capabilities() const override { return {}; }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) override {
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    STRATA_RETURN_IF_ERROR(CheckTarget(plan));
    auto executable = std::make_unique<CpuExecutable>(plan, options_, sharing_);
    STRATA_RETURN_IF_ERROR(
        Annotate(executable->Prepare(), absl::StrCat("plan '", plan.name(), "'")));
    return executable;
  }

 private:
  static absl::Status CheckTarget(const plan::Plan& plan) {
    const plan::Target& target = plan.target();
    if (target.device() != "cpu") {
      return absl::FailedPreconditionError(
          absl::StrCat("plan '", plan.name(), "' was made for the device '", target.device(),
                       "', this is 'cpu'; compile again with --device=cpu"));
    }
    if (target.isa().empty() || HostRuns(target.isa())) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "plan '", plan.name(), "' was made for the instruction set '", target.isa(),
        "'; this machine runs '", HostIsa(), "': compile again here, or with --isa=", HostIsa()));
  }

  DeviceOptions options_;
  LaunchSharing sharing_;
};

}  // namespace

std::unique_ptr<Device> CreateCpuDevice(const DeviceOptions& options, LaunchSharing sharing) {
  return std::make_unique<CpuDevice>(options, sharing);
}

}  // namespace strata::compiler
