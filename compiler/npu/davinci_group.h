// DavinciGroup: a region read for a DaVinci core: a head, and elementwise work on its result.
//
//   STRATA_ASSIGN_OR_RETURN(const DavinciGroup group, ReadDavinciGroup(region));
//   group.head;   // matmul, conv2d, max_pool2d, reduce_sum over height and width; nullptr: elementwise work only
//   group.steps;  // what the vector unit does with a tile of C, in order
//
// C, the head's result, is a matrix [rows, columns] of all leading dims by the last. Each value that the steps
// touch is such a matrix too, a row of as many elements (a bias), or one number. All are int8 or int32.
#ifndef STRATA_COMPILER_NPU_DAVINCI_GROUP_H_
#define STRATA_COMPILER_NPU_DAVINCI_GROUP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct DavinciValue {
  enum Kind { kUnused, kTile, kRow, kNumber };
  Kind kind = kUnused;
  int64_t bytes = 4;              // of an element
  std::optional<int32_t> number;  // of a kNumber
  bool repeated = false;          // of a kRow: an input of one element, the same for all columns
  graph::ValueId source = 0;      // the value that holds the same numbers; itself when none does
  int input = -1;                 // of the region
};

struct DavinciGroup {
  const graph::Graph* region = nullptr;
  const graph::Node* head = nullptr;
  std::optional<graph::ValueId> c;       // the head's result
  std::optional<graph::ValueId> summed;  // of reduce_sum: what is summed, an int8 or int32 input
  int64_t rows = 0, columns = 0;
  std::vector<DavinciValue> values;  // by value id
  std::vector<const graph::Node*> steps;

  const DavinciValue& Source(graph::ValueId id) const { return values[values[id].source]; }
  graph::ValueId SourceId(graph::ValueId id) const { return values[id].source; }
};

// Keeps pointers into the region. UNIMPLEMENTED, with a phrase fit for a Step's reason.
absl::StatusOr<DavinciGroup> ReadDavinciGroup(const graph::Graph& region);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DAVINCI_GROUP_H_
