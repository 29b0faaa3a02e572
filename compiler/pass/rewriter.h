// Rewriter: rebuilds a graph node by node; what most passes are made of.
//
//   Rewriter rewriter(graph);
//   for (const graph::Node& node : rewriter.source().nodes()) {
//     if (IsIdentity(node)) {
//       rewriter.Replace(node.outputs(0), node.inputs(0));   // later nodes read the input instead
//     } else {
//       rewriter.Keep(node);
//     }
//   }
//   return rewriter.Finish(graph);
//
// Value ids stay as they are until Finish() drops the values that nothing makes any more and
// renumbers the rest. A new value that replaces a dropped one takes over its name and
// `gradient_of`. Every step is constant time, so a pass stays linear.
#ifndef STRATA_COMPILER_PASS_REWRITER_H_
#define STRATA_COMPILER_PASS_REWRITER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/builder.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

class Rewriter {
 public:
  // Neither copies nor owns the source; it must stay unchanged until Finish().
  explicit Rewriter(const graph::Graph* source);

  const graph::Graph& source() const { return *source_; }

  // What `value` has been replaced by, or itself.
  graph::ValueId Resolve(graph::ValueId value) const;

  // From here on `by` (already made) stands for `old`.
  void Replace(graph::ValueId old, graph::ValueId by);

  // Appends a node; its operands are resolved, its outputs stay.
  void Keep(graph::Node node);

  // Makes new nodes, with the origin given: the function applies them to the builder; they are
  // appended in order. Errors are INTERNAL: a rewrite makes only legal nodes.
  using Grow = std::function<absl::StatusOr<std::vector<graph::ValueId>>(graph::Builder&)>;
  absl::StatusOr<std::vector<graph::ValueId>> Make(const std::string& origin, const Grow& grow);
  // The same, but hands the nodes to the caller, who passes them to Keep() (perhaps taken apart
  // further).
  absl::StatusOr<std::vector<graph::ValueId>> Make(const std::string& origin, const Grow& grow,
                                                   std::vector<graph::Node>* nodes);

  const graph::Value& value(graph::ValueId id) const;
  graph::TensorType type(graph::ValueId id) const;
  // The rebuilt node that makes a value; nullptr for inputs. Valid until the next Keep or Make.
  const graph::Node* Maker(graph::ValueId id) const;
  // The number that every element of a value is, when a `constant` makes it.
  std::optional<double> Splat(graph::ValueId id) const;
  // The rebuilt node that makes a value, to extend its origin.
  graph::Node* MutableMaker(graph::ValueId id);

  bool changed() const { return changed_; }
  void MarkChanged() { changed_ = true; }

  // Writes the rebuilt graph to `graph` (which may be the source) when anything changed; returns
  // whether it did.
  bool Finish(graph::Graph* graph);

 private:
  graph::Builder& builder();

  const graph::Graph* source_;
  std::unique_ptr<graph::Builder> builder_;  // made when a pass needs new values; holds all values
  int taken_ = 0;                            // nodes of the builder already handed out
  std::vector<graph::Node> nodes_;           // rebuilt
  std::vector<graph::ValueId> replaced_;     // by value id; itself where nothing replaced it
  std::vector<int> maker_;                   // by value id; index into nodes_ or -1
  bool changed_ = false;
};

// Values get new ids 0, 1, ...: inputs and outputs of nodes stay, in their old order; the others
// go.
void DropUnmadeValues(graph::Graph* graph);

// "a; b", without repeating a part and never longer than a screen's line or two.
void JoinOrigin(const std::string& origin, std::string* into);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_REWRITER_H_
