// ChooseTiling(): how a product is cut for a machine, and where its pieces lie in L2, L1 and the
// accumulators.
//
//   STRATA_ASSIGN_OR_RETURN(const ProductTiling tiling, ChooseTiling(core, machine, problem, shape));
//   tiling.ToString();   // "tiles 128 x 64 of C, depth 256; A 4 places, W 2 ...; 1572864 bytes of DRAM"
//
// A tile of C stands in the accumulators (two places: the way out of one overlaps the products of the
// other) while panels of A and W along the depth pass through places in L1, and panels that L1 cannot keep may stay in
// L2. Candidates are counted: their loads are played through caches of places in the order in which the
// program will ask for them, which gives the bytes of DRAM exactly, and a bound of the cycles of each unit. The fewest
// cycles win (the busiest unit's); of tilings within two percent the one with fewer DRAM bytes.
#ifndef STRATA_COMPILER_NPU_PRODUCT_TILING_H_
#define STRATA_COMPILER_NPU_PRODUCT_TILING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/npu/sim/core.h"
#include "compiler/npu/product_panels.h"
#include "compiler/npu/product_problem.h"
#include "compiler/npu/scratchpad.h"

namespace strata::compiler {

// What happens to a tile of C before it leaves: what it needs of L1 and of the accumulators.
struct EpilogueShape {
  std::vector<int64_t>
      tile_bytes;           // an element's bytes of each result, and of each operand of C's shape
  int64_t results = 1;      // the first so many of tile_bytes
  int64_t row_vectors = 0;  // operands of one row, 4 bytes an element
  int64_t acc_tiles = 1;    // tiles in the accumulators at once, the product's own among them
  int64_t channel_tables = 0;  // requantisation's factors, 8 bytes a column
  int64_t cells = 0;           // single numbers in the accumulators
  int64_t passes = 1;          // vector instructions for a tile
};

enum class PanelKind { kMatrix, kDirect, kUnfolded };

struct ProductTiling {
  // The largest tile; of the depth: what is loaded at once, and what goes through the array at once.
  int64_t rows = 0, columns = 0, depth = 0, chunk = 0;
  bool rows_outer = true;  // tiles of C row by row; else column by column
  PanelKind panels = PanelKind::kMatrix;
  bool pad_in_dram = false;                  // a padded copy of the image is made first
  int64_t a_places = 0, w_places = 0;        // in L1
  int64_t a_l2_places = 0, w_l2_places = 0;  // 0: straight from DRAM to L1
  bool own_banks = true;

  int64_t dram_bytes = 0;  // in whole bursts, without what pad_in_dram moves
  int64_t cycles = 0;      // a bound from below

  std::string ToString() const;
};

ProductCuts CutsOf(const ProductProblem& problem, const ProductTiling& tiling);

// The problem that the panels see: with pad_in_dram, the padded image.
ProductProblem PanelProblem(const ProductProblem& problem, const ProductTiling& tiling);

std::unique_ptr<APanels> PanelsOf(const ProductProblem& panel_problem, const ProductTiling& tiling,
                                  const ProductCuts& cuts, int64_t dram, int64_t alignment);

// Where all lies. Tiles of tile_bytes and row vectors have two places each.
struct ProductLayout {
  bool fits = false;
  Places a, w, zero;          // L1; zero: one place, only for direct panels
  std::vector<Places> tiles;  // L1, as EpilogueShape::tile_bytes
  std::vector<int64_t> tile_pitch;
  Places channels;           // L1: tables of requantisation's factors
  Places row_vectors;        // L1: all row vectors of a column tile
  int64_t vector_pitch = 0;  // from one row vector to the next, in L1
  Places acc;                // per place: acc_tiles tiles, then the row vectors
  int64_t acc_tile = 0;      // bytes of a tile
  int64_t acc_pitch = 0;     // of a tile's rows
  int64_t acc_rows = 0;      // where the row vectors begin within a place of acc
  int64_t acc_pairs = 0;     // where requantisation's factors are interleaved
  int64_t acc_cells = 0;     // where the cells do
  Places a_l2, w_l2;
  int64_t l1_left = 0;  // bytes

  int64_t AccRow(int64_t place, int64_t row) const {
    return acc.address(place) + acc_rows + acc_pitch * row;
  }
  int64_t AccCells(int64_t place) const { return acc.address(place) + acc_cells; }
};

// `a_bytes` and `w_bytes` are those of a panel.
ProductLayout LayoutOf(const chips::npu::Core& core, const ProductTiling& tiling,
                       const ProductCuts& cuts, int64_t a_bytes, int64_t w_bytes,
                       const EpilogueShape& shape);

// UNIMPLEMENTED when no tile fits, with the memory that is too small.
absl::StatusOr<ProductTiling> ChooseTiling(const chips::npu::Core& core,
                                           const chips::npu::Machine& machine,
                                           const ProductProblem& problem,
                                           const EpilogueShape& shape);

// Calls f(row tile, column tile, depth tile) in the order of the program.
template <typename F>
void ForEachStep(const ProductCuts& cuts, bool rows_outer, F f) {
  const size_t outer = rows_outer ? cuts.rows.size() : cuts.columns.size();
  const size_t inner = rows_outer ? cuts.columns.size() : cuts.rows.size();
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < inner; ++i) {
      for (const DepthTile& depth : cuts.depth) {
        f(cuts.rows[rows_outer ? o : i], cuts.columns[rows_outer ? i : o], depth);
      }
    }
  }
}

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_TILING_H_
