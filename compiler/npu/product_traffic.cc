#include "compiler/npu/product_traffic.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/npu/place_cache.h"

namespace strata::compiler {
namespace {

using chips::npu::Machine;

// The ways of one operand from DRAM to L1.
class Operand {
 public:
  Operand(int64_t burst, int64_t places, int64_t l2_places, ProductTraffic* traffic)
      : burst_(burst), l1_(places), traffic_(*traffic) {
    if (l2_places > 0) l2_.emplace(l2_places);
  }

  template <typename Blocks>
  void Touch(int64_t key, const Blocks& blocks) {
    if (l1_.Touch(key).hit) return;
    const Cost& cost = CostOf(key, blocks);
    if (l2_.has_value()) traffic_.moved_bytes += cost.bytes;
    if (l2_.has_value() && l2_->Touch(key).hit) return;
    traffic_.dram_bytes += cost.dram_bytes;
    traffic_.dram_instructions += cost.instructions;
  }

 private:
  struct Cost {
    int64_t bytes = 0, dram_bytes = 0, instructions = 0;
  };

  template <typename Blocks>
  const Cost& CostOf(int64_t key, const Blocks& blocks) {
    const auto [it, added] = costs_.emplace(key, Cost());
    if (!added) return it->second;
    for (const Block& block : blocks(key)) {
      const int64_t bytes = block.rows * block.row_bytes;
      const bool run = block.pitch == block.row_bytes && block.dram_stride == block.row_bytes;
      it->second.bytes += bytes;
      it->second.dram_bytes +=
          (run ? RoundUp(bytes, burst_) : block.rows * RoundUp(block.row_bytes, burst_));
      ++it->second.instructions;
    }
    return it->second;
  }

  const int64_t burst_;
  PlaceCache l1_;
  std::optional<PlaceCache> l2_;
  ProductTraffic& traffic_;
  std::unordered_map<int64_t, Cost> costs_;
};

// Tiles of C's shape that enter or leave once.
void AddTiles(const ProductProblem& problem, const ProductCuts& cuts, const EpilogueShape& shape,
              const Machine& machine, ProductTraffic* traffic) {
  const int64_t burst = static_cast<int64_t>(machine.dram_burst_bytes().value());
  for (const int64_t bytes : shape.tile_bytes) {
    for (const ColumnTile& columns : cuts.columns) {
      const bool whole = columns.columns == problem.columns &&
                         columns.columns * bytes % machine.l1().alignment_bytes() == 0;
      for (const RowTile& rows : cuts.rows) {
        traffic->dram_bytes += whole ? RoundUp(rows.rows * columns.columns * bytes, burst)
                                     : rows.rows * RoundUp(columns.columns * bytes, burst);
        ++traffic->dram_instructions;
      }
    }
  }
}

}  // namespace

ProductTraffic CountTraffic(const Machine& machine, const ProductProblem& problem,
                            const ProductTiling& tiling, const ProductCuts& cuts, const APanels& a,
                            const WPanels& w, const EpilogueShape& shape) {
  const int64_t burst = static_cast<int64_t>(machine.dram_burst_bytes().value());
  ProductTraffic traffic;
  Operand from_a(burst, tiling.a_places, tiling.a_l2_places, &traffic);
  Operand from_w(burst, tiling.w_places, tiling.w_l2_places, &traffic);
  std::vector<std::vector<int64_t>> keys(cuts.rows.size() * cuts.depth.size());
  ForEachStep(
      cuts, tiling.rows_outer,
      [&](const RowTile& rows, const ColumnTile& columns, const DepthTile& depth) {
        std::vector<int64_t>& needed = keys[static_cast<size_t>(rows.index) * cuts.depth.size() +
                                            static_cast<size_t>(depth.index)];
        if (needed.empty()) a.Keys(rows, depth, &needed);
        for (const int64_t key : needed) {
          from_a.Touch(key, [&a](int64_t k) { return a.Blocks(k); });
        }
        from_w.Touch(w.Key(rows.batch, depth, columns), [&w](int64_t k) { return w.Blocks(k); });
        if (traffic.first_bytes == 0) traffic.first_bytes = traffic.dram_bytes;
      });
  AddTiles(problem, cuts, shape, machine, &traffic);
  return traffic;
}

}  // namespace strata::compiler
