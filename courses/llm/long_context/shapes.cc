#include "courses/llm/long_context/shapes.h"

#include <utility>

#include "llm/model/config.h"
#include "llm/model/local_model.h"

namespace strata::courses {
namespace {

using inference::KvFormat;

constexpr int64_t kLayers = 2, kHeads = 8, kHeadWidth = 64, kWindow = 1024, kSinks = 4;

llm::DecoderConfig Sized(const char* architecture) {
  llm::DecoderConfig config;
  config.set_architecture(architecture);
  config.set_vocab_size(64);
  config.set_context(int64_t{1} << 17);
  config.set_layers(kLayers);
  config.set_width(kHeads * kHeadWidth);
  config.set_heads(kHeads);
  config.set_mlp_width(512);
  return config;
}

llm::DecoderConfig Grouped(int64_t kv_heads) {
  llm::DecoderConfig config = Sized("llama");
  config.set_kv_heads(kv_heads);
  return config;
}

// DeepSeek-V2's proportions: the vector is two heads wide, position takes half a head.
llm::DecoderConfig Latent() {
  llm::DecoderConfig config = Sized("deepseek_v2");
  llm::LatentAttention& latent = *config.mutable_latent();
  latent.set_kv_rank(2 * kHeadWidth);
  latent.set_nope_width(kHeadWidth);
  latent.set_rope_width(kHeadWidth / 2);
  latent.set_value_width(kHeadWidth);
  return config;
}

llm::DecoderConfig Windowed() {
  llm::DecoderConfig config = Grouped(kHeads);
  config.set_window(kWindow);
  return config;
}

}  // namespace

int64_t ContextShape::NumbersALayer() const {
  if (config.has_latent()) return config.latent().kv_rank() + config.latent().rope_width();
  return 2 * config.kv_heads() * config.head_width();
}

int64_t ContextShape::RowsALayer() const { return config.has_latent() ? 1 : 2 * config.kv_heads(); }

int64_t ContextShape::ClosedForm(KvFormat kv) const {
  constexpr int64_t kScaleBytes = 4;
  const int64_t numbers = NumbersALayer() * config.layers();
  if (kv == KvFormat::kInt8) return numbers + kScaleBytes * RowsALayer() * config.layers();
  return numbers * (kv == KvFormat::kF32 ? 4 : 2);
}

absl::StatusOr<std::vector<ContextShape>> ContextShapes() {
  std::vector<ContextShape> shapes = {
      {"MHA", "every head has keys and values of its own", Grouped(kHeads)},
      {"GQA", "four heads share keys and values", Grouped(kHeads / 4)},
      {"MQA", "all heads share keys and values", Grouped(1)},
      {"MLA", "keys and values of all heads are made from one kept vector", Latent()},
      {"window", "a token sees the last 1024", Windowed(), 0, kWindow},
      {"sinks", "a token sees the first 4 and the last 1024", Grouped(kHeads), kSinks, kWindow}};
  for (ContextShape& shape : shapes) {
    absl::StatusOr<llm::DecoderConfig> complete = llm::CompleteConfig(std::move(shape.config));
    if (!complete.ok()) return Annotate(complete.status(), shape.name);
    shape.config = *std::move(complete);
  }
  return shapes;
}

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> ShapeModel(
    const ContextShape& shape) {
  return llm::MakeMadeModel(shape.name, shape.config, "q8_0");
}

const char* KvName(KvFormat kv) {
  return kv == KvFormat::kF32 ? "f32" : kv == KvFormat::kF16 ? "f16" : "int8";
}

}  // namespace strata::courses
