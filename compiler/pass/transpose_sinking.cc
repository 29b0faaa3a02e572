#include "compiler/pass/transpose_sinking.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/dce.h"
#include "compiler/pass/graph_uses.h"
#include "compiler/pass/permutation.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::AttributeReader;
using graph::Attributes;
using graph::Builder;
using graph::Node;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

constexpr int kMaxRounds = 32;

// One sweep over the graph, operands before their readers.
class Sinker {
 public:
  explicit Sinker(graph::Graph* graph) : graph_(graph), uses_(*graph), rewriter_(graph) {
    readers_.resize(static_cast<size_t>(graph->values_size()));
    for (size_t v = 0; v < readers_.size(); ++v) {
      const ValueId value = static_cast<ValueId>(v);
      readers_[v] =
          static_cast<int>(uses_.readers(value).size()) + (uses_.is_output(value) ? 2 : 0);
    }
  }

  absl::StatusOr<bool> Run() {
    for (const Node& source : graph_->nodes()) {
      Node node = source;
      for (uint32_t& input : *node.mutable_inputs()) input = rewriter_.Resolve(input);
      STRATA_ASSIGN_OR_RETURN(const bool sunk, Sink(node));
      if (!sunk) rewriter_.Keep(source);
    }
    return rewriter_.Finish(graph_);
  }

 private:
  struct Transposed {
    ValueId base;
    Permutation permutation;
  };

  std::optional<Transposed> FromTranspose(ValueId value) const {
    const Node* maker = rewriter_.Maker(value);
    if (maker == nullptr || maker->op() != "transpose") return std::nullopt;
    return Transposed{maker->inputs(0), PermutationOf(*maker)};
  }
  bool HasOneReader(ValueId value) const { return readers_[value] == 1; }
  int64_t RankOf(ValueId value) const { return rewriter_.type(value).rank(); }

  // `node` has resolved operands. True when the rewriter has its result.
  absl::StatusOr<bool> Sink(const Node& node) {
    if (node.outputs_size() != 1 || node.inputs_size() == 0) return false;
    const std::string& op = node.op();
    if (op == "transpose") return SinkTranspose(node);
    if (op == "matmul") return SinkIntoMatmul(node);
    if (op == "contract_leading") return SinkIntoContract(node);
    if (op == "softmax" || op == "slice") return SinkBelowUnary(node);
    if (op == "concat") return SinkBelowElementwise(node);
    const graph::OpDef* def = graph::OpRegistry::Get().Find(op);
    if (def == nullptr || node.regions_size() > 0) return false;
    if (def->op_class == graph::OpClass::kReduction && op != "sum_to")
      return SinkBelowReduction(node);
    if (def->op_class == graph::OpClass::kElementwise && op != "broadcast_to")
      return SinkBelowElementwise(node);
    return false;
  }

  // The result of `node` is what `grow` makes.
  absl::StatusOr<bool> ReplaceBy(const Node& node, const std::function<ValueId(Builder&)>& grow) {
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<ValueId> made,
        rewriter_.Make(node.origin(), [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
          return std::vector<ValueId>{grow(b)};
        }));
    TakeOver(node, made[0]);
    return true;
  }

  void TakeOver(const Node& node, ValueId by) {
    const ValueId old = node.outputs(0);
    if (by >= readers_.size()) readers_.resize(static_cast<size_t>(by) + 1, 1);
    const bool fresh = by >= static_cast<ValueId>(graph_->values_size());
    readers_[by] = fresh ? readers_[old] : readers_[by] + readers_[old] - 1;
    rewriter_.Replace(old, by);
  }

  static ValueId Transpose(Builder& b, ValueId x, const Permutation& p) {
    if (IsIdentity(p)) return x;
    return b.Apply("transpose", {x}, {{"permutation", Attr(p)}});
  }

  // The same product with its operands and flags given; transposes swap them.
  static ValueId Matmul(Builder& b, const Node& like, ValueId x, ValueId y, bool transpose_x,
                        bool transpose_y) {
    Attributes attributes = ResultOf(like);
    attributes["transpose_a"] = Attr(transpose_x);
    attributes["transpose_b"] = Attr(transpose_y);
    return b.Apply("matmul", {x, y}, attributes);
  }

  // What a product says of its result, whatever becomes of its operands.
  static Attributes ResultOf(const Node& product) {
    Attributes attributes = GetAttributes(product);
    attributes.erase("transpose_a");
    attributes.erase("transpose_b");
    return attributes;
  }

  // ---- rules

  absl::StatusOr<bool> SinkTranspose(const Node& node) {
    const Permutation p = PermutationOf(node);
    const ValueId x = node.inputs(0);
    if (IsIdentity(p)) {
      TakeOver(node, x);
      return true;
    }
    if (const auto inner = FromTranspose(x)) {
      const Permutation both = Compose(inner->permutation, p);
      if (IsIdentity(both)) {
        TakeOver(node, inner->base);
        return true;
      }
      return ReplaceBy(node, [&](Builder& b) { return Transpose(b, inner->base, both); });
    }
    return SinkProduct(node, p);
  }

  // (x y)ᵀ = yᵀ xᵀ, of a product that nobody else reads.
  absl::StatusOr<bool> SinkProduct(const Node& node, const Permutation& p) {
    const ValueId product = node.inputs(0);
    const Node* maker = rewriter_.Maker(product);
    if (maker == nullptr || !HasOneReader(product) || p.size() < 2 ||
        p != SwapLastTwo(static_cast<int64_t>(p.size()))) {
      return false;
    }
    if (maker->op() != "contract_leading" && maker->op() != "matmul") return false;
    const ValueId x = maker->inputs(0), y = maker->inputs(maker->inputs_size() - 1);
    if (maker->op() == "contract_leading") {
      return ReplaceBy(node, [&, like = *maker](Builder& b) {
        return b.Apply("contract_leading", {y, x}, ResultOf(like));
      });
    }
    if (RankOf(x) != RankOf(y)) return false;
    const AttributeReader flags(*maker);
    const bool transpose_x = flags.Bool("transpose_a"), transpose_y = flags.Bool("transpose_b");
    return ReplaceBy(node, [&, like = *maker](Builder& b) {
      return Matmul(b, like, y, x, !transpose_y, !transpose_x);
    });
  }

  // A swap of the last two axes is a flag, however many read the transposed value.
  absl::StatusOr<bool> SinkIntoMatmul(const Node& node) {
    ValueId operands[2] = {node.inputs(0), node.inputs(1)};
    const AttributeReader attributes(node);
    bool flags[2] = {attributes.Bool("transpose_a"), attributes.Bool("transpose_b")};
    bool changed = false;
    for (int i : {0, 1}) {
      const auto transposed = FromTranspose(operands[i]);
      if (!transposed.has_value()) continue;
      const Permutation& p = transposed->permutation;
      if (p != SwapLastTwo(static_cast<int64_t>(p.size()))) continue;
      operands[i] = transposed->base;
      flags[i] = !flags[i];
      changed = true;
    }
    if (!changed) return false;
    return ReplaceBy(node, [&](Builder& b) {
      return Matmul(b, node, operands[0], operands[1], flags[0], flags[1]);
    });
  }

  absl::StatusOr<bool> SinkIntoContract(const Node& node) {
    const ValueId x = node.inputs(0), y = node.inputs(1);
    if (RankOf(x) != 2) return false;
    const auto tx = FromTranspose(x), ty = FromTranspose(y);
    if (!tx.has_value() && !ty.has_value()) return false;
    return ReplaceBy(node, [&](Builder& b) {
      return Matmul(b, node, tx.has_value() ? tx->base : x, ty.has_value() ? ty->base : y,
                    !tx.has_value(), ty.has_value());
    });
  }

  absl::StatusOr<bool> SinkBelowUnary(const Node& node) {
    const auto x = FromTranspose(node.inputs(0));
    if (!x.has_value() || !HasOneReader(node.inputs(0))) return false;
    const int64_t rank = static_cast<int64_t>(x->permutation.size());
    Attributes attributes = GetAttributes(node);
    if (node.op() == "softmax" && x->permutation.back() != rank - 1) return false;
    if (node.op() == "slice") {
      const int64_t axis = AttributeReader(node).Int("axis");
      attributes["axis"] = Attr(x->permutation[static_cast<size_t>(axis < 0 ? axis + rank : axis)]);
    }
    return ReplaceBy(node, [&](Builder& b) {
      return Transpose(b, b.Apply(node.op(), {x->base}, attributes), x->permutation);
    });
  }

  // Over rows (the last axis among the reduced) before and after, or over columns: the kernel's kind stays.
  absl::StatusOr<bool> SinkBelowReduction(const Node& node) {
    const auto x = FromTranspose(node.inputs(0));
    if (!x.has_value() || !HasOneReader(node.inputs(0))) return false;
    const int64_t rank = static_cast<int64_t>(x->permutation.size());
    std::vector<bool> reduced(static_cast<size_t>(rank), false);  // of the base
    std::vector<int64_t> axes;
    bool over_rows = false;
    for (int64_t axis : AttributeReader(node).Ints("axes")) {
      if (axis < 0) axis += rank;
      over_rows = over_rows || axis == rank - 1;
      axes.push_back(x->permutation[static_cast<size_t>(axis)]);
      reduced[static_cast<size_t>(axes.back())] = true;
    }
    if (axes.empty() || reduced.back() != over_rows) return false;
    std::sort(axes.begin(), axes.end());
    Attributes attributes = GetAttributes(node);
    attributes["axes"] = Attr(axes);
    Permutation rest = x->permutation;
    if (!AttributeReader(node).Bool("keep_dims")) rest = WithoutReduced(rest, reduced);
    return ReplaceBy(node, [&](Builder& b) {
      return Transpose(b, b.Apply(node.op(), {x->base}, attributes), rest);
    });
  }

  static Permutation WithoutReduced(const Permutation& p, const std::vector<bool>& reduced) {
    std::vector<int64_t> position(reduced.size(), 0);  // among the axes that stay
    int64_t next = 0;
    for (size_t d = 0; d < reduced.size(); ++d) position[d] = reduced[d] ? -1 : next++;
    Permutation rest;
    for (int64_t d : p) {
      if (!reduced[static_cast<size_t>(d)]) rest.push_back(position[static_cast<size_t>(d)]);
    }
    return rest;
  }

  // Whether the result, which will be transposed, has no more bytes than the operands that no longer are.
  bool IsNoLarger(ValueId result, const std::vector<ValueId>& transposed) const {
    const TensorType to = rewriter_.type(result);
    if (!to.concrete()) {  // one shape: the widths of the elements tell
      const TensorType from = rewriter_.type(transposed[0]);
      return chips::SizeOf(to.dtype) <= chips::SizeOf(from.dtype) && to.shape == from.shape;
    }
    int64_t bytes = 0;
    for (ValueId value : transposed) bytes += rewriter_.type(value).size_bytes();
    return to.size_bytes() <= bytes;
  }

  absl::StatusOr<bool> SinkBelowElementwise(const Node& node) {
    std::optional<Permutation> p;
    std::vector<ValueId> transposed;
    for (ValueId input : node.inputs()) {
      const auto from = FromTranspose(input);
      if (!from.has_value() || (p.has_value() && from->permutation != *p)) continue;
      p = from->permutation;
      if (!HasOneReader(input)) return false;
      if (std::find(transposed.begin(), transposed.end(), input) == transposed.end())
        transposed.push_back(input);
    }
    if (!p.has_value() || static_cast<int64_t>(p->size()) != RankOf(node.outputs(0)) ||
        !IsNoLarger(node.outputs(0), transposed)) {
      return false;
    }
    std::vector<std::pair<ValueId, Shape>> operands;  // with the dims they need
    for (ValueId input : node.inputs()) {
      if (std::find(transposed.begin(), transposed.end(), input) != transposed.end()) {
        const ValueId base = FromTranspose(input)->base;
        operands.push_back({base, rewriter_.type(base).shape});
        continue;
      }
      const auto dims =
          node.op() == "concat" ? std::nullopt : BroadcastBefore(rewriter_.type(input).shape, *p);
      if (!dims.has_value()) return false;
      operands.push_back({input, *dims});
    }
    Attributes attributes = GetAttributes(node);
    if (node.op() == "concat") {
      const int64_t axis = AttributeReader(node).Int("axis");
      attributes["axis"] =
          Attr((*p)[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(p->size()) : axis)]);
    }
    return ReplaceBy(node, [&](Builder& b) {
      std::vector<ValueId> inputs;
      for (const auto& [value, dims] : operands) {
        inputs.push_back(b.type(value).shape == dims
                             ? value
                             : b.Apply("reshape", {value}, {{"dims", Attr(dims)}}));
      }
      return Transpose(b, b.Apply(node.op(), inputs, attributes), *p);
    });
  }

  graph::Graph* graph_;
  GraphUses uses_;
  Rewriter rewriter_;
  std::vector<int> readers_;  // by value, also of new ones; an output counts as two
};

class TransposeSinking : public Pass {
 public:
  absl::string_view name() const override { return "transpose_sinking"; }

  absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) override {
    bool changed = false;
    for (int round = 0; round < kMaxRounds; ++round) {
      STRATA_ASSIGN_OR_RETURN(const bool sunk, Sinker(graph).Run());
      if (!sunk) break;
      changed = true;
      // Transposes without readers would count as readers of what they transpose.
      STRATA_RETURN_IF_ERROR(CreateDce()->Run(context, graph).status());
    }
    return changed;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateTransposeSinking() { return std::make_unique<TransposeSinking>(); }

}  // namespace strata::compiler
