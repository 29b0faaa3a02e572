// Models in memory behind inference::DecoderModel.
#ifndef STRATA_LLM_MODEL_LOCAL_MODEL_H_
#define STRATA_LLM_MODEL_LOCAL_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "inference/engine/decoder_model.h"
#include "llm/model/decoder_config.pb.h"
#include "llm/model/packed_weights.h"

namespace strata::llm {

// A model of the source's weights. `config` is complete.
absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, const WeightSource& source,
    const PackOptions& options = {});

// A model on weights that are already in memory (just trained), by the names of DecoderParameters().
absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, inference::WeightMap weights,
    const PackOptions& options = {});

// A model of that shape on made weights in `format`: for measuring speed.
absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeMadeModel(
    std::string name, DecoderConfig config, const std::string& format, uint64_t seed = 1);

// Bytes of the weights that one token reads when it is decoded alone: every matrix once, of a mixture the experts that a
// token goes to, of the embedding one row.
double BytesPerToken(const DecoderConfig& config, const inference::WeightMap& weights);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_LOCAL_MODEL_H_
