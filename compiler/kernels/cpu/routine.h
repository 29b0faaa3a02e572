// Routine: one entry of the CPU's own library, what a Plan's LibraryCall names: "matmul", "attention", ...
//
//   const Routine* matmul = FindRoutine("matmul");
//   if (matmul->supports(call).ok()) {
//     STRATA_ASSIGN_OR_RETURN(RoutineFunction run, matmul->prepare(call, threads));
//     STRATA_RETURN_IF_ERROR(run(buffers));   // inputs, then outputs
//   }
//
// A routine has the name, operands and attributes of the op it computes, and agrees with the op's reference kernel up
// to rounding. `prepare` reads sizes and attributes once; the function it gives owns its scratch memory, so it runs on
// one thread at a time (and spreads over up to `threads` by itself).
#ifndef STRATA_COMPILER_KERNELS_CPU_ROUTINE_H_
#define STRATA_COMPILER_KERNELS_CPU_ROUTINE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

// Buffers are dense and row-major: the call's inputs, then its outputs. Data that does not fit (an id outside its
// table) is OUT_OF_RANGE; outputs are then unspecified.
using RoutineFunction = std::function<absl::Status(void* const* buffers)>;

struct Routine {
  std::string name;
  // OK, or UNIMPLEMENTED with what is not covered (a dtype, say). Types are concrete and those of the op.
  std::function<absl::Status(const graph::OpCall&)> supports;
  std::function<absl::StatusOr<RoutineFunction>(const graph::OpCall&, int threads)> prepare;
  // What is used and why, for the plan's table: "oneDNN sgemm: 2 x 1024 x 768 x 2304 flops".
  std::function<std::string(const graph::OpCall&)> reason;
  // Pairs (input, output) that may be one buffer.
  std::vector<std::pair<int, int>> in_place;
};

// nullptr when there is none.
const Routine* FindRoutine(absl::string_view name);

// Sorted.
std::vector<std::string> RoutineNames();

// A typed view of `buffers`, which carry no types.
template <typename T>
T* Buffer(void* const* buffers, size_t i) {
  return static_cast<T*>(buffers[i]);
}

// UNIMPLEMENTED unless inputs [0, count) are f32.
absl::Status RequireF32(const graph::OpCall& call, size_t count);

// The families, one a file; routine.cc makes the table of them.
std::vector<Routine> MatmulRoutines();
std::vector<Routine> PackedRoutines();
std::vector<Routine> Conv2dRoutines();
std::vector<Routine> MaxPool2dRoutines();
std::vector<Routine> RequantizeRoutines();
std::vector<Routine> IntegerSumRoutines();
std::vector<Routine> AttentionRoutines();
std::vector<Routine> AttentionGradientRoutines();
std::vector<Routine> EmbeddingRoutines();
std::vector<Routine> CrossEntropyRoutines();
std::vector<Routine> RopeRoutines();
std::vector<Routine> CacheUpdateRoutines();
std::vector<Routine> CacheWriteRoutines();
std::vector<Routine> PagedAttentionRoutines();
std::vector<Routine> TopKRoutines();
std::vector<Routine> MoeRoutines();
std::vector<Routine> GroupedMatmulRoutines();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_ROUTINE_H_
