// The decoder: one definition for all architectures, on any medium.
#ifndef STRATA_LLM_MODEL_DECODER_BODY_H_
#define STRATA_LLM_MODEL_DECODER_BODY_H_

#include "llm/model/architectures.h"
#include "llm/model/medium.h"

namespace strata::llm {

class DecoderBody {
 public:
  // `config` is complete, and outlives the body, as does the medium.
  DecoderBody(Medium& medium, const DecoderConfig& config);

  // Hidden states [B, W, C], before the last norm, of those of tokens [B, T] at positions [B, T] that the medium wants. In
  // the last layer the others are keys and values only.
  Tensor Hidden(const Tensor& tokens, const Tensor& positions) const;

  // Logits [..., V] of hidden states [..., C].
  Tensor Logits(const Tensor& x) const;

 private:
  std::string Name(TensorRole role, int64_t layer = 0) const;
  Tensor Norm(TensorRole role, int64_t layer, const Tensor& x) const;
  // x of all rows, or of `rows` of them.
  Tensor Of(RowSet rows, const Tensor& x) const;
  // `rows` of the layer's output from all of its input.
  Tensor Layer(int64_t layer, RowSet rows, Tensor x) const;
  // x + block(x), with the norms where the config puts them. The block gives `rows` of those of x.
  template <typename Block>
  Tensor Residual(TensorRole before, TensorRole after, int64_t layer, RowSet rows, const Tensor& x,
                  Block block) const;

  // Of `rows` of x.
  Tensor Attention(int64_t layer, RowSet rows, const Tensor& x) const;
  Heads Project(int64_t layer, RowSet rows, const Tensor& x) const;
  Tensor HeadNorm(TensorRole role, int64_t layer, const Tensor& x) const;
  Tensor LatentAttentionOf(int64_t layer, RowSet rows, const Tensor& x) const;

  Tensor FeedForward(int64_t layer, const Tensor& x) const;
  Tensor Mlp(int64_t layer, const Tensor& x) const;
  Tensor Mixture(int64_t layer, const Tensor& x) const;

  MatrixSpec Matrix(TensorRole role, int64_t layer, int64_t in, int64_t out, bool bias = false,
                    bool residual = false) const;
  AttentionSpec SpecOf(int64_t layer, RowSet queries) const;

  Medium& medium_;
  const DecoderConfig& config_;
  const Architecture& row_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_DECODER_BODY_H_
