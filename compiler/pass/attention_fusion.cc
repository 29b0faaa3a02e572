#include "compiler/pass/attention_fusion.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/attention_layout.h"
#include "compiler/pass/attention_match.h"
#include "compiler/pass/index_algebra.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// The operand under a transpose of its last two dims or a factor, which goes into `scale`.
void Absorb(const GraphUses& uses, IndexAlgebra* algebra, AttentionOperand* operand,
            double* scale) {
  while (const Node* node = uses.Maker(operand->value)) {
    const int64_t rank = uses.type(operand->value).rank();
    if (node->op() == "transpose") {
      const std::vector<int64_t> permutation = graph::AttributeReader(*node).Ints("permutation");
      bool swaps = permutation[static_cast<size_t>(rank - 1)] == rank - 2 &&
                   permutation[static_cast<size_t>(rank - 2)] == rank - 1;
      for (int64_t d = 0; d < rank - 2; ++d)
        swaps = swaps && permutation[static_cast<size_t>(d)] == d;
      if (!swaps) return;
      operand->transposed = !operand->transposed;
    } else if (scale != nullptr && node->op() == "mul") {
      const auto factor = algebra->Splat(node->inputs(1));
      if (!factor.has_value() || !(uses.type(node->inputs(0)) == uses.type(operand->value))) return;
      *scale *= *factor;
    } else {
      return;
    }
    operand->value = node->inputs(0);
  }
}

class Fuser {
 public:
  explicit Fuser(graph::Graph* graph) : graph_(graph), uses_(*graph), rewriter_(graph) {}

  absl::StatusOr<bool> Run() {
    matches_ = FindAttention(uses_);
    Prepare();
    if (at_.empty()) return false;
    for (int n = 0; n < graph_->nodes_size(); ++n) {
      auto at = at_.find(n);
      if (at != at_.end()) STRATA_RETURN_IF_ERROR(Emit(at->second));
      if (!gone_[static_cast<size_t>(n)]) rewriter_.Keep(graph_->nodes(n));
    }
    return rewriter_.Finish(graph_);
  }

 private:
  struct Place {
    size_t match;
    bool backward;
  };

  // Where each new node comes, and which old ones go.
  void Prepare() {
    gone_.assign(static_cast<size_t>(graph_->nodes_size()), false);
    results_.resize(matches_.size());
    IndexAlgebra algebra(uses_);
    for (size_t m = 0; m < matches_.size(); ++m) {
      AttentionMatch& match = matches_[m];
      if (!match.has_backward()) {
        Absorb(uses_, &algebra, &match.q, &match.scale);
        Absorb(uses_, &algebra, &match.k, &match.scale);
        Absorb(uses_, &algebra, &match.v, nullptr);
      }
      // The gradient reads what the forward pass makes; a graph may list part of the backward pass before that.
      if (match.has_backward() && match.inner_backward.front() < uses_.maker(match.out)) {
        layouts_.emplace_back();
        continue;
      }
      layouts_.push_back(AttentionLayout::Choose(uses_, match));
      if (!layouts_.back().has_value()) continue;
      for (int n : match.inner) gone_[static_cast<size_t>(n)] = true;
      for (int n : match.inner_backward) gone_[static_cast<size_t>(n)] = true;
      at_[uses_.maker(match.out)] = {m, false};
      if (match.has_backward()) at_[match.inner_backward.front()] = {m, true};
    }
  }

  std::string OriginOf(const std::vector<int>& nodes) const {
    std::string origin;
    for (int n : nodes) {
      if (!graph_->nodes(n).origin().empty()) JoinOrigin(graph_->nodes(n).origin(), &origin);
    }
    return origin;
  }

  absl::Status Emit(const Place& place) {
    return place.backward ? EmitBackward(place.match) : EmitForward(place.match);
  }

  ValueId Grow(Builder& b, const OperandView& view) {
    return view.Grow(b, rewriter_.Resolve(view.base));
  }

  static graph::Attributes AttributesOf(const AttentionMatch& match) {
    return {{"causal", Attr(match.causal)}, {"scale", Attr(match.scale)}};
  }

  absl::Status EmitForward(size_t m) {
    const AttentionMatch& match = matches_[m];
    const AttentionLayout& layout = *layouts_[m];
    Results& r = results_[m];
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<ValueId> made,
        rewriter_.Make(OriginOf(match.inner),
                       [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
                         r.q = Grow(b, layout.q());
                         r.k = Grow(b, layout.k());
                         r.v = Grow(b, layout.v());
                         const std::vector<ValueId> attended =
                             b.ApplyMulti("attention", {r.q, r.k, r.v}, AttributesOf(match));
                         STRATA_RETURN_IF_ERROR(b.status());
                         r.out = attended[0];
                         r.lse = attended[1];
                         return std::vector<ValueId>{layout.FromOut().Grow(b, r.out)};
                       }));
    rewriter_.Replace(match.out, made[0]);
    return absl::OkStatus();
  }

  absl::Status EmitBackward(size_t m) {
    const AttentionMatch& match = matches_[m];
    const AttentionLayout& layout = *layouts_[m];
    const Results& r = results_[m];
    const std::vector<std::pair<ValueId, AttentionOperand>> wanted = {
        {match.dq, match.q}, {match.dk, match.k}, {match.dv, match.v}};
    STRATA_ASSIGN_OR_RETURN(
        const std::vector<ValueId> made,
        rewriter_.Make(
            OriginOf(match.inner_backward),
            [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
              const std::vector<ValueId> raw = b.ApplyMulti(
                  "attention_gradient", {r.q, r.k, r.v, r.out, r.lse, Grow(b, layout.dout())},
                  AttributesOf(match));
              STRATA_RETURN_IF_ERROR(b.status());
              std::vector<ValueId> gradients;
              for (size_t i = 0; i < wanted.size(); ++i) {
                gradients.push_back(wanted[i].first == kNoValue
                                        ? kNoValue
                                        : layout.FromOperand(wanted[i].second).Grow(b, raw[i]));
              }
              return gradients;
            }));
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].first != kNoValue) rewriter_.Replace(wanted[i].first, made[i]);
    }
    return absl::OkStatus();
  }

  // In the new graph, as the op has them.
  struct Results {
    ValueId q = kNoValue, k = kNoValue, v = kNoValue, out = kNoValue, lse = kNoValue;
  };

  graph::Graph* graph_;
  GraphUses uses_;
  Rewriter rewriter_;
  std::vector<AttentionMatch> matches_;
  std::vector<std::optional<AttentionLayout>> layouts_;
  std::vector<Results> results_;
  std::map<int, Place> at_;  // node -> what is made before it
  std::vector<bool> gone_;
};

class AttentionFusion : public Pass {
 public:
  absl::string_view name() const override { return "attention_fusion"; }
  absl::StatusOr<bool> Run(const PassContext& context, graph::Graph* graph) override {
    const std::vector<std::string>& routines = context.library_ops;
    if (!routines.empty() &&
        std::find(routines.begin(), routines.end(), "attention") == routines.end()) {
      return false;
    }
    return Fuser(graph).Run();
  }
};

}  // namespace

std::unique_ptr<Pass> CreateAttentionFusion() { return std::make_unique<AttentionFusion>(); }

}  // namespace strata::compiler
