// TileAccess: how an operand of an elementwise node is read at element (i, j) of a product C [M,
// N].
//
//   TileAccessOf(bias, sum, M, N);      // f32[N] for f32[B, T, N], B T = M: kColumn, read at [j]
//   CheckTileNode(call, M, N);          // OK: the node can be done on a tile of C while it is in registers
//
// The rules of what may follow a product in its kernel; the pass epilogue_fusion and the lowering
// both go by them.
#ifndef STRATA_COMPILER_GEMM_TILE_ACCESS_H_
#define STRATA_COMPILER_GEMM_TILE_ACCESS_H_

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

// The `kind` of a fusion node whose region is a product, which comes first, and what is done with
// its elements.
inline constexpr char kProductKind[] = "product";

enum class TileAccess {
  kElement,  // M N elements: [i, j]
  kColumn,   // N, the same for all rows: [j]
  kRow,      // M, the same for all columns: [i]
  kNumber,   // one: [0]
};

// Whether a value has an element for each (i, j): M N of f32 or bf16, in rows of N.
bool IsTile(const graph::TensorType& type, int64_t M, int64_t N);

// Of an operand that is broadcast to `result`, which is a tile. Nothing where (i, j) alone do not
// tell the element: an operand [T, N] of a result [B, T, N].
std::optional<TileAccess> TileAccessOf(const graph::TensorType& operand,
                                       const graph::TensorType& result, int64_t M, int64_t N);

// OK for an elementwise op, a cast between floats, a reshape or a broadcast_to whose result is a
// tile and whose operands are read in one of the ways above; UNIMPLEMENTED says why not. Types are
// concrete.
absl::Status CheckTileNode(const graph::OpCall& call, int64_t M, int64_t N);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_TILE_ACCESS_H_
