// PackedMedium: packed weights, and keys and values in one pool of slots: a step of the engine over a ragged batch.
// Activations are [1, R, ...] for the R rows of the step. Latent attention works in the compressed space (weight
// absorption, arXiv:2405.04434 section 2.1.2), and only the chosen experts are computed.
#ifndef STRATA_LLM_MODEL_PACKED_MEDIUM_H_
#define STRATA_LLM_MODEL_PACKED_MEDIUM_H_

#include <map>
#include <string>
#include <vector>

#include "inference/engine/decoder_model.h"
#include "llm/model/medium.h"
#include "llm/model/packed_weights.h"

namespace strata::llm {

// The step's DATA inputs and sizes, as inference/engine/decoder_model.h has them.
struct StepInputs {
  Tensor positions;   // [R]
  Tensor slots;       // [R]
  Tensor views;       // [V, L]
  Tensor row_view;    // [R]
  Tensor row_length;  // [R]
  inference::StepShape shape;
};

class PackedMedium : public Medium {
 public:
  // `config` is StepConfig()'s. Both references must outlive the medium.
  PackedMedium(graph::Builder& builder, const DecoderConfig& config,
               const std::map<std::string, PackedMatrix>& matrices, StepInputs inputs,
               inference::KvFormat kv);

  graph::Builder& builder() override { return builder_; }
  Tensor Parameter(const std::string& name, const std::vector<int64_t>& dims,
                   const framework::Init& init) override;
  Tensor Multiply(const MatrixSpec& matrix, const Tensor& x, const Location& location) override;
  Tensor LookUp(const MatrixSpec& table, const Tensor& ids) override;
  Tensor Unembed(const MatrixSpec& table, const Tensor& x) override;
  Tensor Wanted(const Tensor& x) override;
  Tensor Turn(bool local, RowSet rows, const Tensor& x) override;
  Tensor Attend(const AttentionSpec& spec, const Heads& heads) override;
  Tensor AttendLatent(const AttentionSpec& spec, const LatentAttention& sizes, const MatrixSpec& up,
                      const LatentHeads& heads) override;
  Tensor MixExperts(const Experts& experts, const ExpertsSpec& spec, const Tensor& x,
                    const Tensor& scores, const Tensor& choice) override;

 private:
  // A cache with the step's keys or values in it, and in int8 its scales.
  struct Cache {
    Tensor elements, scales;
  };
  struct Weight {
    Tensor tensor;
    graph::Attributes attributes;  // of the op that multiplies with it
  };

  Tensor Once(const std::string& name, const graph::TensorType& type);
  Weight WeightOf(const std::string& name);
  Tensor Product(const std::string& name, const Tensor& x);
  // x [R, J, K] with matrix ids[r, j] of a stack.
  Tensor ProductOfEach(const std::string& name, const Tensor& x, const Tensor& ids);
  Cache Write(const std::string& name, const Tensor& fresh);
  Tensor Paged(const AttentionSpec& spec, const Tensor& q, const Cache& keys, const Cache& values,
               int64_t value_width);
  // One of the step's inputs [R], or of `rows` of it.
  Tensor Of(RowSet rows, const Tensor& input);
  Tensor HeadNumbers(int64_t rows, int64_t heads);

  graph::Builder& builder_;
  const DecoderConfig& config_;
  const std::map<std::string, PackedMatrix>& matrices_;
  StepInputs inputs_;
  inference::KvFormat kv_;
  std::map<std::string, Tensor> made_;      // parameters, by name
  std::map<int64_t, Tensor> head_numbers_;  // by rows
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PACKED_MEDIUM_H_
