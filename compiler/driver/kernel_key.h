// What the kernel of a node depends on: equal nodes share a kernel.
#ifndef STRATA_COMPILER_DRIVER_KERNEL_KEY_H_
#define STRATA_COMPILER_DRIVER_KERNEL_KEY_H_

#include <string>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Equal keys, equal kernels: op, types, attributes and body, without names and origins.
std::string KernelKey(const graph::Graph& graph, const graph::Node& node);

// The same of what a kernel computes.
std::string RegionKey(const graph::Graph& region);

// What the kernel computes, as Kernel.reference has it. Equal nodes share a kernel, so no model line is in it.
graph::Graph KernelReference(const graph::Graph& graph, const graph::Node& node);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_KERNEL_KEY_H_
