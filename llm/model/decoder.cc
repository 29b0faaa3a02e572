#include "llm/model/decoder.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder_body.h"
#include "llm/model/plain_medium.h"

namespace strata::llm {
namespace {

using framework::ParameterSet;
using graph::Attr;
using graph::Builder;

// 0, 1, 2, ... along the second of two dims.
Tensor Counting(Builder& builder, const graph::Size& rows, int64_t columns) {
  return Tensor(builder, builder.Apply("iota", {},
                                       {{"dtype", Attr(chips::I32)},
                                        {"dims", Attr(graph::Shape{rows, columns})},
                                        {"axis", Attr(int64_t{1})}}));
}

int64_t Elements(const framework::ParameterSpec& spec) {
  int64_t elements = 1;
  for (int64_t dim : spec.dims) elements *= dim;
  return elements;
}

// Whether rows of the parameter are looked up and nothing is multiplied with it.
bool IsTable(const DecoderConfig& config, const Architecture& row, const std::string& name) {
  if (name == FillName(HfPattern(row, TensorRole::kPositions), 0) + ".weight") return true;
  return !config.tie_embeddings() &&
         name == FillName(HfPattern(row, TensorRole::kEmbedding), 0) + ".weight";
}

// Weights of the matrices that a token is multiplied with.
double MatrixParameters(const DecoderConfig& config) {
  const Architecture& row = **FindArchitecture(config.architecture());
  double total = 0;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    if (spec.dims.size() < 2 || IsTable(config, row, spec.name)) continue;
    const bool experts = spec.dims.size() == 3;
    total += static_cast<double>(Elements(spec)) *
             (experts ? static_cast<double>(config.experts().per_token()) /
                            static_cast<double>(config.experts().count())
                      : 1.0);
  }
  return total;
}

}  // namespace

std::vector<framework::ParameterSpec> DecoderParameters(const DecoderConfig& config) {
  Builder builder("parameters");
  ParameterSet parameters(builder, chips::F32);
  const Tensor tokens = framework::Input(builder, "tokens", {chips::I32, {1, 1}}, graph::DATA);
  PlainMedium medium(parameters, config, Counting(builder, 1, 1));
  const DecoderBody decoder(medium, config);
  decoder.Logits(decoder.Hidden(tokens, Counting(builder, 1, 1)));
  return parameters.specs();
}

int64_t ParameterCount(const DecoderConfig& config) {
  int64_t count = 0;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) count += Elements(spec);
  return count;
}

double TrainingFlops(const DecoderConfig& config, int64_t tokens, int64_t length) {
  const double matrices = 6.0 * MatrixParameters(config);
  // Scores and weighted sum: 2 products of 2 T H D flops a token and layer, half of it causal, three times with backward.
  const double attention =
      6.0 * static_cast<double>(config.layers() * config.heads() * config.head_width() * length);
  return static_cast<double>(tokens) * (matrices + attention);
}

DecoderLoss BuildDecoderLoss(Builder& builder, const DecoderConfig& config, int64_t sequence) {
  const Tensor tokens =
      framework::Input(builder, "tokens", {chips::I32, {"B", sequence}}, graph::DATA);
  const Tensor targets =
      framework::Input(builder, "targets", {chips::I32, {"B", sequence}}, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  const Builder::Scope scope(builder, config.architecture());
  const Tensor positions = Counting(builder, "B", sequence);
  PlainMedium medium(parameters, config, positions);
  const DecoderBody decoder(medium, config);
  const Tensor losses =
      framework::CrossEntropy(decoder.Logits(decoder.Hidden(tokens, positions)), targets);
  const Tensor loss = framework::Mean(losses);
  if (loss.valid()) builder.Rename(loss.id(), "loss");
  return {loss.id(), parameters.ids()};
}

absl::StatusOr<graph::Graph> BuildDecoderLogits(const DecoderConfig& config, int64_t batch,
                                                int64_t sequence) {
  Builder builder(absl::StrCat("logits_", sequence));
  const Tensor tokens =
      framework::Input(builder, "tokens", {chips::I32, {batch, sequence}}, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  const Builder::Scope scope(builder, config.architecture());
  const Tensor positions = Counting(builder, batch, sequence);
  PlainMedium medium(parameters, config, positions);
  const DecoderBody decoder(medium, config);
  builder.Output(decoder.Logits(decoder.Hidden(tokens, positions)).id(), "logits", graph::SHARDED);
  return std::move(builder).Build();
}

absl::StatusOr<graph::Graph> BuildDecoderStep(const DecoderConfig& config, int64_t batch,
                                              int64_t tokens, int64_t cache_length) {
  Builder builder(absl::StrCat("decode_", tokens));
  const Tensor ids =
      framework::Input(builder, "tokens", {chips::I32, {batch, tokens}}, graph::DATA);
  const Tensor start = framework::Input(builder, "start", {chips::I32, {batch}}, graph::DATA);
  ParameterSet parameters(builder, chips::F32);
  const Builder::Scope scope(builder, config.architecture());
  const Tensor positions = Counting(builder, batch, tokens) + framework::Reshape(start, {batch, 1});
  PlainMedium medium(parameters, config, positions, start, cache_length);
  const DecoderBody decoder(medium, config);
  const Tensor hidden = decoder.Hidden(ids, positions);
  const Tensor last =
      framework::Reshape(framework::Slice(hidden, 1, tokens - 1, tokens), {batch, config.width()});
  const Tensor logits = decoder.Logits(last);
  // The logits come first among the outputs; the caches' updates were listed as they were made.
  builder.Output(logits.id(), "logits", graph::SHARDED);
  absl::StatusOr<graph::Graph> graph = std::move(builder).Build();
  if (!graph.ok()) return graph.status();
  auto* outputs = graph->mutable_outputs();
  for (int i = outputs->size() - 1; i > 0; --i) outputs->SwapElements(i, i - 1);
  return graph;
}

}  // namespace strata::llm
