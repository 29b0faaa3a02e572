// PackedProduct: y = x wᵀ for rows of x and matrices of packed weights of one format, spread over threads.
//
//   const PackedProduct product(*format, /*rows16=*/true, K, threads);
//   product.Run({{w, N, 0, M, y}}, x);                                  // M rows, one matrix
//   product.Run({{wq, 2048, 0, M, q}, {wk, 256, 0, M, k}}, x);          // several matrices for the same rows
//   product.Run({{w0, N, 0, 5, y}, {w3, N, 5, M - 5, y}}, x);           // rows that are sorted by their matrix
//
// Rows are rounded into panels of up to 12 rows, few rows by each thread for itself; then threads take groups of 16
// outputs. Few rows: each group of weights meets all panels while the next one is on its way from memory. Many rows: the
// weights of a few groups stay in the L2 cache while all panels pass. Weights as files have them ("rows") are packed by the
// group as they are needed: the same arithmetic, the same bits.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_

#include <cstdint>
#include <vector>

#include "chips/numerics/packed_rows.h"
#include "chips/numerics/weight_format.h"
#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

// Rows [first, first + count) of x times the matrix of N rows at `weights`.
struct PackedPart {
  const uint8_t* weights;
  int64_t N;
  int64_t first;
  int64_t count;
  float* const* y;  // y[i]: where the N results of row i of x go
};

class PackedProduct {
 public:
  // `kernel`: BestPackedKernel() of the format where it is null.
  PackedProduct(const chips::WeightFormat& format, bool rows16, int64_t K, int threads,
                const PackedKernel* kernel = nullptr);

  // Row i of x is K floats at x[i]. Parts that follow each other may have the same rows; else their rows do not overlap.
  void Run(const std::vector<PackedPart>& parts, const std::vector<const float*>& x) const;

  const PackedKernel& kernel() const { return kernel_; }

 private:
  struct Tile {
    int64_t first;  // row
    int count;
  };
  struct Task {  // a part and its tiles
    const PackedPart* part;
    int64_t groups;
    size_t first_tile, tiles;
  };

  // The tiles of all rows, and the parts that have any work.
  void Split(const std::vector<PackedPart>& parts, std::vector<Tile>* tiles,
             std::vector<Task>* tasks) const;
  // Tiles [begin, end).
  void Round(const std::vector<Tile>& tiles, int64_t begin, int64_t end,
             const std::vector<const float*>& x, uint8_t* panels) const;
  // How many groups a thread takes at a time where there are many rows.
  int64_t GroupsAtHand() const;
  void SetAhead(const uint8_t* end, size_t i, size_t tiles, PackedTile* tile) const;
  // Groups [begin, end) of one task.
  void RunGroups(const Task& task, const std::vector<Tile>& tiles, const uint8_t* panels,
                 int64_t begin, int64_t end) const;

  const chips::WeightFormat& format_;
  const chips::PackedLayout layout_;
  const bool rows16_;
  const int64_t K_;
  const int64_t group_bytes_, panel_bytes_;
  const int threads_;
  const PackedKernel& kernel_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_PRODUCT_H_
