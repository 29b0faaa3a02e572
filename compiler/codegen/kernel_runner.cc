#include "compiler/codegen/kernel_runner.h"

#include <cstring>

#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;

constexpr size_t kGuardBytes = 256;
constexpr unsigned char kGuard = 0xa5;

// Memory of exactly `bytes`, with guards on both sides; not aligned to more than an element.
class Guarded {
 public:
  explicit Guarded(size_t bytes) : bytes_(bytes), storage_(bytes + 2 * kGuardBytes, kGuard) {}
  void* data() { return storage_.data() + kGuardBytes; }
  bool intact() const {
    for (size_t i = 0; i < kGuardBytes; ++i) {
      if (storage_[i] != kGuard || storage_[kGuardBytes + bytes_ + i] != kGuard) return false;
    }
    return true;
  }

 private:
  size_t bytes_;
  std::vector<unsigned char> storage_;
};

}  // namespace

absl::StatusOr<KernelRunner> KernelRunner::Create(const graph::Graph& graph, const std::string& isa,
                                                  bool allow_host) {
  KernelRunner runner;
  runner.graph_ = graph;
  std::vector<std::string> sources;
  for (const graph::Node& node : graph.nodes()) {
    absl::StatusOr<EmittedKernel> emitted = EmitKernel(graph, node, isa);
    if (!emitted.ok()) {
      if (!allow_host || !absl::IsUnimplemented(emitted.status())) return emitted.status();
      runner.kernels_.push_back(nullptr);
      continue;
    }
    sources.push_back(emitted->kernel.source());
    runner.kernels_.push_back(std::make_shared<EmittedKernel>(*std::move(emitted)));
  }
  STRATA_ASSIGN_OR_RETURN(runner.library_,
                          KernelLibrary::Build(Prelude(isa), sources, isa, /*cache_dir=*/"", 2));
  for (const auto& kernel : runner.kernels_) {
    runner.entries_.push_back(
        kernel == nullptr
            ? nullptr
            : reinterpret_cast<KernelEntry*>(runner.library_->Find(kernel->kernel.entry())));
    if (kernel != nullptr && runner.entries_.back() == nullptr) {
      return absl::InternalError(absl::StrCat("no symbol ", kernel->kernel.entry()));
    }
  }
  return runner;
}

absl::StatusOr<std::vector<HostTensor>> KernelRunner::Run(absl::Span<const HostTensor> inputs,
                                                          int parts) const {
  std::vector<HostTensor> values(static_cast<size_t>(graph_.values_size()));
  for (int i = 0; i < graph_.inputs_size(); ++i)
    values[graph_.inputs(i).value()] = inputs[static_cast<size_t>(i)];
  for (int n = 0; n < graph_.nodes_size(); ++n) {
    const graph::Node& node = graph_.nodes(n);
    std::vector<HostTensor> operands;
    for (uint32_t id : node.inputs()) operands.push_back(values[id]);
    if (kernels_[static_cast<size_t>(n)] == nullptr) {
      STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> results, graph::EvaluateNode(node, operands));
      for (int k = 0; k < node.outputs_size(); ++k)
        values[node.outputs(k)] = results[static_cast<size_t>(k)];
      continue;
    }
    std::vector<Guarded> storage;
    for (const HostTensor& operand : operands) {
      storage.emplace_back(operand.size_bytes());
      if (operand.size_bytes() > 0)
        std::memcpy(storage.back().data(), operand.raw(), operand.size_bytes());
    }
    for (uint32_t id : node.outputs()) {
      const graph::TensorType type = graph::TypeOf(graph_.values(static_cast<int>(id)));
      values[id] = HostTensor::Allocate(type.dtype, type.dims());
      storage.emplace_back(values[id].size_bytes());
    }
    std::vector<void*> buffers;
    for (Guarded& guarded : storage) buffers.push_back(guarded.data());
    const int64_t extent = kernel(n).kernel.parallel_extent();
    for (int p = 0; p < parts; ++p) {
      const int64_t begin = extent * p / parts, end = extent * (p + 1) / parts;
      if (begin < end) entry(n)(buffers.data(), begin, end);
    }
    for (size_t b = 0; b < storage.size(); ++b) {
      if (!storage[b].intact()) {
        return absl::InternalError(
            absl::StrCat(kernel(n).kernel.entry(), " writes outside of buffer ", b));
      }
    }
    for (int k = 0; k < node.outputs_size(); ++k) {
      HostTensor& output = values[node.outputs(k)];
      const size_t b = operands.size() + static_cast<size_t>(k);
      if (output.size_bytes() > 0)
        std::memcpy(output.raw(), storage[b].data(), output.size_bytes());
    }
  }
  std::vector<HostTensor> outputs;
  for (const auto& output : graph_.outputs()) outputs.push_back(values[output.value()]);
  return outputs;
}

}  // namespace strata::compiler
