#include "inference/compress/int8.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "framework/graph/attributes.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::inference {
namespace {

using graph::Graph;
using graph::HostTensor;
using graph::Node;

bool IsQuantizable(const Graph& graph, const Node& node, const std::set<uint32_t>& parameters) {
  if (node.op() != "matmul" || parameters.count(node.inputs(1)) == 0) return false;
  const graph::Value& weight = graph.values(static_cast<int>(node.inputs(1)));
  return weight.dims_size() == 2 && weight.dtype() == chips::F32 &&
         !graph::AttributeReader(node).Bool("transpose_a");
}

uint32_t AddParameter(const std::string& name, chips::DType dtype, const graph::Shape& shape,
                      Graph* graph) {
  const auto id = static_cast<uint32_t>(graph->values_size());
  graph::Value* value = graph->add_values();
  value->set_name(name);
  graph::SetType({dtype, shape}, value);
  auto* input = graph->add_inputs();
  input->set_value(id);
  input->set_kind(graph::PARAMETER);
  return id;
}

// Drops PARAMETER inputs that nothing reads, and renumbers the values.
void DropUnusedParameters(Graph* graph) {
  std::set<uint32_t> used;
  for (const Node& node : graph->nodes()) used.insert(node.inputs().begin(), node.inputs().end());
  for (const auto& output : graph->outputs()) used.insert(output.value());
  for (const auto& update : graph->updates()) used.insert(update.input());
  std::set<uint32_t> dropped;
  for (const auto& input : graph->inputs()) {
    if (input.kind() == graph::PARAMETER && used.count(input.value()) == 0)
      dropped.insert(input.value());
  }
  std::vector<uint32_t> renumbered;
  google::protobuf::RepeatedPtrField<graph::Value> values;
  for (int i = 0; i < graph->values_size(); ++i) {
    renumbered.push_back(static_cast<uint32_t>(values.size()));
    if (dropped.count(static_cast<uint32_t>(i)) == 0) *values.Add() = graph->values(i);
  }
  graph->mutable_values()->Swap(&values);
  google::protobuf::RepeatedPtrField<graph::Input> inputs;
  for (const auto& input : graph->inputs()) {
    if (dropped.count(input.value()) != 0) continue;
    *inputs.Add() = input;
    inputs[inputs.size() - 1].set_value(renumbered[input.value()]);
  }
  graph->mutable_inputs()->Swap(&inputs);
  for (Node& node : *graph->mutable_nodes()) {
    for (uint32_t& id : *node.mutable_inputs()) id = renumbered[id];
    for (uint32_t& id : *node.mutable_outputs()) id = renumbered[id];
  }
  for (auto& output : *graph->mutable_outputs()) output.set_value(renumbered[output.value()]);
  for (auto& update : *graph->mutable_updates()) {
    update.set_input(renumbered[update.input()]);
    update.set_output(renumbered[update.output()]);
  }
}

class Int8Model : public DecoderModel {
 public:
  Int8Model(std::shared_ptr<const DecoderModel> base, std::string name, WeightMap weights)
      : base_(std::move(base)), name_(std::move(name)), weights_(std::move(weights)) {}
  const std::string& name() const override { return name_; }
  int64_t vocab_size() const override { return base_->vocab_size(); }
  int64_t max_context() const override { return base_->max_context(); }
  absl::StatusOr<Graph> BuildStep(int64_t batch, int64_t tokens,
                                  int64_t cache_length) const override {
    STRATA_ASSIGN_OR_RETURN(Graph graph, base_->BuildStep(batch, tokens, cache_length));
    return QuantizeGraph(graph, nullptr);
  }
  const WeightMap& weights() const override { return weights_; }

 private:
  std::shared_ptr<const DecoderModel> base_;
  std::string name_;
  WeightMap weights_;
};

}  // namespace

absl::StatusOr<Int8Matrix> QuantizeInt8(const HostTensor& weight, bool transposed) {
  if (weight.dtype() != chips::F32 || weight.rank() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", weight.TypeString(), "; only rank-2 f32 can become int8"));
  }
  const int64_t n = weight.dims()[transposed ? 1 : 0], k = weight.dims()[transposed ? 0 : 1];
  const int64_t stride_n = transposed ? 1 : k, stride_k = transposed ? n : 1;
  const float* w = weight.data<float>();
  Int8Matrix result{HostTensor::Allocate(chips::I8, {n, k}), HostTensor::Allocate(chips::F32, {n})};
  for (int64_t i = 0; i < n; ++i) {
    float greatest = 0;
    for (int64_t j = 0; j < k; ++j) {
      const float value = w[i * stride_n + j * stride_k];
      if (!std::isfinite(value)) {
        return absl::InvalidArgumentError(absl::StrCat("element [", i, ", ", j, "] is not finite"));
      }
      greatest = std::max(greatest, std::fabs(value));
    }
    const float scale = greatest / 127.0f;
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    result.scales.data<float>()[i] = scale;
    for (int64_t j = 0; j < k; ++j) {
      const float steps = std::nearbyint(w[i * stride_n + j * stride_k] * inverse);
      result.values.data<int8_t>()[i * k + j] =
          static_cast<int8_t>(std::clamp(steps, -127.0f, 127.0f));
    }
  }
  return result;
}

absl::StatusOr<Graph> QuantizeGraph(const Graph& graph, std::map<std::string, bool>* quantized) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  Graph result = graph;
  std::set<uint32_t> parameters;
  for (const auto& input : graph.inputs()) {
    if (input.kind() == graph::PARAMETER) parameters.insert(input.value());
  }
  // Key: weight and orientation -> values, scales.
  std::map<std::string, std::pair<uint32_t, uint32_t>> added;
  for (Node& node : *result.mutable_nodes()) {
    if (!IsQuantizable(result, node, parameters)) continue;
    const std::string name = result.values(static_cast<int>(node.inputs(1))).name();
    const graph::TensorType type = graph::TypeOf(result.values(static_cast<int>(node.inputs(1))));
    const bool by_row = graph::AttributeReader(node).Bool("transpose_b");  // stored [N, K]
    const graph::Size n = type.shape[by_row ? 0 : 1], k = type.shape[by_row ? 1 : 0];
    const std::string stem = by_row ? name : absl::StrCat(name, ".t");
    auto it = added.find(stem);
    if (it == added.end()) {
      const uint32_t values = AddParameter(absl::StrCat(stem, ".int8"), chips::I8, {n, k}, &result);
      const uint32_t scales = AddParameter(absl::StrCat(stem, ".scale"), chips::F32, {n}, &result);
      it = added.emplace(stem, std::make_pair(values, scales)).first;
      if (quantized != nullptr) (*quantized)[stem] = !by_row;
    }
    node.set_op("matmul_int8");
    node.clear_attributes();
    node.set_inputs(1, it->second.first);
    node.add_inputs(it->second.second);
  }
  DropUnusedParameters(&result);
  STRATA_RETURN_IF_ERROR(graph::Verify(result));
  return result;
}

absl::StatusOr<std::shared_ptr<const DecoderModel>> QuantizeModel(
    std::shared_ptr<const DecoderModel> model) {
  STRATA_ASSIGN_OR_RETURN(Graph step, model->BuildStep(1, 1, 1));
  std::map<std::string, bool> quantized;
  STRATA_ASSIGN_OR_RETURN(Graph rewritten, QuantizeGraph(step, &quantized));
  WeightMap weights;
  for (const auto& [stem, transposed] : quantized) {
    const std::string name = transposed ? stem.substr(0, stem.size() - 2) : stem;
    auto it = model->weights().find(name);
    if (it == model->weights().end())
      return absl::NotFoundError(absl::StrCat("no weight '", name, "'"));
    absl::StatusOr<Int8Matrix> matrix = QuantizeInt8(it->second, transposed);
    if (!matrix.ok()) return Annotate(matrix.status(), absl::StrCat("weight '", name, "'"));
    weights[absl::StrCat(stem, ".int8")] = matrix->values;
    weights[absl::StrCat(stem, ".scale")] = matrix->scales;
  }
  for (const auto& input : rewritten.inputs()) {  // what stays in fp32
    const std::string& name = rewritten.values(static_cast<int>(input.value())).name();
    auto it = model->weights().find(name);
    if (it != model->weights().end()) weights[name] = it->second;
  }
  const std::string name = absl::StrCat(model->name(), "-int8");
  return std::shared_ptr<const DecoderModel>(
      std::make_shared<Int8Model>(std::move(model), name, std::move(weights)));
}

}  // namespace strata::inference
