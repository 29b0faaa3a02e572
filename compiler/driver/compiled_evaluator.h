// CompiledEvaluator: the compiler's Evaluator. Compiles a graph at its first call with given sizes, loads it on a
// device, keeps the executable; later calls run. Graphs with symbols run through a DynamicExecutable each: guards,
// buckets, counts. Evaluate is thread-safe.
#ifndef STRATA_COMPILER_DRIVER_COMPILED_EVALUATOR_H_
#define STRATA_COMPILER_DRIVER_COMPILED_EVALUATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/dynamic_executable.h"
#include "framework/graph/evaluator.h"

namespace strata::compiler {

class CompiledEvaluator : public graph::Evaluator {
 public:
  struct Options {
    std::string compiler = "strata";
    std::string device = "cpu";
    DeviceOptions device_options;
    CompileOptions compile_options;
    chips::Chip chip;  // unset: a nameless generic chip (choices on the CPU need no figures)
    std::map<std::string, SymbolSpec> symbols;  // of the graphs that have them; else exact
    int capacity = 64;                          // plans kept a graph
  };
  static absl::StatusOr<std::unique_ptr<CompiledEvaluator>> Create(Options options);

  absl::StatusOr<std::vector<graph::HostTensor>> Evaluate(
      const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) override;

  // What Evaluate runs a graph with: its counts and guards. Owned here.
  absl::StatusOr<DynamicExecutable*> Dynamic(const graph::Graph& graph);

  // The loaded plan for a graph whose symbols take the given sizes; compiled when it is not there yet. Owned here;
  // not thread-safe. For callers that want the plan itself and know their sizes.
  struct Loaded {
    plan::Plan plan;
    std::unique_ptr<Executable> executable;
  };
  absl::StatusOr<Loaded*> Load(const graph::Graph& graph,
                               const std::map<std::string, int64_t>& sizes);

 private:
  explicit CompiledEvaluator(Options options) : options_(std::move(options)) {}
  Options options_;
  std::unique_ptr<Compiler> compiler_;
  std::unique_ptr<Device> device_;
  std::map<std::string, std::unique_ptr<Loaded>> loaded_;  // key: graph fingerprint and sizes
  std::mutex mutex_;
  std::map<uint64_t, std::unique_ptr<DynamicExecutable>> dynamic_;  // by graph fingerprint
};

// Registers "compiled" in graph::EvaluatorRegistry().
void RegisterCompiledEvaluator();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_COMPILED_EVALUATOR_H_
