// The product of two matrices in fractals, as the cube computes it.
//
// Both types run through one kernel of f32 sums in order of k. For fp16 that is the definition itself
// (chips/npu/davinci/ISA.md). For int8 it is exact: products are at most 2^14, so that sums of up to 1024
// of them are whole numbers that f32 holds; longer sums are cut there and go on in integers.
#ifndef STRATA_CHIPS_NPU_DAVINCI_CUBE_PRODUCT_H_
#define STRATA_CHIPS_NPU_DAVINCI_CUBE_PRODUCT_H_

#include <cstdint>
#include <vector>

namespace strata::chips::npu::davinci {

struct CubeOperands {
  const uint8_t* a;  // [m, k] in zZ
  const uint8_t* b;  // [k, n] in nZ
  uint8_t* c;        // [m, n] in zN; int32 or f32
  int64_t m, k, n;
  bool half;  // fp16 to f32; else int8 to int32
  bool add;   // C = C + A x B
};

// Keeps its buffers from call to call.
class CubeProduct {
 public:
  void Run(const CubeOperands& operands);

 private:
  void Chunk(const CubeOperands& o, int64_t k_begin, int64_t k_end, bool add);

  std::vector<float> a_, b_;
};

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_CUBE_PRODUCT_H_
