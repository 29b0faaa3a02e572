// For tests: runs a group of graph nodes as an NPU kernel on the simulator.
#ifndef STRATA_COMPILER_NPU_NPU_KERNEL_RUNNER_H_
#define STRATA_COMPILER_NPU_NPU_KERNEL_RUNNER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/npu/sim/simulator.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

struct NpuRun {
  std::vector<graph::HostTensor> outputs;
  chips::npu::Simulation simulation;
};

// Verifies the kernel, then runs it on an image whose first bytes are not zero.
absl::StatusOr<NpuRun> RunNpuKernel(const graph::Graph& region, const NpuKernel& kernel,
                                    const chips::npu::Machine& machine,
                                    absl::Span<const graph::HostTensor> inputs);

// "" when both are the same, bit for bit; any NaN is any other. Else the first element that differs.
std::string BitDifference(const graph::HostTensor& got, const graph::HostTensor& want);

// Seeded numbers of all signs and sizes, some of them special; integers are small.
std::vector<graph::HostTensor> RandomInputs(const graph::Graph& graph, uint32_t seed);

// A machine of the catalogue, or edge_16 with scratchpads of a few KiB: "tiny".
chips::npu::Machine TestMachine(const std::string& name);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_NPU_KERNEL_RUNNER_H_
