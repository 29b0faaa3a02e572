#include <algorithm>

#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/product_tiling.h"

namespace strata::compiler {
namespace {

constexpr int64_t kAccBytes = 4;

std::vector<RowTile> RowTiles(const ProductProblem& problem, int64_t most) {
  // A convolution's tiles are whole rows of pixels, or parts of one.
  const int64_t line = problem.window.has_value() ? problem.window->out_w : problem.rows;
  std::vector<RowTile> tiles;
  const auto add = [&](int64_t batch, int64_t begin, int64_t rows) {
    tiles.push_back({static_cast<int64_t>(tiles.size()), batch, begin, rows});
  };
  const int64_t step = most >= line ? most / line * line : most;
  for (int64_t batch = 0; batch < problem.batch; ++batch) {
    for (int64_t row = 0; row < problem.rows;) {
      const int64_t end = step >= line ? problem.rows : (row / line + 1) * line;
      const int64_t rows = std::min(step, end - row);
      add(batch, row, rows);
      row += rows;
    }
  }
  return tiles;
}

std::vector<DepthTile> DepthTiles(const ProductProblem& problem, int64_t most, int64_t chunk) {
  std::vector<DepthTile> tiles;
  for (int64_t begin = 0; begin < problem.depth; begin += problem.segment) {
    for (int64_t k = 0; k < problem.segment; k += chunk) {
      const Chunk next = {begin + k, std::min(chunk, problem.segment - k)};
      if (tiles.empty() || next.begin + next.depth - tiles.back().begin > most) {
        tiles.push_back({static_cast<int64_t>(tiles.size()), next.begin, next.begin, {}});
      }
      tiles.back().chunks.push_back(next);
      tiles.back().end = next.begin + next.depth;
    }
  }
  return tiles;
}

}  // namespace

ProductCuts CutsOf(const ProductProblem& problem, const ProductTiling& tiling) {
  ProductCuts cuts;
  cuts.rows = RowTiles(problem, tiling.rows);
  cuts.depth = DepthTiles(problem, tiling.depth, tiling.chunk);
  for (int64_t begin = 0; begin < problem.columns; begin += tiling.columns) {
    cuts.columns.push_back({static_cast<int64_t>(cuts.columns.size()), begin,
                            std::min(tiling.columns, problem.columns - begin)});
  }
  return cuts;
}

ProductProblem PanelProblem(const ProductProblem& problem, const ProductTiling& tiling) {
  ProductProblem result = problem;
  if (!tiling.pad_in_dram) return result;
  ConvWindow& window = *result.window;
  window.height = window.padded_h();
  window.width = window.padded_w();
  window.top = window.left = 0;
  return result;
}

std::unique_ptr<APanels> PanelsOf(const ProductProblem& panel_problem, const ProductTiling& tiling,
                                  const ProductCuts& cuts, int64_t dram, int64_t alignment) {
  switch (tiling.panels) {
    case PanelKind::kDirect:
      return DirectPanels(panel_problem, cuts, dram, alignment);
    case PanelKind::kUnfolded:
      return UnfoldedPanels(panel_problem, cuts, dram, alignment);
    case PanelKind::kMatrix:
      break;
  }
  return MatrixPanels(panel_problem, cuts, dram, alignment);
}

ProductLayout LayoutOf(const chips::npu::Core& core, const ProductTiling& tiling,
                       const ProductCuts& cuts, int64_t a_bytes, int64_t w_bytes,
                       const EpilogueShape& shape) {
  const std::vector<chips::npu::MemorySpec>& memories = core.memories();
  Scratchpad l1(memories[chips::npu::kL1]);
  const int64_t alignment = memories[chips::npu::kL1].alignment;
  int64_t rows = 0;
  for (const RowTile& tile : cuts.rows) rows = std::max(rows, tile.rows);
  const int64_t columns = cuts.columns.front().columns;
  const bool own = tiling.own_banks;
  ProductLayout layout;
  layout.a = l1.Allocate(a_bytes, tiling.a_places, own);
  layout.w = l1.Allocate(w_bytes, tiling.w_places, own);
  for (const int64_t bytes : shape.tile_bytes) {
    layout.tile_pitch.push_back(RoundUp(columns * bytes, alignment));
    const int64_t tile = RoundUp(layout.tile_pitch.back() * rows, alignment);
    Places both = l1.Allocate(2 * tile, 1, own);  // side by side
    both.pitch = tile, both.count = 2;
    layout.tiles.push_back(both);
  }
  layout.vector_pitch = RoundUp(columns * kAccBytes, alignment);
  layout.row_vectors =
      l1.Allocate(layout.vector_pitch * shape.row_vectors, shape.row_vectors > 0 ? 2 : 0, false);
  layout.channels = l1.Allocate(2 * kAccBytes * columns, shape.channel_tables > 0 ? 2 : 0, false);
  layout.zero = l1.Allocate(a_bytes, tiling.panels == PanelKind::kDirect ? 1 : 0, false);

  Scratchpad acc(memories[chips::npu::kAcc]);
  layout.acc_pitch = columns * kAccBytes;
  layout.acc_tile = layout.acc_pitch * rows;
  layout.acc_rows = layout.acc_tile * shape.acc_tiles;
  layout.acc_pairs = layout.acc_rows + layout.acc_pitch * shape.row_vectors;
  layout.acc_cells = layout.acc_pairs + 2 * layout.acc_pitch * shape.channel_tables;
  layout.acc = acc.Allocate(layout.acc_cells + kAccBytes * shape.cells, 2, own);
  Scratchpad l2(memories[chips::npu::kL2]);
  layout.a_l2 = l2.Allocate(a_bytes, tiling.a_l2_places, false);
  layout.w_l2 = l2.Allocate(w_bytes, tiling.w_l2_places, false);
  layout.fits = l1.fits() && acc.fits() && l2.fits();
  layout.l1_left = l1.left();
  return layout;
}

}  // namespace strata::compiler
