// PlainMedium: f32 parameters, whole sequences side by side [B, T]. For training, and the oracle of the engine's steps.
// All rows are wanted. Everything is in its direct form: latent attention makes keys and values of all heads, all experts
// see all tokens.
#ifndef STRATA_LLM_MODEL_PLAIN_MEDIUM_H_
#define STRATA_LLM_MODEL_PLAIN_MEDIUM_H_

#include <string>
#include <vector>

#include "framework/nn/parameters.h"
#include "llm/model/medium.h"

namespace strata::llm {

class PlainMedium : public Medium {
 public:
  // Positions [B, T] of the tokens. With `start` [B] the tokens follow so many that each row of a cache of
  // `cache_length` has already.
  PlainMedium(framework::ParameterSet& parameters, const DecoderConfig& config, Tensor positions,
              Tensor start = {}, int64_t cache_length = 0);

  graph::Builder& builder() override { return parameters_.builder(); }
  Tensor Parameter(const std::string& name, const std::vector<int64_t>& dims,
                   const framework::Init& init) override;
  Tensor Multiply(const MatrixSpec& matrix, const Tensor& x, const Location& location) override;
  Tensor LookUp(const MatrixSpec& table, const Tensor& ids) override;
  Tensor Unembed(const MatrixSpec& table, const Tensor& x) override;
  Tensor Wanted(const Tensor& x) override { return x; }
  Tensor Turn(bool local, RowSet rows, const Tensor& x) override;
  Tensor Attend(const AttentionSpec& spec, const Heads& heads) override;
  Tensor AttendLatent(const AttentionSpec& spec, const LatentAttention& sizes, const MatrixSpec& up,
                      const LatentHeads& heads) override;
  Tensor MixExperts(const Experts& experts, const ExpertsSpec& spec, const Tensor& x,
                    const Tensor& scores, const Tensor& choice) override;

 private:
  Tensor Frequencies(bool local);
  Tensor Remember(const std::string& name, const Tensor& fresh);
  Tensor Stack(const StackSpec& stack);

  framework::ParameterSet& parameters_;
  const DecoderConfig& config_;
  Tensor positions_, start_;
  int64_t cache_length_;
  Tensor frequencies_[2];  // by `local`, made at first use
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PLAIN_MEDIUM_H_
