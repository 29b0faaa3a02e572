#include "chips/npu/machine/validate_davinci.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "chips/npu/machine/figures.h"
#include "chips/npu/machine/machine.h"

namespace strata::chips::npu {
namespace {

constexpr uint32_t kUbBlock = 32;

absl::Status CheckTypes(const DavinciParts& parts) {
  if (parts.types().empty()) return Bad("davinci.types", "is empty; give I8, F16 or both");
  std::set<int> seen;
  for (int i = 0; i < parts.types_size(); ++i) {
    const int type = parts.types(i);
    if ((type != I8 && type != F16) || !seen.insert(type).second) {
      return Bad(absl::StrCat("davinci.types[", i, "]"), "give I8 and F16, each at most once");
    }
  }
  return absl::OkStatus();
}

// Buffers whose layout fixes their alignment.
absl::Status CheckBuffer(const std::string& path, bool present, const Memory& memory,
                         uint32_t alignment) {
  STRATA_RETURN_IF_ERROR(CheckMemory(path, present, memory));
  if (memory.alignment_bytes() == alignment) return absl::OkStatus();
  return Bad(absl::StrCat(path, ".alignment_bytes"),
             absl::StrCat("is ", memory.alignment_bytes(), "; the layout asks for ", alignment));
}

absl::Status CheckRates(const DavinciParts& parts) {
  STRATA_RETURN_IF_ERROR(CheckFigure("davinci.cube_latency_cycles", parts.has_cube_latency_cycles(),
                                     parts.cube_latency_cycles(), kCycles));
  STRATA_RETURN_IF_ERROR(CheckFigure("davinci.l1_bytes_per_cycle", parts.has_l1_bytes_per_cycle(),
                                     parts.l1_bytes_per_cycle(), {1, 65536, true}));
  STRATA_RETURN_IF_ERROR(CheckFigure("davinci.ub_bytes_per_cycle", parts.has_ub_bytes_per_cycle(),
                                     parts.ub_bytes_per_cycle(), {kUbBlock, 65536, true}));
  if (static_cast<uint32_t>(parts.ub_bytes_per_cycle().value()) % kUbBlock != 0) {
    return Bad("davinci.ub_bytes_per_cycle.value", "is no multiple of UB's blocks of 32 bytes");
  }
  return absl::OkStatus();
}

// Figures of the array core would go unused.
absl::Status CheckNothingElse(const Machine& m) {
  const std::pair<bool, const char*> others[] = {
      {m.has_array(), "array"},
      {m.has_vector_lanes(), "vector_lanes"},
      {m.has_l2(), "l2"},
      {m.has_l2_bytes_per_cycle(), "l2_bytes_per_cycle"},
      {m.has_accumulators(), "accumulators"},
      {m.has_special_function_passes(), "special_function_passes"},
      {m.has_picojoules_per_mac_f8(), "picojoules_per_mac_f8"},
      {m.has_picojoules_per_mac_bf16(), "picojoules_per_mac_bf16"}};
  for (const auto& [present, path] : others) {
    if (present) return Bad(path, "is set, but the machine is a DaVinci core");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDavinci(const Machine& m) {
  STRATA_RETURN_IF_ERROR(CheckNothingElse(m));
  const DavinciParts& parts = m.davinci();
  STRATA_RETURN_IF_ERROR(CheckTypes(parts));
  STRATA_RETURN_IF_ERROR(CheckRates(parts));
  STRATA_RETURN_IF_ERROR(CheckMemory("l1", m.has_l1(), m.l1()));
  STRATA_RETURN_IF_ERROR(CheckBuffer("davinci.l0a", parts.has_l0a(), parts.l0a(), 512));
  STRATA_RETURN_IF_ERROR(CheckBuffer("davinci.l0b", parts.has_l0b(), parts.l0b(), 512));
  STRATA_RETURN_IF_ERROR(CheckBuffer("davinci.l0c", parts.has_l0c(), parts.l0c(), 64));
  STRATA_RETURN_IF_ERROR(CheckBuffer("davinci.ub", parts.has_ub(), parts.ub(), 32));
  if (HasType(m, I8)) {
    STRATA_RETURN_IF_ERROR(CheckFigure("picojoules_per_mac_i8", m.has_picojoules_per_mac_i8(),
                                       m.picojoules_per_mac_i8(), kEnergy));
  }
  if (HasType(m, F16)) {
    STRATA_RETURN_IF_ERROR(CheckFigure("davinci.picojoules_per_mac_f16",
                                       parts.has_picojoules_per_mac_f16(),
                                       parts.picojoules_per_mac_f16(), kEnergy));
  }
  return CheckFigure("picojoules_per_vector_op", m.has_picojoules_per_vector_op(),
                     m.picojoules_per_vector_op(), kEnergy);
}

}  // namespace strata::chips::npu
