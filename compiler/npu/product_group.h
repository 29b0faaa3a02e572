// ProductGroup: a region of one product and the elementwise work on its result, read for the array.
//
//   STRATA_ASSIGN_OR_RETURN(const ProductGroup group, ProductGroup::Of(region));
//   group.product;                   // the node; group.problem is it as the array sees it
//   group.values[id].kind;           // what a value of the region is to a tile of C
//
// C is the product's result as a matrix [R, N] of all leading dims by the last. Each value that the work behind the
// product touches is such a matrix too, a row of N elements (a bias: the same for all rows), or one number.
#ifndef STRATA_COMPILER_NPU_PRODUCT_GROUP_H_
#define STRATA_COMPILER_NPU_PRODUCT_GROUP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "compiler/npu/product_problem.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

enum class GroupValueKind { kUnused, kTile, kRow, kNumber };

struct GroupValue {
  GroupValueKind kind = GroupValueKind::kUnused;
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  std::optional<double> constant;  // of a kNumber
  graph::ValueId source = 0;       // the value that holds the same numbers; itself when none does
  int input = -1;                  // of the region
  bool read = false;               // by a step
};

struct ProductGroup {
  const graph::Node* product = nullptr;
  ProductProblem problem;
  int a = 0, w = 0;                       // inputs of the region; w: a when there are no weights
  std::vector<GroupValue> values;         // by value id
  std::vector<const graph::Node*> steps;  // behind the product, in order; without aliases

  // Keeps pointers into the region. UNIMPLEMENTED, with a phrase fit for a Step's reason, when it is no such group or
  // the vector unit has no instruction for a step.
  static absl::StatusOr<ProductGroup> Of(const graph::Graph& region);
};

// matmul, conv2d, max_pool2d, or the sum of an image.
bool IsProductNode(const graph::Graph& graph, const graph::Node& node);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_GROUP_H_
