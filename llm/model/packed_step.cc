#include "llm/model/packed_step.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "llm/model/decoder_body.h"
#include "llm/model/packed_medium.h"

namespace strata::llm {
namespace {

using framework::Reshape;
using graph::Builder;

Tensor Ints(Builder& builder, const char* name, const graph::Shape& dims) {
  return framework::Input(builder, name, {chips::I32, dims}, graph::DATA);
}

absl::Status Check(const inference::StepShape& shape) {
  const std::pair<const char*, int64_t> sizes[] = {{"rows", shape.rows},
                                                   {"logit_rows", shape.logit_rows},
                                                   {"views", shape.views},
                                                   {"view_length", shape.view_length},
                                                   {"slots", shape.slots}};
  for (const auto& [name, size] : sizes) {
    if (size < 1)
      return absl::InvalidArgumentError(absl::StrCat("step: ", name, ": ", size, " is below 1"));
  }
  if (shape.logit_rows > shape.rows) {
    return absl::InvalidArgumentError(absl::StrCat("step: logit_rows: ", shape.logit_rows,
                                                   " of a step of ", shape.rows, " rows"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<graph::Graph> BuildPackedStep(const DecoderConfig& config,
                                             const std::map<std::string, PackedMatrix>& matrices,
                                             const inference::StepShape& shape,
                                             inference::KvFormat kv) {
  STRATA_RETURN_IF_ERROR(Check(shape));
  Builder builder(absl::StrCat("step_", shape.rows));
  const Tensor tokens = Ints(builder, "tokens", {shape.rows});
  StepInputs inputs;
  inputs.positions = Ints(builder, "positions", {shape.rows});
  inputs.slots = Ints(builder, "slots", {shape.rows});
  inputs.views = Ints(builder, "views", {shape.views, shape.view_length});
  inputs.row_view = Ints(builder, "row_view", {shape.rows});
  inputs.row_length = Ints(builder, "row_length", {shape.rows});
  inputs.shape = shape;

  const DecoderConfig step = StepConfig(config);
  const Builder::Scope scope(builder, config.architecture());
  PackedMedium medium(builder, step, matrices, inputs, kv);
  const DecoderBody decoder(medium, step);
  const Tensor hidden =
      decoder.Hidden(Reshape(tokens, {1, shape.rows}), Reshape(inputs.positions, {1, shape.rows}));
  const Tensor logits = decoder.Logits(Reshape(hidden, {shape.logit_rows, config.width()}));
  // The logits come first among the outputs; the caches' updates were listed as they were made.
  builder.Output(logits.id(), "logits", graph::SHARDED);
  absl::StatusOr<graph::Graph> graph = std::move(builder).Build();
  if (!graph.ok()) return graph.status();
  auto* outputs = graph->mutable_outputs();
  for (int i = outputs->size() - 1; i > 0; --i) outputs->SwapElements(i, i - 1);
  return graph;
}

}  // namespace strata::llm
