// Pass: one rewrite of a Graph. A pipeline runs passes in order with the verifier between them.
//
//   PassContext context;
//   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Pass> pass, PassRegistry().Create("dce"));
//   STRATA_ASSIGN_OR_RETURN(bool changed, pass->Run(context, &graph));
//
// A pass keeps what the graph computes (the conformance suite holds it to the interpreter), keeps
// origins, and may assume a verified graph. One pass a file; `strata opt --pass=NAME` runs one on
// text.
#ifndef STRATA_COMPILER_PASS_PASS_H_
#define STRATA_COMPILER_PASS_PASS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/registry.h"
#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct PassContext {
  // Composite ops the target runs as they stand; `decompose` takes the others apart.
  std::vector<std::string> library_ops;
  // By op: pairs (input, output) that its routine can keep in one storage.
  std::map<std::string, std::vector<std::pair<int, int>>> library_in_place;
  // Whether the compiler makes the kernel of a matrix product itself, so that others may join it. Unset: of none.
  std::function<bool(const graph::OpCall&)> emits_product;
  // Bytes of traffic that it must save before others may: what such a kernel is slower by itself. Unset: none.
  std::function<int64_t(const graph::OpCall&)> epilogue_price;
  // Whether an NPU has a program for a group of nodes, given as a graph of its own. Unset: for all.
  std::function<absl::Status(const graph::Graph& region)> npu_accepts;
  // What the whole plan may take of memory: inputs, results and temporaries. 0: no budget.
  uint64_t memory_budget_bytes = 0;
  // What the rest of the pipeline would make of a graph: the same sum, planned. Unset: passes estimate it.
  std::function<absl::StatusOr<uint64_t>(const graph::Graph&)> planned_peak;
  // Where passes add up the flops that they have done twice to save memory; may be null.
  double* recomputed_flops = nullptr;
  // Called after each pass that a pipeline ran: its name, whether it changed the graph, and the
  // graph.
  std::function<void(absl::string_view pass, bool changed, const graph::Graph&)> observer;
};

class Pass {
 public:
  virtual ~Pass() = default;
  virtual absl::string_view name() const = 0;
  // True when the graph changed.
  virtual absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) = 0;
};

inline Registry<Pass>& PassRegistry() {
  static Registry<Pass>* registry = new Registry<Pass>("pass");
  return *registry;
}

// Fills PassRegistry() with every pass of this folder. Idempotent.
void RegisterAllPasses();

// Runs the named passes in order. After each that changed the graph the verifier runs; its fault is
// INTERNAL and names the pass.
absl::Status RunPipeline(const std::vector<std::string>& passes, const PassContext& context,
                         graph::Graph* graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_PASS_H_
