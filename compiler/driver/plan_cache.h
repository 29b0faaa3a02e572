// PlanCache: plans kept on disk, so that a graph compiled once is not compiled again by the next process.
//
//   STRATA_ASSIGN_OR_RETURN(plan::Plan plan, CompileCached(*compiler, "strata", graph, chip, options, /*cache_dir=*/""));
//
// A plan is a function of the graph, the chip, the options, this machine's CPU, the libraries and the compiler itself;
// the key covers them all, the compiler by the identity of the running program. An entry that is damaged, or was made
// for another key that hashes alike, counts as not there.
#ifndef STRATA_COMPILER_DRIVER_PLAN_CACHE_H_
#define STRATA_COMPILER_DRIVER_PLAN_CACHE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/compiler.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Equal for equal compilations on this machine by this program; 32 hexadecimal digits.
std::string PlanKey(const graph::Graph& graph, const chips::Chip& chip,
                    const CompileOptions& options, absl::string_view compiler);

class PlanCache {
 public:
  // `dir` is made by the first Put.
  explicit PlanCache(std::string dir) : dir_(std::move(dir)) {}

  std::optional<plan::Plan> Find(const std::string& key) const;

  // Atomic: readers see a whole entry or none.
  absl::Status Put(const std::string& key, const plan::Plan& plan) const;

  std::string PathOf(const std::string& key) const;

 private:
  std::string dir_;
};

// The plan from the cache in `cache_dir` ("": DefaultCacheDir()), or from `compiler`, whose name in the registry is
// `name`. Not cached: programs outside ("exec:..."), which may change unseen, and compilations that are observed or asked what they recompute. A
// folder that cannot be written costs time, not the result.
absl::StatusOr<plan::Plan> CompileCached(Compiler& compiler, const std::string& name,
                                         const graph::Graph& graph, const chips::Chip& chip,
                                         const CompileOptions& options,
                                         const std::string& cache_dir);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PLAN_CACHE_H_
