// VectorSchedule: what a vector kernel does in a block, and where in the scratchpads its values lie.
//
// Values come in four classes: whole tiles, a column (one element a row), a row, a single element. A
// class's values share slots: a value's slot is free after its last use, and the result of an op may take
// its operand's. Inputs that are the same for all blocks keep theirs.
#ifndef STRATA_COMPILER_NPU_VECTOR_SCHEDULE_H_
#define STRATA_COMPILER_NPU_VECTOR_SCHEDULE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "chips/npu/sim/core.h"
#include "compiler/npu/vector_region.h"

namespace strata::compiler {

// 2 * by_row + by_column.
enum VectorClass : int { kOneElement = 0, kOneRow = 1, kOneColumn = 2, kWholeTile = 3 };
inline constexpr int kVectorClasses = 4;

inline VectorClass ClassOf(const VectorValue& value) {
  return static_cast<VectorClass>(2 * value.by_row + value.by_column);
}

struct VectorSchedule {
  int64_t rows = 0, cols = 0;  // of a block, at most
  std::vector<int> slots;      // by value: within its class; -1: it has none
  std::vector<bool> kept;      // by value: an input that is brought in once
  std::vector<bool>
      rounded;  // by value: whether others read it, so that it must be exact in its dtype
  std::array<int, kVectorClasses> counts = {};  // slots of each class
  int64_t cells = 0;                            // single numbers
  int64_t shared_l1 = 0;  // bytes at the beginning of L1 that all blocks share
  int64_t set_l1 = 0;     // bytes of one of the two sets of places of a block
  // By value: where it lies in L1; of what is not kept, within the set. -1: it does not.
  std::vector<int64_t> l1;
  std::vector<int64_t>
      channels;  // by value: of a requantize, where multipliers and shifts lie in L1

  static absl::StatusOr<VectorSchedule> Make(const graph::Graph& graph, const VectorRegion& region,
                                             const chips::npu::Core& core, int64_t lanes);

  // Bytes from row to row of a tile of `cols` columns in L1.
  static int64_t L1Pitch(int64_t cols, chips::DType dtype, int64_t alignment);
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_VECTOR_SCHEDULE_H_
