// V's arithmetic on UB.
#ifndef STRATA_CHIPS_NPU_DAVINCI_VECTOR_DATAPATH_H_
#define STRATA_CHIPS_NPU_DAVINCI_VECTOR_DATAPATH_H_

#include <cstdint>

#include "chips/npu/sim/core.h"

namespace strata::chips::npu::davinci {

// Keeps what vcfg set.
class VectorDatapath {
 public:
  explicit VectorDatapath(MemoryImage* image) : image_(*image) {}
  void Execute(const Resolved& in);

 private:
  uint8_t* At(int memory, int64_t address) {
    return image_[static_cast<size_t>(memory)].data() + address;
  }
  // dst[r][c] = op(src[r][c]).
  template <typename To, typename From, typename Op>
  void One(const Resolved& in, Op op);
  // dst[r][c] = op(a[r][c], b[r][c]).
  template <typename T, typename Op>
  void Two(const Resolved& in, Op op);
  template <typename Op>
  void Scalar(const Resolved& in, Op op);

  void Move(const Resolved& in);
  void Fill(const Resolved& in);
  void Requantise(const Resolved& in);
  void SumColumns(const Resolved& in);
  void TwoSources(const Resolved& in);

  MemoryImage& image_;
  int64_t zero_ = 0, low_ = -128, high_ = 127;
};

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_VECTOR_DATAPATH_H_
