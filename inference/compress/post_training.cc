#include "inference/compress/post_training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "framework/graph/builder.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"
#include "inference/compress/integer_groups.h"
#include "inference/compress/layer_weights.h"

namespace strata::inference {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::kNoValue;
using graph::Node;
using graph::TensorType;
using graph::ValueId;
using Kind = IntegerGroup::Kind;

constexpr double kLevels = 127;
// The larger operand of a sum is multiplied by this: its result is below 2^29, and the other's factor is right to 2^-21.
constexpr double kSumUnits = 1 << 20;

// Writes the integer graph, node by node.
class Writer {
 public:
  Writer(const Graph& graph, const NamedTensors& weights, const IntegerGroups& plan,
         const std::map<uint32_t, double>& ranges)
      : graph_(graph),
        weights_(weights),
        plan_(plan),
        ranges_(ranges),
        b_(graph.name() + "_int8"),
        forms_(static_cast<size_t>(graph.values_size())) {}

  absl::StatusOr<Int8Graph> Write() && {
    for (const auto& input : graph_.inputs()) {
      const auto& value = graph_.values(static_cast<int>(input.value()));
      if (input.kind() != graph::PARAMETER)
        forms_[input.value()].whole = b_.Input(value.name(), TypeOf(value), input.kind());
    }
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      const Node& node = graph_.nodes(i);
      const Builder::Scope scope = Builder::Scope::Exactly(b_, node.origin());
      STRATA_RETURN_IF_ERROR(
          Annotate(WriteNode(i, node), absl::StrCat("nodes[", i, "] (", node.op(), ")")));
      STRATA_RETURN_IF_ERROR(b_.status());
    }
    for (const auto& output : graph_.outputs())
      b_.Output(F32(output.value()), output.name(), output.combine());
    STRATA_ASSIGN_OR_RETURN(result_.graph, std::move(b_).Build());
    return std::move(result_);
  }

 private:
  // A value of the f32 graph in the new one: as it was, in 8 bits, or both; each made when first asked for.
  struct Forms {
    ValueId whole = kNoValue;
    ValueId bytes = kNoValue;
    double scale = 0;  // of `bytes`
  };

  const std::string& NameOf(uint32_t value) const {
    return graph_.values(static_cast<int>(value)).name();
  }
  Forms& Of(uint32_t value) { return forms_[value]; }
  double ScaleFor(uint32_t value) const {
    auto it = ranges_.find(value);
    return it == ranges_.end() || it->second == 0 ? 1 / kLevels : it->second / kLevels;
  }

  // ---- expressions

  ValueId Cast(ValueId x, chips::DType dtype) {
    return b_.Apply("cast", {x}, {{"dtype", Attr(dtype)}});
  }
  ValueId With(const char* op, ValueId x, double number) {
    return b_.Apply(op, {x, b_.Constant(number, b_.type(x).dtype)});
  }
  // trunc(x + 128.5) is round(x) + 128 for x of [-128, 127]: a cast truncates. The operand is clamped before, so that no
  // compiler can make one rounding of the product and the sum.
  ValueId Quantize(ValueId x, double scale) {
    const ValueId units = With("min", With("max", With("mul", x, 1 / scale), -128), 127);
    return Cast(With("sub", Cast(With("add", units, 128.5), chips::I32), 128), chips::I8);
  }

  ValueId F32(uint32_t value) {
    Forms& forms = Of(value);
    if (forms.whole != kNoValue) return forms.whole;
    if (forms.bytes != kNoValue) {
      forms.whole = With("mul", Cast(forms.bytes, chips::F32), forms.scale);
    } else {  // a parameter
      forms.whole = Parameter(NameOf(value), weights_.find(NameOf(value)), value);
    }
    return forms.whole;
  }

  ValueId Bytes(uint32_t value) {
    Forms& forms = Of(value);
    if (forms.bytes == kNoValue) {
      forms.scale = ScaleFor(value);
      forms.bytes = Quantize(F32(value), forms.scale);
    }
    return forms.bytes;
  }

  // ---- parameters

  ValueId Parameter(const std::string& name, NamedTensors::const_iterator held, uint32_t value) {
    if (held != weights_.end()) result_.weights[name] = held->second;
    return b_.Input(name, TypeOf(graph_.values(static_cast<int>(value))), graph::PARAMETER);
  }
  ValueId Parameter(const std::string& name, const HostTensor& tensor) {
    result_.weights[name] = tensor;
    return b_.Input(name, {tensor.dtype(), {tensor.dims().begin(), tensor.dims().end()}},
                    graph::PARAMETER);
  }
  // "layer2.0.conv1" of "layer2.0.conv1.weight"; a second layer of the same weight is "....2".
  std::string LayerName(const std::string& of) {
    const std::string suffix = ".weight";
    std::string stem = of;
    if (stem.size() > suffix.size() &&
        stem.compare(stem.size() - suffix.size(), suffix.size(), suffix) == 0)
      stem.resize(stem.size() - suffix.size());
    std::string name = stem;
    for (int n = 2; !layer_names_.insert(name).second; ++n) name = absl::StrCat(stem, ".", n);
    return name;
  }

  // ---- nodes

  absl::Status WriteNode(int i, const Node& node) {
    const int id = plan_.group_of[static_cast<size_t>(i)];
    if (id >= 0 && plan_.groups[static_cast<size_t>(id)].integer) {
      const IntegerGroup& group = plan_.groups[static_cast<size_t>(id)];
      if (group.last != i) return absl::OkStatus();
      if (group.kind == Kind::kProduct) return WriteProduct(group);
      return group.kind == Kind::kAdd ? WriteAdd(group) : WriteMean(group);
    }
    if (plan_.passes[static_cast<size_t>(i)]) {
      const ValueId x = Bytes(node.inputs(0));
      Of(node.outputs(0)).bytes = b_.Apply(node.op(), {x}, graph::GetAttributes(node));
      Of(node.outputs(0)).scale = Of(node.inputs(0)).scale;
      return absl::OkStatus();
    }
    return Copy(node);
  }

  absl::Status Copy(const Node& node) {
    std::vector<ValueId> operands;
    for (uint32_t input : node.inputs()) operands.push_back(F32(input));
    const std::vector<ValueId> results =
        b_.ApplyMulti(node.op(), operands, graph::GetAttributes(node),
                      {node.regions().begin(), node.regions().end()});
    STRATA_RETURN_IF_ERROR(b_.status());
    for (int k = 0; k < node.outputs_size(); ++k)
      Of(node.outputs(k)).whole = results[static_cast<size_t>(k)];
    const bool view = node.op() == "reshape" || node.op() == "transpose" || node.inputs_size() == 0;
    if (!view) result_.kept_f32.push_back(absl::StrCat(node.op(), " %", NameOf(node.outputs(0))));
    return absl::OkStatus();
  }

  // i32 sums -> the group's result in 8 bits. `scales`: what a unit of each channel's sum stands for.
  absl::Status Requantize(const IntegerGroup& group, const std::string& name, ValueId sums,
                          const std::vector<double>& scales) {
    Forms& result = Of(group.result);
    result.scale = ScaleFor(group.result);
    STRATA_ASSIGN_OR_RETURN(const Requantizer r, RequantizerOf(scales, 1 / result.scale));
    const ValueId multiplier = Parameter(name + ".multiplier", r.multiplier);
    const ValueId shift = Parameter(name + ".shift", r.shift);
    Attributes attributes;
    if (group.relu) attributes["low"] = Attr(0);
    result.bytes = b_.Apply("requantize", {sums, multiplier, shift}, attributes);
    return absl::OkStatus();
  }

  void Note(const IntegerGroup& group, const std::string& name) {
    result_.layers.push_back({name, graph_.nodes(group.root).op(), Of(group.x[0]).scale,
                              Of(group.result).bytes != kNoValue ? Of(group.result).scale : 0});
  }

  absl::Status WriteProduct(const IntegerGroup& group) {
    const Node& root = graph_.nodes(group.root);
    Attributes attributes = graph::GetAttributes(root);
    attributes.erase("output_dtype");
    const bool turned = graph::AttributeReader(root).Bool("transpose_b");
    const int channel_axis = root.op() == "conv2d" ? 3 : turned ? 0 : 1;
    const ValueId x = Bytes(group.x[0]);
    const std::string& weight = NameOf(root.inputs(1));
    const HostTensor bias = group.has_bias ? weights_.at(NameOf(group.bias)) : HostTensor();
    absl::StatusOr<LayerWeights> layer =
        QuantizeLayer(weights_.at(weight), channel_axis, bias, Of(group.x[0]).scale);
    if (!layer.ok()) return Annotate(layer.status(), absl::StrCat("weight '", weight, "'"));
    const std::string name = LayerName(weight);
    ValueId sums = b_.Apply(root.op(), {x, Parameter(name + ".int8", layer->weight)}, attributes);
    if (group.has_bias) sums = b_.Apply("add", {sums, Parameter(name + ".bias.i32", layer->bias)});
    STRATA_RETURN_IF_ERROR(b_.status());
    if (plan_.wanted[group.result]) {
      STRATA_RETURN_IF_ERROR(Requantize(group, name, sums, layer->sum_scales));
    } else {
      const std::vector<float> scales(layer->sum_scales.begin(), layer->sum_scales.end());
      const ValueId scale =
          Parameter(name + ".scale",
                    HostTensor::FromVector<float>({static_cast<int64_t>(scales.size())}, scales));
      ValueId y = b_.Apply("mul", {Cast(sums, chips::F32), scale});
      if (group.relu) y = b_.Apply("relu", {y});
      Of(group.result).whole = y;
    }
    Note(group, name);
    return absl::OkStatus();
  }

  std::vector<double> ForChannels(const IntegerGroup& group, double scale) const {
    const TensorType type = TypeOf(graph_.values(static_cast<int>(group.result)));
    return std::vector<double>(static_cast<size_t>(type.shape.back().size()), scale);
  }

  absl::Status WriteAdd(const IntegerGroup& group) {
    const ValueId operands[2] = {Bytes(group.x[0]), Bytes(group.x[1])};
    const double scales[2] = {Of(group.x[0]).scale, Of(group.x[1]).scale};
    const double unit = std::max(scales[0], scales[1]) / kSumUnits;
    ValueId terms[2];
    for (int i = 0; i < 2; ++i)
      terms[i] = With("mul", Cast(operands[i], chips::I32), std::nearbyint(scales[i] / unit));
    const std::string name = LayerName(NameOf(group.result));
    STRATA_RETURN_IF_ERROR(
        Requantize(group, name, b_.Apply("add", {terms[0], terms[1]}), ForChannels(group, unit)));
    Note(group, name);
    return absl::OkStatus();
  }

  absl::Status WriteMean(const IntegerGroup& group) {
    const Node& root = graph_.nodes(group.root);
    const ValueId x = Bytes(group.x[0]);
    const TensorType type = b_.type(x);
    double terms = 1;
    for (int64_t axis : graph::AttributeReader(root).Ints("axes")) {
      STRATA_ASSIGN_OR_RETURN(const int64_t normal, graph::NormalizeAxis(axis, type.rank()));
      terms *= static_cast<double>(type.shape[static_cast<size_t>(normal)].size());
    }
    const ValueId sums = b_.Apply("reduce_sum", {Cast(x, chips::I32)}, graph::GetAttributes(root));
    const std::string name = LayerName(NameOf(group.result));
    STRATA_RETURN_IF_ERROR(
        Requantize(group, name, sums, ForChannels(group, Of(group.x[0]).scale / terms)));
    Note(group, name);
    return absl::OkStatus();
  }

  const Graph& graph_;
  const NamedTensors& weights_;
  const IntegerGroups& plan_;
  const std::map<uint32_t, double>& ranges_;
  Builder b_;
  std::vector<Forms> forms_;  // by value
  std::set<std::string> layer_names_;
  Int8Graph result_;
};

absl::Status CheckGraph(const Graph& graph, const NamedTensors& weights) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  if (graph.updates_size() > 0) {
    return absl::InvalidArgumentError(
        "the graph updates its inputs; quantise a graph of inference, not of a training step");
  }
  for (const auto& input : graph.inputs()) {
    const auto& value = graph.values(static_cast<int>(input.value()));
    auto it = weights.find(value.name());
    if (input.kind() != graph::PARAMETER || it == weights.end()) continue;
    if (it->second.TypeString() == TypeOf(value).ToString()) continue;
    return absl::InvalidArgumentError(absl::StrCat("weight '", value.name(), "': is ",
                                                   it->second.TypeString(), "; the graph has ",
                                                   TypeOf(value).ToString()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Int8Graph> QuantizePostTraining(const Graph& graph, const NamedTensors& weights,
                                               absl::Span<const std::vector<HostTensor>> batches,
                                               const CalibrationOptions& options,
                                               graph::Evaluator& evaluator) {
  graph::RegisterAllOps();
  STRATA_RETURN_IF_ERROR(CheckGraph(graph, weights));
  const IntegerGroups plan = FindIntegerGroups(graph, weights);
  std::vector<uint32_t> wanted;
  for (size_t v = 0; v < plan.wanted.size(); ++v) {
    if (plan.wanted[v]) wanted.push_back(static_cast<uint32_t>(v));
  }
  STRATA_ASSIGN_OR_RETURN(const auto ranges,
                          CalibrateRanges(graph, weights, batches, wanted, options, evaluator));
  return Writer(graph, weights, plan, ranges).Write();
}

}  // namespace strata::inference
