// The sizes of a matrix product: [M, K] times [K, N] gives [M, N].
#ifndef STRATA_CHIPS_NUMERICS_MATMUL_SHAPE_H_
#define STRATA_CHIPS_NUMERICS_MATMUL_SHAPE_H_

#include <cstdint>

namespace strata::chips {

struct MatmulShape {
  int64_t m = 0, n = 0, k = 0;
};

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_MATMUL_SHAPE_H_
