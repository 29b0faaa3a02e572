// DynamicExecutable: a graph with symbolic dims that runs on inputs of any sizes its guards let through. It reads the
// sizes, puts each into its bucket, compiles when there is no plan for the buckets yet, and keeps the plans last used.
//
//   DynamicExecutable::Options options;
//   options.symbols["B"] = {.max = 64, .bucketing = Bucketing::kPowerOfTwo};
//   STRATA_ASSIGN_OR_RETURN(auto executable, DynamicExecutable::Create(graph, options));
//   STRATA_ASSIGN_OR_RETURN(auto outputs, executable->Run(inputs));        // B = 5: runs the plan for 8
//   executable->statistics().compiles;
//
// Results are those of a plan made for the sizes as they are (up to rounding: another size may sum in another order).
// Thread-safe: callers of one bucket wait for one compilation, and each running caller has an executable of its own.
#ifndef STRATA_COMPILER_DRIVER_DYNAMIC_EXECUTABLE_H_
#define STRATA_COMPILER_DRIVER_DYNAMIC_EXECUTABLE_H_

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/shape_guards.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

class DynamicExecutable {
 public:
  struct Options {
    std::string compiler = "strata";
    std::string device = "cpu";
    DeviceOptions device_options;
    CompileOptions compile_options;
    chips::Chip chip;  // unset: a nameless generic chip
    std::map<std::string, SymbolSpec> symbols;
    int capacity = 16;  // plans kept, >= 1; the one used longest ago goes first
  };

  struct Statistics {
    int64_t calls = 0;           // that passed the guards; = hits + compiles
    int64_t hits = 0;            // found a plan (made, or being made by another caller)
    int64_t compiles = 0;        // begun
    int64_t failures = 0;        // of those, without a plan at the end
    int64_t evictions = 0;       // plans that made room for another
    int64_t padded = 0;          // calls whose inputs were padded to their bucket
    int64_t guard_failures = 0;  // calls that were refused
    // Compilations by reason; sums to `compiles`. "first call"; "evicted" (there was a plan once); else which of the
    // last call's guards failed: "new size of T", "new bucket of B", or several joined by ", ".
    std::map<std::string, int64_t> compiles_by_reason;
  };

  // One compilation: its reason as above, and the guard that failed with its figures:
  // "B: the last call's plan is for 8, not 16; compiled for B = 16, T = 32".
  struct Recompile {
    std::string reason;
    std::string detail;
  };

  static absl::StatusOr<std::unique_ptr<DynamicExecutable>> Create(const graph::Graph& graph,
                                                                   Options options);

  // Like graph::Evaluator::Evaluate. INVALID_ARGUMENT names the input, dim and symbol of the guard that failed.
  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs);

  Statistics statistics() const;
  std::vector<Recompile> recompiles() const;  // the last 64, oldest first
  const ShapeGuards& guards() const { return guards_; }

 private:
  struct Version;  // one plan
  DynamicExecutable(graph::Graph graph, Options options, ShapeGuards guards);

  absl::StatusOr<std::shared_ptr<Version>> Find(const SymbolSizes& buckets);
  absl::Status Compile(Version* version);
  absl::StatusOr<std::unique_ptr<Executable>> Take(Version* version);
  Recompile Explain(const SymbolSizes& buckets) const;
  void CountCompile(const SymbolSizes& buckets);
  void EvictBeyondCapacity();
  void Forget(const std::shared_ptr<Version>& version);
  std::vector<graph::HostTensor> Padded(absl::Span<const graph::HostTensor> inputs,
                                        const SymbolSizes& buckets) const;
  void CutToSize(const SymbolSizes& sizes, std::vector<graph::HostTensor>* outputs) const;

  const graph::Graph graph_;
  const Options options_;
  const ShapeGuards guards_;
  std::unique_ptr<Compiler> compiler_;
  std::unique_ptr<Device> device_;

  std::mutex compile_mutex_;  // one compilation, or load of a plan, at a time
  mutable std::mutex mutex_;  // of all below
  Statistics statistics_;
  std::deque<Recompile> recompiles_;
  std::list<std::shared_ptr<Version>> versions_;  // used last in front
  std::set<SymbolSizes> evicted_;
  SymbolSizes last_;  // buckets of the last call
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_DYNAMIC_EXECUTABLE_H_
