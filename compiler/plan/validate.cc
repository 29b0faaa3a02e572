#include "compiler/plan/validate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/numerics/dtype.h"
#include "compiler/schedule/recipe.h"

namespace strata::plan {
namespace {

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

bool IsSymbol(const std::string& name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

bool IsWork(double value) { return std::isfinite(value) && value >= 0; }

constexpr uint32_t kNone = 0xffffffffu;

class Validator {
 public:
  explicit Validator(const Plan& plan) : plan_(plan) {}

  absl::Status Run() {
    STRATA_RETURN_IF_ERROR(CheckHeader());
    STRATA_RETURN_IF_ERROR(CheckBuffers());
    STRATA_RETURN_IF_ERROR(CheckKernels());
    STRATA_RETURN_IF_ERROR(CheckInputs());
    STRATA_RETURN_IF_ERROR(CheckSteps());
    STRATA_RETURN_IF_ERROR(CheckOutputs());
    return CheckArena();
  }

 private:
  struct State {
    uint32_t root = 0;  // the buffer whose storage it is
    // The buffer whose content a read of it sees: itself, or for a view what it looks at.
    uint32_t content = 0;
    bool written = false;       // by some step
    uint32_t current = kNone;   // root only: whose content the storage holds now
    int first = -1, last = -1;  // root only: steps that touch the storage
  };

  std::string Name(uint32_t id) const {
    return absl::StrCat("buffers[", id, "] ('", plan_.buffers(static_cast<int>(id)).name(), "')");
  }
  const Buffer& At(uint32_t id) const { return plan_.buffers(static_cast<int>(id)); }

  absl::Status CheckId(uint32_t id) const {
    if (id < states_.size()) return absl::OkStatus();
    return Fault(absl::StrCat("buffer id ", id, " is outside [0, ", states_.size(), ")"));
  }

  absl::Status CheckHeader() const {
    if (plan_.version() != 1) {
      return Fault(absl::StrCat("version: is ", plan_.version(), "; this build reads version 1"));
    }
    if (plan_.target().device().empty())
      return Fault("target.device: is not set; name the device it is for");
    if (plan_.streams() < 1) return Fault("streams: is 0; a plan has at least one stream");
    if (plan_.outputs_size() != plan_.output_names_size()) {
      return Fault(absl::StrCat("output_names: has ", plan_.output_names_size(), "; outputs has ",
                                plan_.outputs_size()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckBuffers() {
    std::set<std::string> names;
    for (int i = 0; i < plan_.buffers_size(); ++i) {
      const Buffer& buffer = plan_.buffers(i);
      if (!names.insert(buffer.name()).second || buffer.name().empty()) {
        return Fault(
            absl::StrCat("buffers[", i, "].name: '", buffer.name(), "' is empty or taken"));
      }
      states_.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(i)});
      STRATA_RETURN_IF_ERROR(Annotate(CheckBuffer(buffer), Name(static_cast<uint32_t>(i))));
    }
    return absl::OkStatus();
  }

  absl::Status CheckBuffer(const Buffer& buffer) {
    if (buffer.kind() == BUFFER_KIND_UNSPECIFIED) return Fault("kind: is not set");
    const uint64_t element = chips::SizeOf(buffer.dtype());
    if (element == 0) return Fault("dtype: is not set");
    uint64_t size = element;
    for (int d = 0; d < buffer.dims_size(); ++d) {
      if (buffer.dims(d) < 0)
        return Fault(absl::StrCat("dims[", d, "]: is ", buffer.dims(d), ", below 0"));
      if (__builtin_mul_overflow(size, static_cast<uint64_t>(buffer.dims(d)), &size)) {
        return Fault("dims: the size overflows 64 bits");
      }
    }
    if (buffer.size_bytes() != size) {
      return Fault(
          absl::StrCat("size_bytes: is ", buffer.size_bytes(), "; dtype and dims make ", size));
    }
    if (buffer.kind() == CONSTANT && buffer.constant().size() != size) {
      return Fault(
          absl::StrCat("constant: has ", buffer.constant().size(), " bytes; size_bytes is ", size));
    }
    if (buffer.kind() != CONSTANT && !buffer.constant().empty())
      return Fault("constant: only a CONSTANT has one");
    return buffer.has_in_place_of() ? CheckAlias(buffer) : CheckPlace(buffer);
  }

  absl::Status CheckAlias(const Buffer& buffer) {
    const uint32_t id = static_cast<uint32_t>(states_.size() - 1);
    const uint32_t of = buffer.in_place_of();
    if (of >= id) {
      return Fault(absl::StrCat("in_place_of: ", of, " must be an earlier buffer"));
    }
    if (buffer.kind() != TEMPORARY && buffer.kind() != OUTPUT) {
      return Fault("in_place_of: only a TEMPORARY or an OUTPUT may be the storage of another");
    }
    if (buffer.size_bytes() != At(of).size_bytes()) {
      return Fault(absl::StrCat("in_place_of: has ", buffer.size_bytes(), " bytes, ", Name(of),
                                " has ", At(of).size_bytes()));
    }
    states_[id].root = states_[of].root;
    const BufferKind root_kind = At(states_[id].root).kind();
    if (buffer.kind() == OUTPUT && root_kind != OUTPUT && root_kind != INPUT) {
      return Fault(absl::StrCat("in_place_of: an OUTPUT cannot be the storage of ",
                                Name(states_[id].root), ", which is not handed to the caller"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckPlace(const Buffer& buffer) const {
    if (buffer.kind() != TEMPORARY) return absl::OkStatus();
    if (buffer.offset() % kAlignment != 0) {
      return Fault(absl::StrCat("offset: ", buffer.offset(), " is not a multiple of ", kAlignment));
    }
    if (buffer.size_bytes() > plan_.arena_bytes() ||
        buffer.offset() > plan_.arena_bytes() - buffer.size_bytes()) {
      return Fault(absl::StrCat("offset: [", buffer.offset(), ", +", buffer.size_bytes(),
                                ") is outside the arena of ", plan_.arena_bytes(), " bytes"));
    }
    if (buffer.first_step() < 0 || buffer.first_step() > buffer.last_step() ||
        buffer.last_step() >= std::max(1, plan_.steps_size())) {
      return Fault(absl::StrCat("first_step, last_step: [", buffer.first_step(), ", ",
                                buffer.last_step(), "] is not a range of the ", plan_.steps_size(),
                                " steps"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckKernels() const {
    std::set<std::string> entries;
    for (int i = 0; i < plan_.kernels_size(); ++i) {
      const Kernel& kernel = plan_.kernels(i);
      const std::string where = absl::StrCat("kernels[", i, "]");
      if (!IsSymbol(kernel.entry()))
        return Fault(absl::StrCat(where, ".entry: '", kernel.entry(), "' is no symbol"));
      if (!entries.insert(kernel.entry()).second) {
        return Fault(
            absl::StrCat(where, ".entry: '", kernel.entry(), "' is taken by another kernel"));
      }
      if (kernel.language() == LANGUAGE_UNSPECIFIED)
        return Fault(absl::StrCat(where, ".language: is not set"));
      const bool npu = kernel.language() == NPU;  // a program has no symbol; a comment names it
      if (!absl::StrContains(kernel.source(), absl::StrCat(kernel.entry(), npu ? "" : "("))) {
        return Fault(absl::StrCat(where, ".source: does not define '", kernel.entry(), "'"));
      }
      if (!npu && kernel.data_size() > 0)
        return Fault(absl::StrCat(where, ".data: only programs of an NPU have data"));
      if (npu) STRATA_RETURN_IF_ERROR(Annotate(CheckNpuKernel(kernel), where));
      if (kernel.parallel_extent() < 0)
        return Fault(absl::StrCat(where, ".parallel_extent: is below 0"));
      if (kernel.grain() < 1) return Fault(absl::StrCat(where, ".grain: must be at least 1"));
      if (!kernel.schedule().empty())
        STRATA_RETURN_IF_ERROR(Annotate(CheckSchedule(kernel), absl::StrCat(where, ".schedule")));
    }
    return absl::OkStatus();
  }

  // Whether the program assembles and fits its operands is the device's to tell, which knows the core.
  absl::Status CheckNpuKernel(const Kernel& kernel) const {
    if (plan_.target().device() == "npu" && plan_.target().isa().empty())
      return Fault("language: is NPU, but target.isa names no machine");
    if (kernel.parallel_extent() != 1)
      return Fault("parallel_extent: a program of an NPU runs once; it must be 1");
    std::set<std::string> regions;
    for (int i = 0; i < kernel.data_size(); ++i) {
      const std::string& region = kernel.data(i).region();
      if (IsSymbol(region) && regions.insert(region).second) continue;
      return Fault(
          absl::StrCat("data[", i, "].region: '", region, "' is no name, or is given twice"));
    }
    return absl::OkStatus();
  }

  // Whether it gives `source` is EmitRecipe()'s to tell (compiler/schedule/emit_c.h).
  static absl::Status CheckSchedule(const Kernel& kernel) {
    const absl::StatusOr<compiler::schedule::KernelRecipe> recipe =
        compiler::schedule::ParseRecipe(kernel.schedule());
    if (!recipe.ok()) {
      return Fault(
          absl::StrCat(recipe.status().message(), "; compile the graph again, or leave it empty"));
    }
    if (absl::StartsWith(kernel.entry(), absl::StrCat(recipe->kernel.name, "_")))
      return absl::OkStatus();
    return Fault(absl::StrCat("makes a kernel '", recipe->kernel.name, "', not '", kernel.entry(),
                              "'; compile the graph again, or leave it empty"));
  }

  absl::Status CheckInputs() {
    std::vector<bool> listed(states_.size(), false);
    for (int i = 0; i < plan_.inputs_size(); ++i) {
      const uint32_t id = plan_.inputs(i);
      const std::string where = absl::StrCat("inputs[", i, "]");
      STRATA_RETURN_IF_ERROR(Annotate(CheckId(id), where));
      if (At(id).kind() != INPUT || listed[id]) {
        return Fault(absl::StrCat(where, ": ", Name(id), " is not an INPUT, or is listed twice"));
      }
      listed[id] = true;
    }
    for (uint32_t id = 0; id < states_.size(); ++id) {
      const BufferKind kind = At(id).kind();
      if (kind == INPUT && !listed[id])
        return Fault(absl::StrCat(Name(id), ": is an INPUT that inputs does not list"));
      if (kind == INPUT || kind == CONSTANT) states_[id].current = id;
    }
    return absl::OkStatus();
  }

  absl::Status CheckSteps() {
    for (int i = 0; i < plan_.steps_size(); ++i) {
      for (uint32_t id : plan_.steps(i).writes()) {
        if (id < states_.size()) states_[id].written = true;
      }
    }
    for (uint32_t id = 0; id < states_.size(); ++id) {
      const bool view = At(id).has_in_place_of() && !states_[id].written;
      states_[id].content = view ? states_[At(id).in_place_of()].content : id;
    }
    std::vector<bool> made(states_.size(), false);
    for (int i = 0; i < plan_.steps_size(); ++i) {
      const Step& step = plan_.steps(i);
      STRATA_RETURN_IF_ERROR(Annotate(CheckStep(i, step, &made),
                                      absl::StrCat("steps[", i, "] ('", step.name(), "')")));
    }
    return absl::OkStatus();
  }

  absl::Status CheckStep(int index, const Step& step, std::vector<bool>* made) {
    if (step.name().empty()) return Fault("name: is empty");
    if (step.reason().empty()) return Fault("reason: is empty; say why this kernel was chosen");
    if (!IsWork(step.flops()) || !IsWork(step.bytes_read()) || !IsWork(step.bytes_written())) {
      return Fault("flops, bytes_read, bytes_written: must be finite and not negative");
    }
    if (step.stream() >= plan_.streams()) {
      return Fault(
          absl::StrCat("stream: ", step.stream(), " is outside [0, ", plan_.streams(), ")"));
    }
    for (uint32_t other : step.wait_for()) {
      if (other >= static_cast<uint32_t>(index))
        return Fault(absl::StrCat("wait_for: ", other, " is not an earlier step"));
    }
    STRATA_RETURN_IF_ERROR(CheckOperands(index, step, made));
    return CheckKind(step);
  }

  absl::Status CheckOperands(int index, const Step& step, std::vector<bool>* made) {
    for (int k = 0; k < step.reads_size(); ++k) {
      const uint32_t id = step.reads(k);
      const std::string where = absl::StrCat("reads[", k, "]");
      STRATA_RETURN_IF_ERROR(Annotate(CheckId(id), where));
      STRATA_RETURN_IF_ERROR(Annotate(CheckHolds(id), where));
      Touch(id, index);
    }
    if (step.writes_size() == 0)
      return Fault("writes: is empty; a step without a result does nothing");
    for (int k = 0; k < step.writes_size(); ++k) {
      const uint32_t id = step.writes(k);
      const std::string where = absl::StrCat("writes[", k, "]");
      STRATA_RETURN_IF_ERROR(Annotate(CheckId(id), where));
      if ((*made)[id]) return Fault(absl::StrCat(where, ": ", Name(id), " is written twice"));
      (*made)[id] = true;
      const BufferKind kind = At(id).kind();
      const BufferKind root_kind = At(states_[id].root).kind();
      if (kind == INPUT || root_kind == CONSTANT || (root_kind == INPUT && kind != OUTPUT)) {
        return Fault(absl::StrCat(where, ": ", Name(id),
                                  " may not be written; only an OUTPUT in place of an INPUT may"));
      }
      State& root = states_[states_[id].root];
      for (int other = 0; other < k; ++other) {
        if (states_[step.writes(other)].root == states_[id].root) {
          return Fault(absl::StrCat(where, ": shares its storage with another result of the step"));
        }
      }
      root.current = id;
      Touch(id, index);
    }
    return absl::OkStatus();
  }

  // The storage of `id` holds its content now: made before, and not overwritten in place since.
  absl::Status CheckHolds(uint32_t id) const {
    const uint32_t current = states_[states_[id].root].current;
    if (current == states_[id].content) return absl::OkStatus();
    if (current == kNone)
      return Fault(absl::StrCat(Name(id), " is read before any step writes it"));
    return Fault(absl::StrCat(Name(id), " is read while its storage holds ", Name(current)));
  }

  void Touch(uint32_t id, int step) {
    State& root = states_[states_[id].root];
    if (root.first < 0) root.first = step;
    root.last = step;
  }

  absl::Status CheckKind(const Step& step) const {
    switch (step.step_case()) {
      case Step::kLaunch:
        if (step.launch().kernel() >= static_cast<uint32_t>(plan_.kernels_size())) {
          return Fault(absl::StrCat("launch.kernel: ", step.launch().kernel(), " is outside [0, ",
                                    plan_.kernels_size(), ")"));
        }
        return absl::OkStatus();
      case Step::kLibraryCall:
        if (step.library_call().routine().empty()) return Fault("library_call.routine: is empty");
        return absl::OkStatus();
      case Step::kHostCall:
        if (step.host_call().node().op().empty()) return Fault("host_call.node.op: is empty");
        return absl::OkStatus();
      case Step::kCopy:
        return CheckCopy(step);
      case Step::kCollective:
        return CheckCollective(step);
      case Step::STEP_NOT_SET:
        break;
    }
    return Fault("step: is not set");
  }

  absl::Status CheckCopy(const Step& step) const {
    if (step.reads_size() != 1 || step.writes_size() != 1 ||
        At(step.reads(0)).size_bytes() != At(step.writes(0)).size_bytes()) {
      return Fault("copy: takes one buffer to one of the same size");
    }
    return absl::OkStatus();
  }

  absl::Status CheckCollective(const Step& step) const {
    static const std::set<std::string> kKinds = {
        "all_gather",         "all_reduce", "all_to_all",     "broadcast",
        "collective_permute", "rank_index", "reduce_scatter", "shard"};
    static const std::set<std::string> kReductions = {"sum", "mean", "max"};
    const Collective& collective = step.collective();
    if (kKinds.count(collective.kind()) == 0) {
      return Fault(absl::StrCat("collective.kind: '", collective.kind(), "' is none of ",
                                absl::StrJoin(kKinds, ", ")));
    }
    const bool reduces = collective.kind() == "all_reduce" || collective.kind() == "reduce_scatter";
    if (reduces != (kReductions.count(collective.reduction()) == 1) ||
        (!reduces && !collective.reduction().empty())) {
      return Fault(absl::StrCat("collective.reduction: '", collective.reduction(),
                                "' does not fit ", collective.kind(),
                                "; reductions are sum, mean, max"));
    }
    if (collective.ranks() < 0) return Fault("collective.ranks: is negative");
    const int operands = collective.kind() == "rank_index" ? 0 : 1;
    if (step.reads_size() != operands || step.writes_size() != 1)
      return Fault("collective: takes one buffer to one buffer (rank_index: none to one)");
    return absl::OkStatus();
  }

  absl::Status CheckOutputs() const {
    std::set<std::string> names;
    for (int i = 0; i < plan_.outputs_size(); ++i) {
      const uint32_t id = plan_.outputs(i);
      const std::string where = absl::StrCat("outputs[", i, "]");
      STRATA_RETURN_IF_ERROR(Annotate(CheckId(id), where));
      if (At(id).kind() != OUTPUT)
        return Fault(absl::StrCat(where, ": ", Name(id), " is not an OUTPUT"));
      STRATA_RETURN_IF_ERROR(Annotate(CheckHolds(id), where));
      if (!names.insert(plan_.output_names(i)).second) {
        return Fault(absl::StrCat("output_names[", i, "]: '", plan_.output_names(i), "' is taken"));
      }
    }
    return absl::OkStatus();
  }

  // Sweeps over the steps with the live slices ordered by offset: each slice is compared with its
  // neighbours only.
  absl::Status CheckArena() const {
    std::vector<std::vector<uint32_t>> begins(static_cast<size_t>(plan_.steps_size()) + 1);
    std::vector<std::vector<uint32_t>> ends(begins.size());
    for (uint32_t id = 0; id < states_.size(); ++id) {
      const Buffer& buffer = At(id);
      if (buffer.kind() != TEMPORARY || buffer.has_in_place_of()) continue;
      const State& state = states_[id];
      if (state.first >= 0 &&
          (state.first < buffer.first_step() || state.last > buffer.last_step())) {
        return Fault(absl::StrCat(Name(id), ": steps ", state.first, " to ", state.last,
                                  " touch its storage, outside [", buffer.first_step(), ", ",
                                  buffer.last_step(), "]"));
      }
      if (buffer.size_bytes() == 0) continue;
      begins[static_cast<size_t>(buffer.first_step())].push_back(id);
      ends[static_cast<size_t>(buffer.last_step())].push_back(id);
    }
    std::map<uint64_t, uint32_t> live;  // by offset
    for (size_t step = 0; step < begins.size(); ++step) {
      for (uint32_t id : begins[step]) {
        auto next = live.lower_bound(At(id).offset());
        const uint64_t end = At(id).offset() + At(id).size_bytes();
        if (next != live.end() && next->first < end) return Overlap(id, next->second);
        if (next != live.begin()) {
          const uint32_t before = std::prev(next)->second;
          if (At(before).offset() + At(before).size_bytes() > At(id).offset())
            return Overlap(id, before);
        }
        live[At(id).offset()] = id;
      }
      for (uint32_t id : ends[step]) live.erase(At(id).offset());
    }
    return absl::OkStatus();
  }

  absl::Status Overlap(uint32_t a, uint32_t b) const {
    return Fault(absl::StrCat(Name(a), ": shares bytes of the arena with ", Name(b),
                              " while both are live"));
  }

  const Plan& plan_;
  std::vector<State> states_;
};

}  // namespace

absl::Status ValidatePlan(const Plan& plan) {
  return Annotate(Validator(plan).Run(), absl::StrCat("plan '", plan.name(), "'"));
}

uint32_t RootBuffer(const Plan& plan, uint32_t id) {
  while (plan.buffers(static_cast<int>(id)).has_in_place_of())
    id = plan.buffers(static_cast<int>(id)).in_place_of();
  return id;
}

}  // namespace strata::plan
