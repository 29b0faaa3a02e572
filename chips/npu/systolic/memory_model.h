// Cycles of a layer with its scratchpads and DRAM, as SCALE-Sim v3 simulates them.
//
//   MemoryConfig memory{.mode = MemoryMode::kUser, .ifmap_bytes = 65536, ..., .bandwidth = 10};
//   STRATA_ASSIGN_OR_RETURN(const MemoryReport report, RunMemory(layer, array, dataflow, memory));
//
// Each cycle of each fold asks the ifmap's and the filter's scratchpad for words and hands words to the
// ofmap's (operand_stream.h, sram_buffers.h); the array waits for the slowest of the three. A word is a byte.
// Unlike RunLayer() this costs time for every word of every cycle.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_MEMORY_MODEL_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_MEMORY_MODEL_H_

#include <cstdint>

#include "base/status.h"
#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/sram_buffers.h"
#include "chips/npu/systolic/topology.h"

namespace strata::chips::systolic {

enum class MemoryMode {
  kCalc,  // no stalls of operands: estimates the bandwidth they need
  kUser,  // DRAM gives `bandwidth`: stalls
};

struct MemoryConfig {
  MemoryMode mode = MemoryMode::kCalc;
  int64_t ifmap_bytes = int64_t{1} << 20;  // of the scratchpads; 1 KiB ... 1 GiB, even
  int64_t filter_bytes = int64_t{1} << 20;
  int64_t ofmap_bytes = int64_t{1} << 20;
  int64_t bandwidth = 10;  // words a cycle of each scratchpad to DRAM, 1 ... 65536; kUser
};

struct MemoryReport {
  int64_t cycles = 0;  // with stalls
  int64_t stall_cycles = 0;
  int64_t cycles_with_prefetch = 0;  // from the first word read to the last one written
  double overall_utilization = 0;    // per cent: macs / (cycles * PEs)
  DramTraffic ifmap, filter, ofmap;
};

inline constexpr int64_t kMaxOperandWords = int64_t{1} << 28;

// INVALID_ARGUMENT for a config out of range; UNIMPLEMENTED for operands of more than kMaxOperandWords.
absl::Status CheckMemory(const MemoryConfig& memory);
absl::StatusOr<MemoryReport> RunMemory(const TopologyLayer& layer, const ArrayShape& array,
                                       Dataflow dataflow, const MemoryConfig& memory);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_MEMORY_MODEL_H_
