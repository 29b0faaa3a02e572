// PassDump: a folder with the graph after each pass, and what each pass changed.
//
//   STRATA_ASSIGN_OR_RETURN(auto dump, PassDump::Create("dump", graph));
//   options.observer = dump->observer();
//   STRATA_ASSIGN_OR_RETURN(plan::Plan plan, compiler->Compile(graph, chip, options));
//   STRATA_RETURN_IF_ERROR(dump->Finish());
//
// Writes 00-input.graph, then NN-PASS.graph and NN-PASS.diff for each pass in its order, and at the end passes.txt, the
// table of them. A graph is its text form, so `strata opt` and `strata compile` take up from any of them. A diff opens
// with the nodes that came and went and is a unified diff, against the pass before, that `patch` applies; a pass that
// changed nothing leaves a diff that says so.
#ifndef STRATA_COMPILER_TOOLS_PASS_DUMP_H_
#define STRATA_COMPILER_TOOLS_PASS_DUMP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "compiler/tools/graph_census.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

class PassDump {
 public:
  struct Pass {
    std::string name;
    bool changed = false;  // by the pass's own word
    GraphChange change;
    int lines_added = 0, lines_removed = 0;
  };

  // Makes the folder and writes the input. Older dumps in it (NN-*.graph, NN-*.diff, passes.txt) are removed first.
  static absl::StatusOr<std::unique_ptr<PassDump>> Create(const std::string& folder,
                                                          const graph::Graph& input);

  // For CompileOptions.observer and PassContext.observer. Must not outlive this.
  std::function<void(absl::string_view pass, bool changed, const graph::Graph&)> observer();

  const std::vector<Pass>& passes() const { return passes_; }

  // The table as text: a line a pass.
  std::string Summary() const;

  // Writes passes.txt. The first error of any write, if there was one; FAILED_PRECONDITION when no pass ran.
  absl::Status Finish();

 private:
  PassDump(std::string folder, const graph::Graph& input);
  absl::Status Write(const std::string& name, const std::string& content) const;
  absl::Status Add(const std::string& pass, bool changed, const graph::Graph& graph);

  std::string folder_;
  graph::Graph last_;
  std::string last_text_;
  std::string last_name_ = "00-input";
  std::vector<Pass> passes_;
  int input_nodes_;
  absl::Status status_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_PASS_DUMP_H_
