// Checks of the Chip and Cluster contracts, made once where a message enters; what is behind trusts
// it.
//
//   STRATA_RETURN_IF_ERROR(ValidateChip(chip));
//   // chip 'h100': rates[2].flops_per_second.source: is empty; name the data sheet, ...
//
// Errors are INVALID_ARGUMENT and read: message, path to the field, what is wrong, what to do.
#ifndef STRATA_CHIPS_SPEC_VALIDATE_H_
#define STRATA_CHIPS_SPEC_VALIDATE_H_

#include <cstdint>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "chips/spec/cluster.pb.h"

namespace strata::chips {

inline constexpr uint32_t kChipVersion = 1;
inline constexpr uint32_t kClusterVersion = 1;
inline constexpr int64_t kMaxClusterChips = int64_t{1} << 24;

// Besides each field's own domain: no two rates for one (dtype, matrix_unit), no two memories of
// one name, exactly one main memory, last and larger than any other level, and no level slower than
// one further away.
absl::Status ValidateChip(const Chip& chip);

// Does not look up `cluster.chip()`: FindChip() does.
absl::Status ValidateCluster(const Cluster& cluster);

// Product of the levels' sizes; 1 without levels. For a valid cluster.
int64_t ChipCount(const Cluster& cluster);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_VALIDATE_H_
