// PackedProduct: y = x wᵀ for rows of x that share matrices of packed weights, spread over threads.
//
//   PackedProduct product(*format, /*rows16=*/true, N, K, threads);
//   product.Run({{w, 0, M}}, x, y);                     // one matrix
//   product.Run(segments, x_rows, y_rows);              // rows sorted by their matrix: experts
//
// Rows are rounded once, into panels of up to 12 rows; then threads take groups of 16 outputs. Where there are many rows,
// the weights of a few groups stay in the L2 cache for all panels. Weights as files have them ("rows") are packed by the
// group as they are needed: the same arithmetic, the same bits.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_

#include <cstdint>
#include <vector>

#include "chips/numerics/packed_rows.h"
#include "chips/numerics/weight_format.h"
#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

// Rows [first, first + count) of x are multiplied by the matrix at `weights`.
struct PackedSegment {
  const uint8_t* weights;
  int64_t first;
  int64_t count;
};

class PackedProduct {
 public:
  // `kernel`: BestPackedKernel() of the format where it is null.
  PackedProduct(const chips::WeightFormat& format, bool rows16, int64_t N, int64_t K, int threads,
                const PackedKernel* kernel = nullptr);

  // Row i reads K floats at x[i] and writes N at y[i]. One call at a time.
  void Run(const std::vector<PackedSegment>& segments, const std::vector<const float*>& x,
           const std::vector<float*>& y) const;

  const PackedKernel& kernel() const { return kernel_; }

 private:
  struct Tile {
    int64_t first;  // row
    int count;
  };
  struct Part {  // a segment and its tiles
    const uint8_t* weights;
    size_t first_tile, tiles;
  };

  void Round(const std::vector<Tile>& tiles, const std::vector<const float*>& x,
             uint8_t* panels) const;
  // Groups [begin, end) of one part.
  void RunGroups(const Part& part, const std::vector<Tile>& tiles, const uint8_t* panels,
                 int64_t begin, int64_t end, const std::vector<float*>& y) const;

  const chips::WeightFormat& format_;
  const chips::PackedLayout layout_;
  const bool rows16_;
  const int64_t N_, K_;
  const int64_t group_bytes_, panel_bytes_;
  const int threads_;
  const PackedKernel& kernel_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_
