// One step of the engine over a ragged batch, as inference/engine/decoder_model.h asks.
#ifndef STRATA_LLM_MODEL_PACKED_STEP_H_
#define STRATA_LLM_MODEL_PACKED_STEP_H_

#include <map>
#include <string>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "inference/engine/decoder_model.h"
#include "llm/model/packed_weights.h"

namespace strata::llm {

// `config` is complete, `matrices` those of its PackedWeights. STATE: for a layer "<layer>.attention.k_cache" and
// ".v_cache" [slots, KV, D] (latent attention: ".kv_cache" [slots, 1, kv_rank + rope_width]); of int8 also their
// ".scale" [slots, KV].
absl::StatusOr<graph::Graph> BuildPackedStep(const DecoderConfig& config,
                                             const std::map<std::string, PackedMatrix>& matrices,
                                             const inference::StepShape& shape,
                                             inference::KvFormat kv);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PACKED_STEP_H_
