#include "compiler/device/host_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

std::string TypeText(const plan::Buffer& buffer) {
  return absl::StrCat(chips::DTypeName(buffer.dtype()), "[", absl::StrJoin(buffer.dims(), ", "),
                      "]");
}

bool SameDims(const plan::Buffer& buffer, const std::vector<int64_t>& dims) {
  return static_cast<size_t>(buffer.dims_size()) == dims.size() &&
         std::equal(dims.begin(), dims.end(), buffer.dims().begin());
}

}  // namespace

absl::Status CheckInputs(const plan::Plan& plan, absl::Span<const graph::HostTensor> inputs) {
  if (static_cast<size_t>(plan.inputs_size()) != inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("plan '", plan.name(), "' takes ",
                                                   plan.inputs_size(), " inputs; ", inputs.size(),
                                                   " were given"));
  }
  for (int i = 0; i < plan.inputs_size(); ++i) {
    const plan::Buffer& buffer = plan.buffers(static_cast<int>(plan.inputs(i)));
    const graph::HostTensor& input = inputs[static_cast<size_t>(i)];
    if (input.dtype() == buffer.dtype() && SameDims(buffer, input.dims())) continue;
    return absl::InvalidArgumentError(absl::StrCat("input '", buffer.name(), "': is ",
                                                   input.TypeString(), "; the plan asks for ",
                                                   TypeText(buffer)));
  }
  return absl::OkStatus();
}

void HostMemory::Free::operator()(void* p) const { std::free(p); }

absl::StatusOr<std::unique_ptr<HostMemory>> HostMemory::Create(const plan::Plan* plan) {
  std::unique_ptr<HostMemory> memory(new HostMemory(plan));
  STRATA_RETURN_IF_ERROR(memory->Allocate());
  return memory;
}

absl::Status HostMemory::Allocate() {
  // Large pages for large arenas: a training step touches hundreds of megabytes.
  const size_t bytes = (plan_.arena_bytes() + kHugePage - 1) / kHugePage * kHugePage;
  if (bytes < plan_.arena_bytes())
    return absl::ResourceExhaustedError("the arena is larger than memory can be");
  if (bytes > 0) {
    arena_.reset(std::aligned_alloc(kHugePage, bytes));
    if (arena_ == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "plan '", plan_.name(), "': no memory for its arena of ", plan_.arena_bytes(), " bytes"));
    }
    madvise(arena_.get(), bytes, MADV_HUGEPAGE);
  }
  const size_t count = static_cast<size_t>(plan_.buffers_size());
  data_.assign(count, nullptr);
  storage_.resize(count);
  updated_.assign(count, false);
  for (uint32_t id = 0; id < count; ++id) {
    const plan::Buffer& buffer = plan_.buffers(static_cast<int>(id));
    dims_.emplace_back(buffer.dims().begin(), buffer.dims().end());
    root_.push_back(plan::RootBuffer(plan_, id));
    if (buffer.kind() != plan::CONSTANT) continue;
    storage_[id] = graph::HostTensor::Allocate(buffer.dtype(), dims_[id]);
    if (!buffer.constant().empty())
      std::memcpy(storage_[id].raw(), buffer.constant().data(), buffer.constant().size());
  }
  for (const plan::Step& step : plan_.steps()) {
    for (uint32_t id : step.writes()) updated_[root_[id]] = true;
  }
  input_of_.assign(count, -1);
  for (int i = 0; i < plan_.inputs_size(); ++i) input_of_[plan_.inputs(i)] = i;
  SortBuffers();
  return absl::OkStatus();
}

// Sets the pointers that stay, and finds those that each run sets: a step may be short.
void HostMemory::SortBuffers() {
  for (uint32_t id = 0; id < root_.size(); ++id) {
    const plan::Buffer& root = plan_.buffers(static_cast<int>(root_[id]));
    if (root.kind() == plan::TEMPORARY) {
      data_[id] = static_cast<char*>(arena_.get()) + root.offset();
    } else if (root.kind() == plan::CONSTANT) {
      data_[id] = storage_[root_[id]].raw();
    } else if (root_[id] != id) {
      views_.push_back(id);
    } else if (root.kind() == plan::OUTPUT) {
      fresh_.push_back(id);
    }
  }
}

absl::Status HostMemory::Bind(absl::Span<const graph::HostTensor> inputs) {
  STRATA_RETURN_IF_ERROR(CheckInputs(plan_, inputs));
  inputs_ = inputs;
  for (size_t i = 0; i < inputs.size(); ++i)
    data_[plan_.inputs(static_cast<int>(i))] = inputs[i].raw();
  for (uint32_t id : fresh_) {
    storage_[id] =
        graph::HostTensor::Allocate(plan_.buffers(static_cast<int>(id)).dtype(), dims_[id]);
    data_[id] = storage_[id].raw();
  }
  for (uint32_t id : views_) data_[id] = data_[root_[id]];
  return absl::OkStatus();
}

bool HostMemory::UpdatesOverlap() {
  // Steps of one text run on the same tensors again and again.
  const bool same = places_.size() == inputs_.size() &&
                    std::equal(inputs_.begin(), inputs_.end(), places_.begin(),
                               [](const graph::HostTensor& input, const void* place) {
                                 return input.raw() == place;
                               });
  if (same) return updates_overlap_;
  places_.clear();
  for (const graph::HostTensor& input : inputs_) places_.push_back(input.raw());
  updates_overlap_ = FindOverlap();
  return updates_overlap_;
}

bool HostMemory::FindOverlap() const {
  struct Range {
    const char *begin, *end;
    bool updated;
  };
  std::vector<Range> ranges;
  for (uint32_t id : plan_.inputs()) {
    const char* begin = static_cast<const char*>(data_[id]);
    ranges.push_back(
        {begin, begin + plan_.buffers(static_cast<int>(id)).size_bytes(), updated_[id]});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const char *end = nullptr, *updated_end = nullptr;  // of all so far, of those that are updated
  for (const Range& range : ranges) {
    if (range.begin == range.end) continue;
    if (range.begin < updated_end || (range.updated && range.begin < end)) return true;
    end = std::max(end, range.end);
    if (range.updated) updated_end = std::max(updated_end, range.end);
  }
  return false;
}

graph::HostTensor HostMemory::View(uint32_t buffer) const {
  return graph::HostTensor::Wrap(plan_.buffers(static_cast<int>(buffer)).dtype(), dims_[buffer],
                                 data_[buffer], nullptr);
}

std::vector<graph::HostTensor> HostMemory::TakeOutputs() {
  std::vector<graph::HostTensor> outputs;
  for (uint32_t id : plan_.outputs()) {
    const int input = input_of_[root_[id]];
    auto owner = std::make_shared<graph::HostTensor>(
        input < 0 ? storage_[root_[id]] : inputs_[static_cast<size_t>(input)]);
    outputs.push_back(root_[id] == id
                          ? *owner
                          : graph::HostTensor::Wrap(plan_.buffers(static_cast<int>(id)).dtype(),
                                                    dims_[id], owner->raw(), owner));
  }
  // Nothing of the caller's is kept beyond the run.
  inputs_ = {};
  for (uint32_t id : fresh_) storage_[id] = graph::HostTensor();
  return outputs;
}

}  // namespace strata::compiler
