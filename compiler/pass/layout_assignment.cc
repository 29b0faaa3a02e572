#include "compiler/pass/layout_assignment.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/graph_uses.h"
#include "compiler/pass/layout_model.h"
#include "compiler/pass/layout_solver.h"
#include "compiler/pass/permutation.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::AttributeReader;
using graph::Attributes;
using graph::Builder;
using graph::Node;
using graph::Shape;
using graph::ValueId;

constexpr int kMaxRounds = 8;

// Writes a graph under the options chosen.
class Writer {
 public:
  Writer(graph::Graph* graph, const GraphUses& uses, const LayoutModel& model)
      : graph_(graph), uses_(uses), model_(model), rewriter_(graph) {}

  absl::StatusOr<bool> Write(const std::vector<int>& choice) {
    for (int n = 0; n < graph_->nodes_size(); ++n) {
      const Node& node = graph_->nodes(n);
      STRATA_RETURN_IF_ERROR(
          WriteNode(node, model_.options(n)[static_cast<size_t>(choice[static_cast<size_t>(n)])]));
    }
    for (const graph::Output& output : graph_->outputs()) {
      const Node* maker = uses_.Maker(output.value());
      if (maker != nullptr) STRATA_RETURN_IF_ERROR(Get(output.value(), 0, *maker).status());
    }
    return rewriter_.Finish(graph_);
  }

 private:
  struct Stored {
    std::map<int, ValueId> copies;  // by index of the candidate
    int made = 0;                   // the one that the others are copied from
  };

  Stored& StoredOf(ValueId value) {
    auto [it, fresh] = stored_.emplace(value, Stored{});
    if (fresh) it->second.copies[0] = value;  // inputs, and nodes kept as they stand
    return it->second;
  }

  void Made(ValueId value, int layout, ValueId as) {
    Stored& stored = stored_[value];
    stored.copies[layout] = as;
    stored.made = layout;
    if (layout == 0 && as != value) rewriter_.Replace(value, as);
  }

  // The value in a layout; copied for `reader` when this is the first that wants it so.
  absl::StatusOr<ValueId> Get(ValueId value, int layout, const Node& reader) {
    Stored& stored = StoredOf(value);
    auto found = stored.copies.find(layout);
    if (found != stored.copies.end()) return found->second;
    const auto& candidates = model_.candidates(value);
    const Permutation turn = Compose(Inverse(candidates[static_cast<size_t>(stored.made)]),
                                     candidates[static_cast<size_t>(layout)]);
    const ValueId from = stored.copies[stored.made];
    const Node* maker = uses_.Maker(value);
    STRATA_ASSIGN_OR_RETURN(const ValueId copy,
                            Make(maker == nullptr ? reader : *maker, [&](Builder& b) {
                              return b.Apply("transpose", {from}, {{"permutation", Attr(turn)}});
                            }));
    stored.copies[layout] = copy;
    if (layout == 0) rewriter_.Replace(value, copy);
    return copy;
  }

  absl::StatusOr<ValueId> Make(const Node& node, const std::function<ValueId(Builder&)>& grow) {
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<ValueId> made,
        rewriter_.Make(node.origin(), [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
          return std::vector<ValueId>{grow(b)};
        }));
    return made[0];
  }

  absl::Status WriteNode(const Node& node, const LayoutModel::Option& option) {
    std::vector<ValueId> operands;
    for (int i = 0; i < node.inputs_size(); ++i) {
      STRATA_ASSIGN_OR_RETURN(const ValueId operand,
                              Get(node.inputs(i), option.operands[static_cast<size_t>(i)], node));
      operands.push_back(operand);
    }
    if (node.op() == "transpose" && option.result + option.operands[0] > 0) {
      Made(node.outputs(0), option.result, operands[0]);  // another name for what is stored
      return absl::OkStatus();
    }
    const bool as_it_stands =
        option.result == 0 && std::count(option.operands.begin(), option.operands.end(), 0) ==
                                  static_cast<int64_t>(option.operands.size());
    if (as_it_stands) {
      Node kept = node;
      for (int i = 0; i < node.inputs_size(); ++i)
        kept.set_inputs(i, operands[static_cast<size_t>(i)]);
      rewriter_.Keep(std::move(kept));
      return absl::OkStatus();
    }
    const bool product = node.op() == "matmul" || node.op() == "contract_leading";
    STRATA_ASSIGN_OR_RETURN(const ValueId made, Make(node, [&](Builder& b) {
                              return product ? Product(b, node, option, operands)
                                             : Turned(b, node, option, operands);
                            }));
    Made(node.outputs(0), option.result, made);
    return absl::OkStatus();
  }

  // y = op(a) op(b), or its transpose op(b)ᵀ op(a)ᵀ. contract_leading of matrices is aᵀ b.
  static ValueId Product(Builder& b, const Node& node, const LayoutModel::Option& option,
                         const std::vector<ValueId>& operands) {
    const bool contract = node.op() == "contract_leading", turned = option.result > 0;
    const bool swap_x = option.operands[0] > 0, swap_y = option.operands[1] > 0;
    Attributes attributes = GetAttributes(node);  // what they say of the result stays
    if (contract && !swap_x && !swap_y)           // turned
      return b.Apply("contract_leading", {operands[1], operands[0]}, attributes);
    const AttributeReader flags(node);
    const bool x = (contract || flags.Bool("transpose_a")) != swap_x;
    const bool y = (!contract && flags.Bool("transpose_b")) != swap_y;
    const auto matmul = [&](ValueId left, ValueId right, bool transpose_left,
                            bool transpose_right) {
      attributes["transpose_a"] = Attr(transpose_left);
      attributes["transpose_b"] = Attr(transpose_right);
      return b.Apply("matmul", {left, right}, attributes);
    };
    return turned ? matmul(operands[1], operands[0], !y, !x)
                  : matmul(operands[0], operands[1], x, y);
  }

  // The same op on axes in another order.
  ValueId Turned(Builder& b, const Node& node, const LayoutModel::Option& option,
                 std::vector<ValueId> operands) const {
    const Permutation& s =
        model_.candidates(node.inputs(0))[static_cast<size_t>(option.operands[0])];
    Attributes attributes = GetAttributes(node);
    if (node.op() == "slice" || node.op() == "concat") {
      int64_t axis = AttributeReader(node).Int("axis");
      if (axis < 0) axis += static_cast<int64_t>(s.size());
      attributes["axis"] = Attr(Inverse(s)[static_cast<size_t>(axis)]);
    } else if (attributes.count("axes") > 0) {
      std::vector<int64_t> axes;
      for (int64_t axis : AttributeReader(node).Ints("axes")) {
        if (axis < 0) axis += static_cast<int64_t>(s.size());
        axes.push_back(Inverse(s)[static_cast<size_t>(axis)]);
      }
      std::sort(axes.begin(), axes.end());
      attributes["axes"] = Attr(axes);
    } else if (IsLayoutFollower(node)) {
      FitBroadcasts(b, node, option, &operands);
    }
    return b.Apply(node.op(), operands, attributes);
  }

  // Operands of other shapes than the result's are read as they are, under dims that fit.
  void FitBroadcasts(Builder& b, const Node& node, const LayoutModel::Option& option,
                     std::vector<ValueId>* operands) const {
    const ValueId y = node.outputs(0);
    const Permutation inverse = Inverse(model_.candidates(y)[static_cast<size_t>(option.result)]);
    for (int i = 0; i < node.inputs_size(); ++i) {
      const Shape shape = uses_.type(node.inputs(i)).shape;
      if (shape == uses_.type(y).shape) continue;
      const Shape dims = *BroadcastBefore(shape, inverse);
      ValueId& operand = (*operands)[static_cast<size_t>(i)];
      if (!(dims == shape)) operand = b.Apply("reshape", {operand}, {{"dims", Attr(dims)}});
    }
  }

  graph::Graph* graph_;
  const GraphUses& uses_;
  const LayoutModel& model_;
  Rewriter rewriter_;
  std::map<ValueId, Stored> stored_;
};

// True when fewer bytes are moved now.
absl::StatusOr<bool> Improve(graph::Graph* graph) {
  const bool has_transposes =
      std::any_of(graph->nodes().begin(), graph->nodes().end(),
                  [](const Node& node) { return node.op() == "transpose"; });
  if (!has_transposes) return false;
  const GraphUses uses(*graph);
  const LayoutModel model(uses);
  if (!model.HasChoice()) return false;
  const LayoutModel::Tied tied = model.MakeProblem();
  const LayoutSolution best = SolveLayout(tied.problem, tied.start);
  if (!(best.cost < tied.problem.Cost(tied.start))) return false;
  std::vector<int> choice(static_cast<size_t>(graph->nodes_size()), 0);
  for (size_t n = 0; n < choice.size(); ++n) {
    const int variable = tied.variable_of_node[n];
    if (variable >= 0) choice[n] = best.choice[static_cast<size_t>(variable)];
  }
  return Writer(graph, uses, model).Write(choice);
}

class LayoutAssignment : public Pass {
 public:
  absl::string_view name() const override { return "layout_assignment"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    bool changed = false;
    // What was chosen may suggest further layouts.
    for (int round = 0; round < kMaxRounds; ++round) {
      STRATA_ASSIGN_OR_RETURN(const bool improved, Improve(graph));
      if (!improved) break;
      changed = true;
    }
    return changed;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateLayoutAssignment() { return std::make_unique<LayoutAssignment>(); }

}  // namespace strata::compiler
