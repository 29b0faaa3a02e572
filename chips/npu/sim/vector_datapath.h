// What the array core's vector unit computes, bit for bit as chips/npu/ISA.md says.
#ifndef STRATA_CHIPS_NPU_SIM_VECTOR_DATAPATH_H_
#define STRATA_CHIPS_NPU_SIM_VECTOR_DATAPATH_H_

#include <cstdint>
#include <vector>

#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

// What vcfg sets.
struct Requantisation {
  int64_t multiplier = 1;
  int64_t shift = 0;
  int64_t zero = 0;
  int64_t low = -128;
  int64_t high = 127;
};

// The image is written in place and must hold what the instructions touch.
class VectorDatapath {
 public:
  VectorDatapath(int64_t lanes, MemoryImage* image) : lanes_(lanes), image_(*image) {}

  void Execute(const Resolved& in);

 private:
  uint8_t* At(int memory, int64_t address) {
    return image_[static_cast<size_t>(memory)].data() + address;
  }

  void Border(const Resolved& in);  // between L1 and the accumulators
  void Binary(const Resolved& in);
  void Unary(const Resolved& in);
  void Special(const Resolved& in);
  void Reduction(const Resolved& in);

  void Select(const Resolved& in);
  void Fill(const Resolved& in);
  void ChannelRequantise(const Resolved& in);
  void MultiplyAdd(const Resolved& in);
  float RowSum(const uint8_t* row, int64_t cols);

  // dst[r][c] = op(src[r][c]).
  template <typename To, typename From, typename Op>
  void Map(const Resolved& in, int to, int from, Op op);
  // dst[r][c] = op(a[r][c], b[r][c]).
  template <typename To, typename From, typename Op>
  void Zip(const Resolved& in, Op op);
  // dst[r] = the fold of row r.
  template <typename T, typename Op>
  void Fold(const Resolved& in, T start, Op op);

  const int64_t lanes_;
  MemoryImage& image_;
  Requantisation requantisation_;
  std::vector<float> sums_;  // of lanes
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_VECTOR_DATAPATH_H_
