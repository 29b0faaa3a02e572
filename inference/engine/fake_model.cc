#include "inference/engine/fake_model.h"

#include <random>
#include <utility>

#include "framework/graph/builder.h"

namespace strata::inference {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::ValueId;

constexpr int64_t kVocab = 257, kHeads = 2, kHeadWidth = 8, kWidth = kHeads * kHeadWidth;

HostTensor Random(std::vector<int64_t> dims, double scale, std::mt19937_64& generator) {
  std::normal_distribution<double> normal(0.0, scale);
  HostTensor tensor = HostTensor::Allocate(chips::F32, std::move(dims));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.data<float>()[i] = static_cast<float>(normal(generator));
  return tensor;
}

class FakeModel : public DecoderModel {
 public:
  FakeModel(int64_t max_context, uint64_t seed) : max_context_(max_context) {
    std::mt19937_64 generator(seed);
    weights_["embedding"] = Random({kVocab, kWidth}, 1.0, generator);
    for (const char* name : {"q", "k", "v"})
      weights_[name] = Random({kWidth, kWidth}, 0.5, generator);
    weights_["head"] = Random({kWidth, kVocab}, 0.5, generator);
    weights_["position"] = Random({max_context, kWidth}, 0.5, generator);
    HostTensor bias = HostTensor::Zeros(chips::F32, {kVocab});
    for (int64_t i = 0; i < kVocab; ++i)
      bias.data<float>()[i] = i >= 32 && i < 127 ? 0.0f : -100.0f;
    weights_["bias"] = bias;
  }
  const std::string& name() const override { return name_; }
  int64_t vocab_size() const override { return kVocab; }
  int64_t max_context() const override { return max_context_; }
  const WeightMap& weights() const override { return weights_; }

  absl::StatusOr<graph::Graph> BuildStep(const StepShape& shape, KvFormat kv) const override {
    Builder b("fake");
    StepInputs in = Inputs(&b, shape);
    std::vector<std::pair<ValueId, ValueId>> updates;
    in.updates = &updates;
    std::map<std::string, ValueId> w;
    for (const auto& [name, tensor] : weights_) {
      w[name] =
          b.Input(name, {chips::F32, graph::Shape(tensor.dims().begin(), tensor.dims().end())},
                  graph::PARAMETER);
    }
    ValueId x = b.Apply("add", {b.Apply("embedding", {w["embedding"], in.tokens}),
                                b.Apply("embedding", {w["position"], in.positions})});
    for (const char* layer : {"0", "1"}) x = b.Apply("add", {x, Layer(&b, x, w, in, layer, kv)});
    const ValueId rows = b.Apply(
        "slice", {x}, {{"axis", Attr(0)}, {"start", Attr(0)}, {"limit", Attr(shape.logit_rows)}});
    b.Output(b.Apply("add", {b.Apply("matmul", {rows, w["head"]}), w["bias"]}), "logits",
             graph::SHARDED);
    for (const auto& [before, after] : updates) b.Update(before, after);
    return std::move(b).Build();
  }

 private:
  struct StepInputs {
    StepShape shape;
    ValueId tokens, positions, slots, views, row_view, row_length;
    std::vector<std::pair<ValueId, ValueId>>* updates = nullptr;  // of caches, declared last
  };
  struct Kept {
    ValueId cache, scale;  // scale of int8 only
  };

  static StepInputs Inputs(Builder* b, const StepShape& shape) {
    const auto data = [&](const char* name, graph::Shape dims) {
      return b->Input(name, {chips::I32, std::move(dims)}, graph::DATA);
    };
    const int64_t rows = shape.rows;
    return {shape,
            data("tokens", {rows}),
            data("positions", {rows}),
            data("slots", {rows}),
            data("views", {shape.views, shape.view_length}),
            data("row_view", {rows}),
            data("row_length", {rows})};
  }

  static Kept Keep(Builder* b, const std::string& name, ValueId fresh, const StepInputs& in,
                   KvFormat kv) {
    const chips::DType dtype = kv == KvFormat::kF32    ? chips::F32
                               : kv == KvFormat::kF16  ? chips::F16
                               : kv == KvFormat::kBf16 ? chips::BF16
                                                       : chips::I8;
    const graph::Shape dims = {in.shape.slots, kHeads, kHeadWidth};
    const ValueId cache = b->Input(name, {dtype, dims}, graph::STATE);
    if (kv != KvFormat::kInt8) {
      const ValueId after = b->Apply("cache_write", {cache, fresh, in.slots});
      in.updates->push_back({cache, after});
      return {after, after};
    }
    const ValueId scale =
        b->Input(name + ".scale", {chips::F32, {in.shape.slots, kHeads}}, graph::STATE);
    const std::vector<ValueId> after =
        b->ApplyMulti("cache_write_q8", {cache, scale, fresh, in.slots});
    in.updates->push_back({cache, after[0]});
    in.updates->push_back({scale, after[1]});
    return {after[0], after[1]};
  }

  static ValueId Layer(Builder* b, ValueId x, std::map<std::string, ValueId>& w,
                       const StepInputs& in, const std::string& layer, KvFormat kv) {
    const auto heads = [&](const char* weight) {
      return b->Apply("reshape", {b->Apply("matmul", {x, w[weight]})},
                      {{"dims", Attr(graph::Shape{in.shape.rows, kHeads, kHeadWidth})}});
    };
    const Kept k = Keep(b, "cache.k" + layer, heads("k"), in, kv);
    const Kept v = Keep(b, "cache.v" + layer, heads("v"), in, kv);
    std::vector<ValueId> inputs = {heads("q"), k.cache, v.cache};
    if (kv == KvFormat::kInt8) inputs.insert(inputs.end(), {k.scale, v.scale});
    inputs.insert(inputs.end(), {in.views, in.row_view, in.row_length});
    const ValueId attended = b->Apply("paged_attention", inputs, {{"scale", Attr(0.35)}});
    return b->Apply("reshape", {attended}, {{"dims", Attr(graph::Shape{in.shape.rows, kWidth})}});
  }

  std::string name_ = "fake";
  int64_t max_context_;
  WeightMap weights_;
};

}  // namespace

std::vector<int32_t> ByteTokenizer::Encode(absl::string_view text) const {
  return EncodeOrdinary(text);
}

std::vector<int32_t> ByteTokenizer::EncodeOrdinary(absl::string_view text) const {
  std::vector<int32_t> ids;
  for (char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::string ByteTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) text += TokenBytes(id);
  return text;
}

std::string ByteTokenizer::TokenBytes(int32_t id) const {
  if (id == 256) return "<|endoftext|>";
  return id >= 0 && id < 256 ? std::string(1, static_cast<char>(id)) : std::string();
}

std::optional<int32_t> ByteTokenizer::TokenId(absl::string_view bytes) const {
  if (bytes == "<|endoftext|>") return 256;
  if (bytes.size() != 1) return std::nullopt;
  return static_cast<unsigned char>(bytes[0]);
}

std::shared_ptr<const DecoderModel> MakeFakeModel(int64_t max_context, uint64_t seed) {
  return std::make_shared<FakeModel>(max_context, seed);
}

}  // namespace strata::inference
