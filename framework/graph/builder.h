// Builder: grows a Graph node by node, inferring types as it goes.
//
//   Builder b("mlp");
//   ValueId x = b.Input("x", {chips::F32, {"B", 4}}, DATA);
//   ValueId w = b.Input("w", {chips::F32, {4, 8}}, PARAMETER);
//   ValueId y = b.Apply("matmul", {x, w});
//   b.Output(y, "y", SHARDED);
//   absl::StatusOr<Graph> graph = std::move(b).Build();
//
// Errors stick: the first one is kept with its model line, later calls return kNoValue, Build()
// returns the error. So model code stays free of status plumbing. Not thread-safe.
#ifndef STRATA_FRAMEWORK_GRAPH_BUILDER_H_
#define STRATA_FRAMEWORK_GRAPH_BUILDER_H_

#include <map>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include "framework/graph/op_def.h"

namespace strata::graph {

class Builder {
 public:
  explicit Builder(std::string name);
  // Continues a graph that already stands (to differentiate or rewrite it).
  explicit Builder(Graph graph);

  ValueId Input(const std::string& name, const TensorType& type, InputKind kind);

  // Appends a node; returns its only output, or all of them.
  ValueId Apply(const std::string& op, const std::vector<ValueId>& inputs,
                const Attributes& attributes = {});
  std::vector<ValueId> ApplyMulti(const std::string& op, const std::vector<ValueId>& inputs,
                                  const Attributes& attributes = {},
                                  const std::vector<Graph>& regions = {});

  // A scalar, or an array when `dims` is given (all elements equal).
  ValueId Constant(double value, DType dtype, const Shape& dims = {});

  void Output(ValueId value, const std::string& name, Combine combine = REPLICATED);
  void Update(ValueId input,
              ValueId output);  // adds `output` to the outputs when it is not there yet
  void Rename(ValueId value, const std::string& name);  // made unique by a suffix when taken
  void MarkGradient(ValueId value, const std::string& parameter);

  TensorType type(ValueId value) const;          // DTYPE_UNSPECIFIED for kNoValue
  const std::string& name(ValueId value) const;  // empty for kNoValue
  const Graph& graph() const { return graph_; }
  const absl::Status& status() const { return status_; }
  void Fail(const absl::Status& status);  // keeps the first

  // The finished graph, verified.
  absl::StatusOr<Graph> Build() &&;

  // The model line that following nodes come from; scopes nest: "gpt.h.3.mlp
  // (llm/model/decoder.cc:87)".
  class Scope {
   public:
    Scope(Builder& builder, const std::string& name,
          std::source_location location = std::source_location::current());
    // Takes an origin as it stands (a rewrite that keeps a node's own).
    static Scope Exactly(Builder& builder, const std::string& origin) {
      return Scope(builder, origin, 0);
    }
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Scope(Builder& builder, const std::string& origin, int);
    Builder& builder_;
    std::string saved_path_;
    std::string saved_origin_;
  };
  const std::string& scope_path() const { return path_; }

 private:
  std::string UniqueName(const std::string& wish);

  Graph graph_;
  absl::Status status_;
  std::string path_;
  std::string origin_;
  std::set<std::string> names_;
  std::map<std::string, int> suffix_;
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_BUILDER_H_
