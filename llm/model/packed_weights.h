// PackedWeights: a decoder's weights as the engine's steps take them. Matrices are u8 tensors in a format of
// chips/numerics/weight_format.h, 16 rows interleaved (chips/numerics/packed_rows.h); norms and biases are f32; the rows
// of the token embedding lie in place, as the file has them.
//
//   STRATA_ASSIGN_OR_RETURN(PackedWeights weights, PackWeights(config, *source, {.format = "q8_0"}));
//   weights.tensors.at("model.layers.0.mlp.up_proj.packed");      // u8 [groups, bytes of a group]
//
// Names are those of DecoderParameters() with ".packed" in place of ".weight" for what is packed; "<embedding>.rows" for
// the table. RoPE's frequencies are tensors too. Latent attention's matrix to keys and values becomes two, a pair of
// matrices a head: "<name>.key.packed" [H, rank of rows nope] (turned: it takes queries to the compressed space) and
// "<name>.value.packed" [H, value of rows rank].
#ifndef STRATA_LLM_MODEL_PACKED_WEIGHTS_H_
#define STRATA_LLM_MODEL_PACKED_WEIGHTS_H_

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "chips/numerics/weight_format.h"
#include "inference/engine/decoder_model.h"
#include "llm/model/decoder_config.pb.h"
#include "llm/model/weight_source.h"

namespace strata::llm {

// How a u8 tensor is read.
struct PackedMatrix {
  const chips::WeightFormat* format = nullptr;
  bool rows16 = true;
  int64_t count = 0;  // of matrices one after another; 0: one, without a dim for it
  int64_t n = 0;      // rows
  int64_t k = 0;      // weights of a row
};

struct PackedWeights {
  inference::WeightMap tensors;
  std::map<std::string, PackedMatrix> matrices;  // of the u8 tensors, by name
};

struct PackOptions {
  std::string format;  // f32, f16 and bf16 matrices are encoded in it; empty: as they are
  int threads = 0;     // 0: all cores
};

// The config of a step: what packing has taken care of is gone from it (transposed files, offsets of norms).
DecoderConfig StepConfig(DecoderConfig config);

inline constexpr char kRopeFrequencies[] = "rope.frequencies";         // f32 [rope.width / 2]
inline constexpr char kLocalFrequencies[] = "rope.local_frequencies";  // of layers with a window

// Errors name the tensor. `config` is complete.
absl::StatusOr<PackedWeights> PackWeights(const DecoderConfig& config, const WeightSource& source,
                                          const PackOptions& options);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PACKED_WEIGHTS_H_
