#include "framework/autodiff/gradients.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// One backward sweep over the nodes that lie between `wrt` and the loss.
class Backward {
 public:
  Backward(Builder& builder, ValueId loss, absl::Span<const ValueId> wrt)
      : builder_(builder),
        values_(static_cast<size_t>(builder.graph().values_size())),
        node_count_(builder.graph().nodes_size()) {
    for (ValueId w : wrt) values_[w].depends = true;
    for (int i = 0; i < node_count_; ++i) MarkDependent(builder.graph().nodes(i));
    values_[loss].gradient = builder.Constant(1.0, builder.type(loss).dtype);
  }

  absl::Status Run() {
    for (int i = node_count_ - 1; i >= 0; --i) {
      const Node node = builder_.graph().nodes(i);  // a copy: the graph grows below
      if (OnPath(node)) STRATA_RETURN_IF_ERROR(Annotate(Differentiate(node), node.origin()));
    }
    return builder_.status();
  }

  ValueId GradientOf(ValueId w) {
    ValueId gradient = values_[w].gradient;
    if (gradient == kNoValue)
      gradient = builder_.Constant(0.0, builder_.type(w).dtype, builder_.type(w).shape);
    if (IsParameter(w)) builder_.MarkGradient(gradient, builder_.name(w));
    return gradient;
  }

 private:
  struct State {
    bool depends = false;         // on some w
    ValueId gradient = kNoValue;  // accumulated so far
  };

  void MarkDependent(const Node& node) {
    bool depends = false;
    for (uint32_t input : node.inputs()) depends = depends || values_[input].depends;
    for (uint32_t output : node.outputs())
      values_[output].depends = depends || values_[output].depends;
  }

  bool OnPath(const Node& node) const {
    bool depends = false, reaches = false;
    for (uint32_t input : node.inputs()) depends = depends || values_[input].depends;
    for (uint32_t output : node.outputs())
      reaches = reaches || values_[output].gradient != kNoValue;
    return depends && reaches;
  }

  bool IsParameter(ValueId w) const {
    for (const auto& input : builder_.graph().inputs()) {
      if (input.value() == w) return input.kind() == graph::PARAMETER;
    }
    return false;
  }

  absl::Status Differentiate(const Node& node) {
    STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    if (!def->gradient) {
      return absl::UnimplementedError(
          absl::StrCat("op '", node.op(), "' has no gradient but lies on the path to the loss"));
    }
    graph::GradientContext context{builder_, CallOf(builder_.graph(), node), {}, {}, {}, {}};
    context.call.node = &node;
    for (uint32_t input : node.inputs()) {
      context.inputs.push_back(input);
      context.needs.push_back(values_[input].depends);
    }
    for (uint32_t output : node.outputs()) {
      context.outputs.push_back(output);
      context.output_gradients.push_back(values_[output].gradient);
    }
    const Builder::Scope scope =
        Builder::Scope::Exactly(builder_, absl::StrCat("grad ", node.origin()));
    STRATA_ASSIGN_OR_RETURN(std::vector<ValueId> gradients, def->gradient(context));
    STRATA_RETURN_IF_ERROR(builder_.status());
    for (size_t i = 0; i < gradients.size() && i < context.inputs.size(); ++i) {
      if (gradients[i] != kNoValue && context.needs[i]) Accumulate(context.inputs[i], gradients[i]);
    }
    return absl::OkStatus();
  }

  void Accumulate(ValueId value, ValueId gradient) {
    ValueId& total = values_[value].gradient;
    total = total == kNoValue ? gradient : builder_.Apply("add", {total, gradient});
  }

  Builder& builder_;
  std::vector<State> values_;
  int node_count_;
};

}  // namespace

absl::StatusOr<std::vector<ValueId>> Gradients(Builder& builder, ValueId loss,
                                               absl::Span<const ValueId> wrt) {
  STRATA_RETURN_IF_ERROR(builder.status());
  const auto count = static_cast<ValueId>(builder.graph().values_size());
  if (loss >= count || builder.type(loss).rank() != 0 ||
      !chips::IsFloat(builder.type(loss).dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the loss must be a float scalar; ",
        loss >= count ? "it is no value" : absl::StrCat("it is ", builder.type(loss).ToString())));
  }
  for (ValueId w : wrt) {
    if (w >= count) return absl::InvalidArgumentError("wrt names a value that is not in the graph");
  }
  Backward backward(builder, loss, wrt);
  STRATA_RETURN_IF_ERROR(backward.Run());
  std::vector<ValueId> gradients;
  for (ValueId w : wrt) gradients.push_back(backward.GradientOf(w));
  STRATA_RETURN_IF_ERROR(builder.status());
  return gradients;
}

}  // namespace strata::framework
