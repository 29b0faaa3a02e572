// Weight-only int8: each output channel of a weight matrix becomes int8 and one fp32 scale (symmetric, round to
// nearest), activations stay fp32. Dettmers et al., LLM.int8() (2022), section 2.1, without the outlier part.
//
//   auto quantized = QuantizeModel(model);      // a DecoderModel like any other: serve it, generate with it
#ifndef STRATA_INFERENCE_COMPRESS_INT8_H_
#define STRATA_INFERENCE_COMPRESS_INT8_H_

#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "inference/engine/decoder_model.h"

namespace strata::inference {

struct Int8Matrix {
  graph::HostTensor values;  // [N, K] i8
  graph::HostTensor scales;  // [N] f32; w[n, k] ~ values[n, k] * scales[n], error <= scales[n] / 2
};

// `weight` is [N, K] f32, or [K, N] when `transposed`. INVALID_ARGUMENT for another type, and for NaN or infinity.
absl::StatusOr<Int8Matrix> QuantizeInt8(const graph::HostTensor& weight, bool transposed);

// Every matmul(x, w) with a rank-2 f32 PARAMETER w becomes matmul_int8(x, "w.int8", "w.scale"); a w that is used for
// nothing else is no longer an input. `quantized` (may be null) receives the name of each such w and whether it is [K, N].
absl::StatusOr<graph::Graph> QuantizeGraph(const graph::Graph& graph,
                                           std::map<std::string, bool>* quantized);

// The model with all its matrix weights in int8. Quantises once, here; embeddings keep fp32 rows for look-ups.
absl::StatusOr<std::shared_ptr<const DecoderModel>> QuantizeModel(
    std::shared_ptr<const DecoderModel> model);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_INT8_H_
