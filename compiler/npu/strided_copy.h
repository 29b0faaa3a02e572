// StridedCopy: elements from one array to another, each with a stride a dim.
//
//   std::vector<StridedCopy> copies = StridedCopiesOf(call);   // of a transpose, a slice, a concat, ...
#ifndef STRATA_COMPILER_NPU_STRIDED_COPY_H_
#define STRATA_COMPILER_NPU_STRIDED_COPY_H_

#include <cstdint>
#include <vector>

#include "framework/graph/op_def.h"

namespace strata::compiler {

struct CopyDim {
  int64_t size, src, dst;  // strides in bytes
};

struct StridedCopy {
  int input = 0;              // kZeros: no array; dst is filled with zeros
  int64_t src = 0, dst = 0;   // where it begins, in bytes
  std::vector<CopyDim> dims;  // outermost first
  int64_t bytes = 0;          // of what lies side by side on both sides

  static constexpr int kZeros = -1;
};

// Of reshape, transpose, slice, concat and pad with concrete types. Dims of size 1 are left out, dims that
// can be are joined, and the innermost one is part of `bytes` where its elements are neighbours on both
// sides. Of what is copied no part is empty.
std::vector<StridedCopy> StridedCopiesOf(const graph::OpCall& call);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_STRIDED_COPY_H_
