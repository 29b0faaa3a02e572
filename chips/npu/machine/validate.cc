#include <algorithm>
#include <set>

#include "chips/npu/machine/figures.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/machine/validate_davinci.h"
#include "chips/numerics/dtype.h"

namespace strata::chips::npu {
namespace {

absl::Status CheckTypes(const Array& array) {
  if (array.types().empty()) return Bad("array.types", "is empty; give I8, BF16 or another");
  std::set<int> seen;
  for (int i = 0; i < array.types_size(); ++i) {
    const DType type = array.types(i);
    const bool known = type == I8 || type == BF16 || IsFloat8(type);
    if (!known || !seen.insert(type).second) {
      return Bad(absl::StrCat("array.types[", i, "]"),
                 "give I8, BF16, F8_E4M3 and F8_E5M2, each at most once");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckArray(const Array& array) {
  STRATA_RETURN_IF_ERROR(CheckFigure("array.rows", array.has_rows(), array.rows(), kCount));
  STRATA_RETURN_IF_ERROR(
      CheckFigure("array.columns", array.has_columns(), array.columns(), kCount));
  STRATA_RETURN_IF_ERROR(
      CheckFigure("array.arrays", array.has_arrays(), array.arrays(), {1, 64, true}));
  const bool stationary = array.dataflow() == WEIGHT_STATIONARY;
  if (!stationary && array.dataflow() != OUTPUT_STATIONARY) {
    return Bad("array.dataflow", "is unset; give WEIGHT_STATIONARY or OUTPUT_STATIONARY");
  }
  if (stationary) {
    STRATA_RETURN_IF_ERROR(
        CheckFigure("array.planes", array.has_planes(), array.planes(), {1, 16, true}));
  } else if (array.has_planes()) {
    return Bad("array.planes", "is set, but an OUTPUT_STATIONARY array holds no weights");
  }
  return CheckTypes(array);
}

absl::Status CheckDram(const Machine& m) {
  STRATA_RETURN_IF_ERROR(CheckMemory("dram", m.has_dram(), m.dram()));
  if (m.dram().banks() != 1) return Bad("dram.banks", "give 1: its banks are not modelled");
  STRATA_RETURN_IF_ERROR(CheckFigure("dram_bytes_per_second", m.has_dram_bytes_per_second(),
                                     m.dram_bytes_per_second(), kRate));
  STRATA_RETURN_IF_ERROR(CheckFigure("dram_latency_cycles", m.has_dram_latency_cycles(),
                                     m.dram_latency_cycles(), kCycles));
  return CheckFigure("dram_burst_bytes", m.has_dram_burst_bytes(), m.dram_burst_bytes(),
                     {1, 65536, true});
}

absl::Status CheckMemories(const Machine& m) {
  if (m.has_l2()) {
    STRATA_RETURN_IF_ERROR(CheckMemory("l2", true, m.l2()));
    STRATA_RETURN_IF_ERROR(CheckFigure("l2_bytes_per_cycle", m.has_l2_bytes_per_cycle(),
                                       m.l2_bytes_per_cycle(), {1, 65536, true}));
  } else if (m.has_l2_bytes_per_cycle()) {
    return Bad("l2_bytes_per_cycle", "is set, but there is no l2");
  }
  STRATA_RETURN_IF_ERROR(CheckMemory("l1", m.has_l1(), m.l1()));
  STRATA_RETURN_IF_ERROR(CheckMemory("accumulators", m.has_accumulators(), m.accumulators()));
  if (m.accumulators().alignment_bytes() < 4) {
    return Bad("accumulators.alignment_bytes", "give at least 4: elements have 4 bytes");
  }
  return absl::OkStatus();
}

absl::Status CheckEnergy(const Machine& m) {
  if (HasType(m, I8)) {
    STRATA_RETURN_IF_ERROR(CheckFigure("picojoules_per_mac_i8", m.has_picojoules_per_mac_i8(),
                                       m.picojoules_per_mac_i8(), kEnergy));
  }
  if (HasType(m, BF16)) {
    STRATA_RETURN_IF_ERROR(CheckFigure("picojoules_per_mac_bf16", m.has_picojoules_per_mac_bf16(),
                                       m.picojoules_per_mac_bf16(), kEnergy));
  }
  if (HasType(m, F8_E4M3) || HasType(m, F8_E5M2)) {
    STRATA_RETURN_IF_ERROR(CheckFigure("picojoules_per_mac_f8", m.has_picojoules_per_mac_f8(),
                                       m.picojoules_per_mac_f8(), kEnergy));
  }
  return CheckFigure("picojoules_per_vector_op", m.has_picojoules_per_vector_op(),
                     m.picojoules_per_vector_op(), kEnergy);
}

}  // namespace

bool HasType(const Machine& machine, DType type) {
  const auto& types = machine.has_davinci() ? machine.davinci().types() : machine.array().types();
  return std::find(types.begin(), types.end(), type) != types.end();
}

absl::Status ValidateMachine(const Machine& m) {
  if (m.version() != kMachineVersion) {
    return Bad("version",
               absl::StrCat("is ", m.version(), "; this build reads version ", kMachineVersion));
  }
  if (m.name().empty()) return Bad("name", "is empty; give the catalogue's key");
  STRATA_RETURN_IF_ERROR(
      CheckFigure("clock_hz", m.has_clock_hz(), m.clock_hz(), {1e3, 1e11, true}));
  STRATA_RETURN_IF_ERROR(CheckFigure("vector_latency_cycles", m.has_vector_latency_cycles(),
                                     m.vector_latency_cycles(), kCycles));
  STRATA_RETURN_IF_ERROR(CheckFigure("queue_depth", m.has_queue_depth(), m.queue_depth(), kCount));
  STRATA_RETURN_IF_ERROR(CheckDram(m));
  if (m.has_davinci()) return CheckDavinci(m);
  STRATA_RETURN_IF_ERROR(CheckArray(m.array()));
  STRATA_RETURN_IF_ERROR(
      CheckFigure("vector_lanes", m.has_vector_lanes(), m.vector_lanes(), {1, 65536, true}));
  STRATA_RETURN_IF_ERROR(CheckFigure("special_function_passes", m.has_special_function_passes(),
                                     m.special_function_passes(), kCount));
  STRATA_RETURN_IF_ERROR(CheckMemories(m));
  return CheckEnergy(m);
}

}  // namespace strata::chips::npu
