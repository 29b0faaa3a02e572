// ShapeGuards: what a graph with symbolic dims asks of the sizes it is given, and into which bucket a size falls.
//
//   SymbolSpec batch{.min = 1, .max = 64, .bucketing = Bucketing::kPowerOfTwo};
//   SymbolSpec tokens{.max = 1024, .multiple_of = 16};
//   STRATA_ASSIGN_OR_RETURN(auto guards, ShapeGuards::Create(graph, {{"B", batch}, {"T", tokens}}));
//   STRATA_ASSIGN_OR_RETURN(SymbolSizes sizes, guards.Check(inputs));   // or which guard failed
//   guards.BucketOf("B", 5);                                            // 8
//
// Guards: every input has its dtype, rank and known dims; the same symbol is the same size everywhere; sizes are within
// their range and a multiple of what is declared. A symbol is put into buckets larger than its size only when
// CheckPaddable (padding.h) proves that this changes no result; else it is exact, and WhyExact() says why.
// Immutable, so thread-safe.
#ifndef STRATA_COMPILER_DRIVER_SHAPE_GUARDS_H_
#define STRATA_COMPILER_DRIVER_SHAPE_GUARDS_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::compiler {

enum class Bucketing {
  kExact,       // a plan for each size
  kPowerOfTwo,  // multiple_of · 2^k, at most max
  kList,        // `buckets`; a size above the last is exact
};

// What the caller promises of a symbol; the guards hold them to it.
struct SymbolSpec {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
  int64_t multiple_of = 1;  // >= 1; of the real sizes
  Bucketing bucketing = Bucketing::kExact;
  std::vector<int64_t> buckets = {};  // kList: ascending, each >= 1
};

using SymbolSizes = std::map<std::string, int64_t>;

class ShapeGuards {
 public:
  // Symbols without a spec are exact and unbounded. INVALID_ARGUMENT for a spec that cannot hold, NOT_FOUND for one of
  // a symbol that no input has.
  static absl::StatusOr<ShapeGuards> Create(const graph::Graph& graph,
                                            const std::map<std::string, SymbolSpec>& specs);

  // INVALID_ARGUMENT names the input, dim and symbol, what it is and what it must be.
  absl::StatusOr<SymbolSizes> Check(absl::Span<const graph::HostTensor> inputs) const;

  // The size a plan is made for. 0 stays 0. `size` has passed Check.
  int64_t BucketOf(const std::string& symbol, int64_t size) const;

  // Names of the graph's input symbols, sorted.
  std::vector<std::string> Symbols() const;

  // Why a symbol that asked for buckets has none; "" otherwise.
  std::string WhyExact(const std::string& symbol) const;

  // One line a symbol: "B: 1 <= B <= 64, B % 4 == 0; next power of two".
  std::string ToString() const;

 private:
  struct Symbol {
    SymbolSpec spec;
    std::string why_exact;
  };
  struct Input {
    std::string name;
    graph::TensorType type;
  };
  absl::Status CheckSize(const std::string& symbol, int64_t size) const;

  std::string graph_name_;
  std::vector<Input> inputs_;
  std::map<std::string, Symbol> symbols_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_SHAPE_GUARDS_H_
