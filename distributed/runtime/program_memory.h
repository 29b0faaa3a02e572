// What a program takes in memory on its way, when every value is freed after its last reader: the model of the reference
// interpreter of a rank.
//
//   ProgramMemory memory = MemoryOf(program);
//   inputs + memory.peak     // bytes while it runs
//   inputs + memory.outputs  // bytes after it
#ifndef STRATA_DISTRIBUTED_RUNTIME_PROGRAM_MEMORY_H_
#define STRATA_DISTRIBUTED_RUNTIME_PROGRAM_MEMORY_H_

#include <cstdint>

#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct ProgramMemory {
  int64_t peak =
      0;  // of values that are no inputs; while a node runs its inputs and outputs are both there
  int64_t outputs = 0;  // of those that stay: the program's outputs that are no inputs
};

// `program` without symbols.
ProgramMemory MemoryOf(const graph::Graph& program);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_PROGRAM_MEMORY_H_
