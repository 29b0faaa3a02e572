#include "compiler/driver/tuned_products.h"

#include <omp.h>

#include <memory>
#include <optional>
#include <utility>

#include "compiler/tune/gemm_tuning.h"
#include "compiler/tune/tuning_log.h"

namespace strata::compiler {

absl::StatusOr<GemmRecords> TunedProducts(const std::string& path, const std::string& isa,
                                          int threads) {
  if (path.empty()) return GemmRecords();
  STRATA_ASSIGN_OR_RETURN(tune::TuningLog opened, tune::TuningLog::Open(path));
  auto log = std::make_shared<const tune::TuningLog>(std::move(opened));
  if (threads <= 0) threads = omp_get_max_threads();
  return GemmRecords([log, isa, threads](const GemmProblem& problem) -> std::optional<GemmRecord> {
    const std::optional<tune::TunedGemm> tuned = tune::TunedGemmConfig(*log, problem, isa, threads);
    if (!tuned.has_value()) return std::nullopt;
    return GemmRecord{tuned->config, tuned->seconds, tuned->library_seconds,
                      tuned->epilogue_config};
  });
}

}  // namespace strata::compiler
