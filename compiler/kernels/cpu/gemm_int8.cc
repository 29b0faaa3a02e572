#include "compiler/kernels/cpu/gemm_int8.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>

#include "compiler/kernels/cpu/conv_onednn.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {

void GemmInt8Plain(const GemmInt8Arguments& g, int threads) {
  ParallelFor(g.M, std::max<int64_t>(1, 65536 / (g.N * g.K + 1)), threads,
              [&](int64_t begin, int64_t end) {
                for (int64_t m = begin; m < end; ++m) {
                  int32_t* row = g.C + m * g.N;
                  std::fill_n(row, g.N, 0);
                  for (int64_t k = 0; k < g.K; ++k) {
                    const int32_t a = g.transpose_a ? g.A[k * g.M + m] : g.A[m * g.K + k];
                    const int8_t* b = g.transpose_b ? g.B + k : g.B + k * g.N;
                    const int64_t step = g.transpose_b ? g.K : 1;
                    for (int64_t n = 0; n < g.N; ++n) row[n] += a * b[n * step];
                  }
                }
              });
}

void GemmInt8(const GemmInt8Arguments& g, int threads) {
  if (g.M <= 0 || g.N <= 0) return;
  if (g.K <= 0) {
    std::fill_n(g.C, g.M * g.N, 0);
    return;
  }
  if (HasInt8DotProducts()) {
    const ThreadScope scope(threads);
    const int32_t no_offset = 0;
    const dnnl_status_t status =
        dnnl_gemm_s8s8s32(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', 'F', g.M, g.N, g.K,
                          1.0f, g.A, g.transpose_a ? g.M : g.K, 0, g.B, g.transpose_b ? g.K : g.N,
                          0, 0.0f, g.C, g.N, &no_offset);
    if (status == dnnl_success) return;
  }
  GemmInt8Plain(g, threads);
}

}  // namespace strata::compiler
