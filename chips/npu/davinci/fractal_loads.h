// MTE1's work: rows of elements into fractals.
#ifndef STRATA_CHIPS_NPU_DAVINCI_FRACTAL_LOADS_H_
#define STRATA_CHIPS_NPU_DAVINCI_FRACTAL_LOADS_H_

#include <cstdint>

namespace strata::chips::npu::davinci {

// A matrix of `rows` x `cols` elements, of which [i][j] is at src + i row_stride + j col_stride bytes,
// becomes fractals, zeros beyond its edges. zZ (A): blocks of 16 x 32 bytes; nZ (B): of 32 bytes x 16.
struct FractalLoad {
  uint8_t* dst;
  const uint8_t* src;
  int64_t rows, cols;
  int64_t row_stride, col_stride;
  int64_t bytes;  // of an element
};
void LoadA(const FractalLoad& load);
void LoadB(const FractalLoad& load);

// img2col: A[r cols + q][s run + e] = element e of the run at src + r row_stride + q col_stride +
// s run_stride.
struct WindowLoad {
  uint8_t* dst;
  const uint8_t* src;
  int64_t rows, cols, runs, run;
  int64_t row_stride, col_stride, run_stride;
  int64_t bytes;
};
void LoadWindows(const WindowLoad& load);

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_FRACTAL_LOADS_H_
