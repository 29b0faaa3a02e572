// CountTraffic(): what a tiling of a product moves, counted load by load.
#ifndef STRATA_COMPILER_NPU_PRODUCT_TRAFFIC_H_
#define STRATA_COMPILER_NPU_PRODUCT_TRAFFIC_H_

#include <cstdint>

#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/product_panels.h"
#include "compiler/npu/product_tiling.h"

namespace strata::compiler {

struct ProductTraffic {
  int64_t dram_bytes = 0;  // whole bursts: loads, and the stores and loads of tiles of C's shape
  int64_t dram_instructions = 0;
  int64_t moved_bytes = 0;  // from L2 to L1
  int64_t first_bytes = 0;  // of DRAM, before the first product can start
};

ProductTraffic CountTraffic(const chips::npu::Machine& machine, const ProductProblem& problem,
                            const ProductTiling& tiling, const ProductCuts& cuts, const APanels& a,
                            const WPanels& w, const EpilogueShape& shape);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_TRAFFIC_H_
