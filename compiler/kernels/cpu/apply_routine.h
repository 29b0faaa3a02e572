// What tests of routines share: one call of a routine on tensors.
#ifndef STRATA_COMPILER_KERNELS_CPU_APPLY_ROUTINE_H_
#define STRATA_COMPILER_KERNELS_CPU_APPLY_ROUTINE_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/attributes.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::compiler {

using Tensors = std::vector<graph::HostTensor>;

inline graph::HostTensor I32s(std::vector<int64_t> dims, const std::vector<int32_t>& values) {
  return graph::HostTensor::FromVector<int32_t>(std::move(dims), values);
}

// Fresh outputs, of bytes 0xff before: what the routine leaves out shows.
inline absl::StatusOr<Tensors> Apply(const std::string& op, const graph::Attributes& attributes,
                                     const Tensors& inputs, int threads = 1) {
  graph::RegisterAllOps();
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  graph::OpCall call{&node, {}, {}};
  for (const graph::HostTensor& input : inputs)
    call.inputs.push_back({input.dtype(), graph::Shape(input.dims().begin(), input.dims().end())});
  STRATA_ASSIGN_OR_RETURN(call.outputs,
                          graph::InferTypes(*graph::OpRegistry::Get().Find(op), call));
  STRATA_ASSIGN_OR_RETURN(const RoutineFunction run, FindRoutine(op)->prepare(call, threads));
  Tensors outputs;
  std::vector<void*> buffers;
  for (const graph::HostTensor& input : inputs) buffers.push_back(input.raw());
  for (const graph::TensorType& type : call.outputs) {
    outputs.push_back(graph::HostTensor::Allocate(type.dtype, type.dims()));
    std::fill_n(outputs.back().data<char>(), outputs.back().size_bytes(), static_cast<char>(0xff));
    buffers.push_back(outputs.back().raw());
  }
  STRATA_RETURN_IF_ERROR(run(buffers.data()));
  return outputs;
}

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_APPLY_ROUTINE_H_
