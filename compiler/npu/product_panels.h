// Panels: the pieces in which the operands of a product go to L1, and where the array finds them there.
//
// A panel is a few blocks of rows; a load brings each block with one DMA instruction, and a product
// reads its rows at an address and a stride. A's panels are
// - of a matrix: rows x depth of a tile;
// - of a convolution, direct: one row of the padded image. The pixel (ow, kw, c) lies at
//   (ow stride + kw) channels + c, so that output pixels are rows of A at a stride of stride x channels,
//   and neighbours share what they have in common. No copy of the image is ever unfolded. The zeros of
//   the padding stand in the place from the start; rows outside the image are one panel of zeros.
// - of a convolution, unfolded by the DMA: where stride x channels is not a multiple of L1's alignment
//   (three colours), or where nothing would be shared (a filter narrower than its stride). Output
//   pixels are rows of A of their own.
#ifndef STRATA_COMPILER_NPU_PRODUCT_PANELS_H_
#define STRATA_COMPILER_NPU_PRODUCT_PANELS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/npu/product_problem.h"

namespace strata::compiler {

// Rows of W that go through the array at once: [begin, begin + depth), within a segment.
struct Chunk {
  int64_t begin = 0, depth = 0;
};

// Chunks whose weights are loaded together.
struct DepthTile {
  int64_t index = 0, begin = 0, end = 0;
  std::vector<Chunk> chunks;
};

// Rows [begin, begin + rows) of one product's C.
struct RowTile {
  int64_t index = 0, batch = 0, begin = 0, rows = 0;
};

struct ColumnTile {
  int64_t index = 0, begin = 0, columns = 0;
};

// One DMA instruction: rows in DRAM to rows at `offset` in the panel.
struct Block {
  int64_t offset = 0, rows = 0, row_bytes = 0, pitch = 0;
  int64_t dram = 0, dram_stride = 0;
};

// Rows of A for one chunk: they make rows c_row and on of the tile of C.
struct Piece {
  int64_t key = 0;  // the panel
  int64_t offset = 0, stride = 0, rows = 0, c_row = 0;
};

inline constexpr int64_t kZeroPanel = -1;  // holds zeros; never loaded

// How the product is cut.
struct ProductCuts {
  std::vector<RowTile> rows;
  std::vector<ColumnTile> columns;
  std::vector<DepthTile> depth;
};

class APanels {
 public:
  virtual ~APanels() = default;
  virtual int64_t bytes() const = 0;  // of a place
  // Those that a tile of C needs for a tile of the depth, each once.
  virtual void Keys(const RowTile& rows, const DepthTile& depth,
                    std::vector<int64_t>* keys) const = 0;
  virtual std::vector<Block> Blocks(int64_t key) const = 0;
  virtual void Pieces(const RowTile& rows, const DepthTile& depth, const Chunk& chunk,
                      std::vector<Piece>* pieces) const = 0;
};

// A row of a panel that must be zero before the first load: the padding at both sides.
struct Border {
  int64_t offset = 0, bytes = 0;
};

class ConvPanels : public APanels {
 public:
  virtual std::vector<Border> Borders() const = 0;
};

// `dram` is where A begins, `alignment` L1's. Keep references to the cuts.
std::unique_ptr<APanels> MatrixPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                      int64_t dram, int64_t alignment);
std::unique_ptr<ConvPanels> DirectPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                         int64_t dram, int64_t alignment);
// The image at `dram` is padded already: rows of padded_w() pixels, padded_h() of them.
std::unique_ptr<ConvPanels> UnfoldedPanels(const ProductProblem& problem, const ProductCuts& cuts,
                                           int64_t dram, int64_t alignment);

// W's panels: a depth tile by a column tile; transposed, a column tile by a depth tile.
class WPanels {
 public:
  WPanels(const ProductProblem& problem, const ProductCuts& cuts, int64_t dram, int64_t alignment);
  int64_t bytes() const;
  int64_t pitch() const { return pitch_; }
  int64_t Key(int64_t batch, const DepthTile& depth, const ColumnTile& columns) const;
  std::vector<Block> Blocks(int64_t key) const;

 private:
  const ProductProblem problem_;
  const ProductCuts& cuts_;
  int64_t dram_, pitch_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_PANELS_H_
