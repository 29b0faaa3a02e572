// KernelRunner: emits, builds and runs the nodes of a graph one by one, for tests and benchmarks of code generation.
#ifndef STRATA_COMPILER_CODEGEN_KERNEL_RUNNER_H_
#define STRATA_COMPILER_CODEGEN_KERNEL_RUNNER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/object_cache.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

class KernelRunner {
 public:
  // Emits every node of `graph` and builds them as one library. Nodes that cannot be emitted run on the interpreter when
  // `allow_host`, else their status is returned.
  static absl::StatusOr<KernelRunner> Create(const graph::Graph& graph, const std::string& isa,
                                             bool allow_host = false);

  // The outputs for `inputs`, each kernel called in `parts` ranges. Guard values around every output are checked: a kernel
  // that writes beyond its buffers is INTERNAL.
  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     int parts = 1) const;

  const EmittedKernel& kernel(int node) const { return *kernels_[static_cast<size_t>(node)]; }
  KernelEntry* entry(int node) const { return entries_[static_cast<size_t>(node)]; }

 private:
  graph::Graph graph_;
  std::vector<std::shared_ptr<EmittedKernel>> kernels_;  // by node; null: interpreter
  std::vector<KernelEntry*> entries_;
  std::shared_ptr<KernelLibrary> library_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_KERNEL_RUNNER_H_
