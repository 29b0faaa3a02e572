// Checks of one figure and of one memory, each by the path of its field.
#ifndef STRATA_CHIPS_NPU_MACHINE_FIGURES_H_
#define STRATA_CHIPS_NPU_MACHINE_FIGURES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

// INVALID_ARGUMENT: "PATH: WHAT".
absl::Status Bad(absl::string_view path, absl::string_view what);

// A number's domain, beyond being there, finite and sourced.
struct Domain {
  double low;
  double high;
  bool whole;
};

inline constexpr Domain kCount = {1, 1024, true};
inline constexpr Domain kCycles = {0, 1e6, true};
inline constexpr Domain kBytes = {1, 0x1p40, true};
inline constexpr Domain kRate = {1, 1e15, true};
inline constexpr Domain kEnergy = {0, 1e9, false};

// There, within the domain, and sourced.
absl::Status CheckFigure(absl::string_view path, bool present, const Figure& figure,
                         const Domain& domain);

absl::Status CheckMemory(const std::string& path, bool present, const Memory& memory);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_MACHINE_FIGURES_H_
