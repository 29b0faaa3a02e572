// Emits one Graph node as a kernel: readable, header-free C with vector types, and the loop nest it was lowered from.
//
//   absl::StatusOr<EmittedKernel> emitted = EmitKernel(graph, node, HostIsa());
//   if (absl::IsUnimplemented(emitted.status())) ...  // fall back to a host call; the message is the reason
//   plan.set_prelude(Prelude(isa));                   // once a plan, before the sources
//
// What can be emitted: a "fusion" node, or a single elementwise, cast, constant, iota, reduction, broadcast, reshape,
// transpose, slice, pad or concat node, over f32, bf16, i32 and bool, with concrete dims. The rest is UNIMPLEMENTED with
// the reason.
//
// With the ISA "sm_90" (any "sm_..") the text is CUDA C++ for NVRTC, with the same operands and iterations: see
// cuda_writer.h for the launch.
//
// Calling convention: `void entry(void* const* buffers, long begin, long end)`; buffers are the node's inputs, then its
// outputs, dense and row-major, aligned to their element. The host splits [0, parallel_extent) into disjoint ranges of
// at least `grain` iterations and may run them on any threads. A kernel with parallel_extent 0 has nothing to do.
//
// Equal computations give equal sources (names and origins are not in them), so a plan may keep one of each `entry`.
#ifndef STRATA_COMPILER_CODEGEN_EMIT_H_
#define STRATA_COMPILER_CODEGEN_EMIT_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/codegen/isa.h"  // HostIsa
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct EmittedKernel {
  plan::Kernel kernel;  // complete
  // For each output of the node, the inputs whose storage it may take over (positions in node.inputs): every element of
  // such an input is read before, and only for, the same element of the output. Give an input to one output at most, and
  // only one whose storage no other operand of the node shares.
  std::vector<std::vector<int>> in_place;
};

absl::StatusOr<EmittedKernel> EmitKernel(const graph::Graph& graph, const graph::Node& node,
                                         const std::string& isa);

// A node as a region of its own: its operands are the inputs, its results the outputs, by position. Of a "fusion" node
// its region.
graph::Graph RegionOf(const graph::Graph& graph, const graph::Node& node);

// The text before the kernels of one translation unit: vector types, partial loads and stores, exp, log, tanh, ...
std::string Prelude(const std::string& isa);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_EMIT_H_
