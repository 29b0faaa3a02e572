// PanelLoader: one operand's way from DRAM to its places in L1, straight or by places in L2.
//
//   PanelLoader loader(layout.a, layout.a_l2, &builder);
//   const int64_t address = loader.Touch(key, [&](int64_t k) { return panels.Blocks(k); });
#ifndef STRATA_COMPILER_NPU_PANEL_LOADER_H_
#define STRATA_COMPILER_NPU_PANEL_LOADER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "chips/npu/isa/array_isa.h"
#include "compiler/npu/dma.h"
#include "compiler/npu/place_cache.h"
#include "compiler/npu/product_panels.h"
#include "compiler/npu/program_builder.h"
#include "compiler/npu/scratchpad.h"

namespace strata::compiler {

class PanelLoader {
 public:
  PanelLoader(const Places& l1, const Places& l2, ProgramBuilder* builder)
      : l1_(l1), l2_(l2), cache_(l1.count), builder_(*builder) {
    if (l2.count > 0) l2_cache_.emplace(l2.count);
  }

  // The panel's address in L1.
  template <typename Blocks>
  int64_t Touch(int64_t key, Blocks blocks) {
    const PlaceCache::Found found = cache_.Touch(key);
    const int64_t to = l1_.address(found.place);
    if (!found.hit) Load(key, to, blocks(key));
    return to;
  }

 private:
  void Load(int64_t key, int64_t to, const std::vector<Block>& blocks) {
    if (!l2_cache_.has_value()) return Copy(chips::npu::kLdL1, to, blocks, std::nullopt);
    const PlaceCache::Found found = l2_cache_->Touch(key);
    const int64_t stop = l2_.address(found.place);
    if (!found.hit) Copy(chips::npu::kLdL2, stop, blocks, std::nullopt);
    Copy(chips::npu::kMvL1, to, blocks, stop);
  }

  // From DRAM, or from the same places of a panel at `from`.
  void Copy(uint8_t opcode, int64_t to, const std::vector<Block>& blocks,
            std::optional<int64_t> from) {
    for (const Block& block : blocks) {
      RowCopy copy = {to + block.offset, block.dram,  block.rows,
                      block.row_bytes,   block.pitch, block.dram_stride};
      if (from.has_value()) copy.src = *from + block.offset, copy.src_stride = block.pitch;
      EmitRows(opcode, copy, &builder_);
    }
  }

  const Places l1_, l2_;
  PlaceCache cache_;
  std::optional<PlaceCache> l2_cache_;
  ProgramBuilder& builder_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PANEL_LOADER_H_
