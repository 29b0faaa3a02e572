// TunedProducts: what a tuning log knows of matrix products on this machine, as the GemmChooser asks for it.
//
//   STRATA_ASSIGN_OR_RETURN(target.gemm_records, TunedProducts("gemm.tuning", HostIsa(), /*threads=*/2));
#ifndef STRATA_COMPILER_DRIVER_TUNED_PRODUCTS_H_
#define STRATA_COMPILER_DRIVER_TUNED_PRODUCTS_H_

#include <string>

#include "base/status.h"
#include "compiler/driver/gemm_choice.h"

namespace strata::compiler {

// Reads the log at `path` once; nullptr for "", and an empty log where there is no file. `threads` are those that the
// plan will run on, 0: $OMP_NUM_THREADS or all cores. INVALID_ARGUMENT when the file is no tuning log.
absl::StatusOr<GemmRecords> TunedProducts(const std::string& path, const std::string& isa,
                                          int threads);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_TUNED_PRODUCTS_H_
