// LayoutModel: which orders of axes the values of a graph may be kept in, and what each node can read and write.
//
// A value kept in layout s is stored as transpose(value, s). Its candidates are the identity and the orders that the
// graph's transposes suggest, carried along elementwise work (kMaxLayouts of them). An option of a node names a layout
// for each operand and the result; elementwise work takes any order, matrix products take the last two axes either way
// round, a transpose only renames what is stored. A value costs nothing where it is read as it was made; each further
// layout that is read costs one copy, 2 * bytes, made once and shared.
//
//   cost = sum over values of 2 * bytes * (number of layouts made or read - 1)
//
// Values with symbols in their dims, and those of other nodes, have the identity only.
#ifndef STRATA_COMPILER_PASS_LAYOUT_MODEL_H_
#define STRATA_COMPILER_PASS_LAYOUT_MODEL_H_

#include <vector>

#include "compiler/pass/graph_uses.h"
#include "compiler/pass/layout_solver.h"
#include "compiler/pass/permutation.h"

namespace strata::compiler {

inline constexpr size_t kMaxLayouts = 4;

class LayoutModel {
 public:
  struct Option {
    std::vector<int> operands;  // by operand: index of a candidate
    int result = 0;             // the same, of output 0; other outputs keep the identity
  };

  explicit LayoutModel(const GraphUses& uses);

  // candidates[0] is the identity.
  const std::vector<Permutation>& candidates(graph::ValueId value) const {
    return candidates_[value];
  }
  // options[0] is the node as it stands.
  const std::vector<Option>& options(int node) const { return options_[static_cast<size_t>(node)]; }
  bool HasChoice() const;

  // Bytes moved when node n takes options(n)[choice[n]].
  double Cost(const std::vector<int>& choice) const;

  // The same as a problem of pairs; variables of nodes with one option have one choice.
  struct Tied {
    LayoutProblem problem;
    std::vector<int> start;             // every node as it stands
    std::vector<int> variable_of_node;  // -1 for nodes without a choice
  };
  Tied MakeProblem() const;

 private:
  void FindCandidates();
  bool CarryOver(const graph::Node& node);
  bool Union(graph::ValueId a, graph::ValueId b);
  bool Add(graph::ValueId value, const Permutation& p);
  int Find(graph::ValueId value, const Permutation& p) const;  // -1: no candidate
  bool CanChoose(graph::ValueId value) const;

  std::vector<Option> OptionsOf(const graph::Node& node) const;
  void AddFollowers(const graph::Node& node, std::vector<Option>* options) const;
  void AddTranspose(const graph::Node& node, std::vector<Option>* options) const;
  void AddReduction(const graph::Node& node, std::vector<Option>* options) const;
  void AddProduct(const graph::Node& node, std::vector<Option>* options) const;
  int OperandFor(const graph::Node& node, int i, const Permutation& s) const;
  double CopyBytes(graph::ValueId value) const;
  // Bit masks of the candidates of `value` that the node needs under an option.
  int MaskOf(const graph::Node& node, const Option& option, graph::ValueId value) const;

  const GraphUses& uses_;
  std::vector<std::vector<Permutation>> candidates_;  // by value
  std::vector<std::vector<Option>> options_;          // by node
};

// Elementwise ops of one result, whose operands are broadcast; also used by the pass.
bool IsLayoutFollower(const graph::Node& node);

// Of the axes of a reduction's operand: which are summed away.
std::vector<bool> ReducedAxes(const graph::Node& node, int64_t rank);

// The order of what stays when axes are dropped from an array kept in order s.
Permutation DropReduced(const Permutation& s, const std::vector<bool>& reduced);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_LAYOUT_MODEL_H_
