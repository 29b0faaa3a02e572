#include "llm/model/packed_weights.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/packed_rows.h"
#include "gtest/gtest.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/fit_format.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

// Row n of matrix `index` of a packed tensor.
std::vector<float> Row(const PackedWeights& weights, const std::string& name, int64_t index,
                       int64_t n) {
  const PackedMatrix& m = weights.matrices.at(name);
  const uint8_t* bytes = weights.tensors.at(name).data<uint8_t>();
  std::vector<float> row(static_cast<size_t>(m.k));
  if (m.rows16) {
    const int64_t all = chips::PackedGroups(m.n) * chips::GroupBytes(*m.format, m.k);
    chips::UnpackRow(*m.format, bytes + index * all, n, m.k, row.data());
  } else {
    chips::DecodeRow(*m.format, bytes + n * chips::RowBytes(*m.format, m.k), m.k, row.data());
  }
  return row;
}

absl::StatusOr<PackedWeights> PackTiny(const DecoderConfig& config,
                                       const inference::WeightMap& weights,
                                       const std::string& format) {
  return PackWeights(config, *MemorySource(config, weights), {.format = format});
}

TEST(PackedWeights, F32MatricesKeepTheirValuesAndTransposedOnesAreTurned) {
  const DecoderConfig config = TinyConfig("gpt2");
  const inference::WeightMap weights = TinyWeights(config, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights packed, PackTiny(config, weights, ""));
  const HostTensor& w = weights.at("h.1.attn.c_attn.weight");  // [64, 192]
  for (int64_t n : {0, 15, 16, 191}) {
    const std::vector<float> row = Row(packed, "h.1.attn.c_attn.packed", 0, n);
    for (int64_t k = 0; k < 64; ++k)
      ASSERT_EQ(row[static_cast<size_t>(k)], w.data<float>()[k * 192 + n]) << n << ", " << k;
  }
  // The table serves look-ups in place, and packed as the output matrix.
  const HostTensor& table = weights.at("wte.weight");
  EXPECT_EQ(packed.tensors.at("wte.rows").raw(), table.raw());
  for (int64_t n : {0, 60}) {
    const float* expected = table.data<float>() + n * 64;
    EXPECT_EQ(Row(packed, "wte.packed", 0, n), std::vector<float>(expected, expected + 64));
  }
  EXPECT_EQ(packed.tensors.at("wpe.weight").ToDoubles(), weights.at("wpe.weight").ToDoubles());
  EXPECT_EQ(packed.tensors.count("rope.frequencies"), 0u);
}

TEST(PackedWeights, FormatsFallBackWhereRowsDoNotFitTheirBlocks) {
  const auto fit = [](const char* wanted, int64_t k) {
    return std::string(FitFormat(**chips::FindWeightFormat(wanted), k).name);
  };
  EXPECT_EQ(fit("q4_k", 512), "q4_k");
  EXPECT_EQ(fit("q4_k", 896), "q5_0");
  EXPECT_EQ(fit("q6_k", 896), "q8_0");
  EXPECT_EQ(fit("q5_k", 48), "f16");
  EXPECT_EQ(fit("f32", 7), "f32");
}

TEST(PackedWeights, EncodesFloatsButNotTheRouterAndVectors) {
  const DecoderConfig config = TinyConfig("mixtral");
  const inference::WeightMap weights = TinyWeights(config, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights packed, PackTiny(config, weights, "q8_0"));
  const std::string layer = "model.layers.0.";
  EXPECT_STREQ(packed.matrices.at(layer + "block_sparse_moe.gate.packed").format->name, "f32");
  EXPECT_EQ(packed.tensors.at(layer + "input_layernorm.weight").dtype(), chips::F32);
  const std::string name = layer + "block_sparse_moe.experts.w2";
  const PackedMatrix& down = packed.matrices.at(name + ".packed");
  EXPECT_STREQ(down.format->name, "q8_0");
  EXPECT_EQ(down.count, 8);
  const HostTensor& w = weights.at(name + ".weight");  // [8, 64, 96]
  const std::vector<float> row = Row(packed, name + ".packed", 5, 33);
  for (int64_t k = 0; k < 96; ++k) {
    const float expected = w.data<float>()[(5 * 64 + 33) * 96 + k];
    EXPECT_NEAR(row[static_cast<size_t>(k)], expected, 0.01) << k;
  }
  EXPECT_THAT(PackTiny(config, weights, "q3_x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("q8_0")));
}

TEST(PackedWeights, LatentKeysAreTurnedForAbsorption) {
  const DecoderConfig config = TinyConfig("deepseek_v2");
  const inference::WeightMap weights = TinyWeights(config, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights packed, PackTiny(config, weights, ""));
  const std::string name = "model.layers.1.self_attn.kv_b_proj";
  const float* w = weights.at(name + ".weight").data<float>();  // [4 (32 + 32), 64]
  const int64_t head = 3, rank = 64;
  for (int64_t r : {0, 17, 63}) {
    const std::vector<float> row = Row(packed, name + ".key.packed", head, r);
    ASSERT_EQ(row.size(), 32u);
    for (int64_t k = 0; k < 32; ++k)
      ASSERT_EQ(row[static_cast<size_t>(k)], w[(head * 64 + k) * rank + r]);
  }
  const float* value = w + (head * 64 + 32 + 9) * rank;
  EXPECT_EQ(Row(packed, name + ".value.packed", head, 9), std::vector<float>(value, value + rank));
}

// A source whose files have the matrix to keys and values in two, the keys' part turned already.
class SplitSource : public WeightSource {
 public:
  SplitSource(const DecoderConfig& config, const inference::WeightMap& weights)
      : config_(config), weights_(weights), whole_(MemorySource(config, weights)) {}

  absl::StatusOr<std::vector<RawTensor>> Get(const framework::ParameterSpec& spec) const override {
    return whole_->Get(spec);
  }
  absl::StatusOr<std::vector<RawTensor>> GetSplitKvUp(
      const framework::ParameterSpec& spec) const override {
    const LatentAttention& l = config_.latent();
    const int64_t H = config_.heads(), nope = l.nope_width(), value = l.value_width();
    const int64_t rank = l.kv_rank();
    const float* w = weights_.at(spec.name).data<float>();  // [H (nope + value), rank]
    HostTensor keys = HostTensor::Allocate(chips::F32, {H, rank, nope});
    HostTensor values = HostTensor::Allocate(chips::F32, {H, value, rank});
    for (int64_t h = 0; h < H; ++h) {
      const float* head = w + h * (nope + value) * rank;
      for (int64_t r = 0; r < rank; ++r) {
        for (int64_t k = 0; k < nope; ++k)
          keys.data<float>()[(h * rank + r) * nope + k] = head[k * rank + r];
        for (int64_t v = 0; v < value; ++v)
          values.data<float>()[(h * value + v) * rank + r] = head[(nope + v) * rank + r];
      }
    }
    std::vector<RawTensor> parts;
    for (const HostTensor& part : {keys, values}) {
      STRATA_ASSIGN_OR_RETURN(parts.emplace_back(), RawOf(part));
    }
    return parts;
  }

 private:
  const DecoderConfig& config_;
  const inference::WeightMap& weights_;
  std::unique_ptr<WeightSource> whole_;
};

TEST(PackedWeights, LatentMatricesInTwoAreThoseInOne) {
  const DecoderConfig config = TinyConfig("deepseek_v3");
  const inference::WeightMap weights = TinyWeights(config, 3);
  for (const char* format : {"", "q8_0"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights one, PackTiny(config, weights, format));
    STRATA_ASSERT_OK_AND_ASSIGN(
        const PackedWeights two,
        PackWeights(config, SplitSource(config, weights), {.format = format}));
    for (const char* part : {".key.packed", ".value.packed"}) {
      const std::string name = std::string("model.layers.0.self_attn.kv_b_proj") + part;
      const HostTensor &a = one.tensors.at(name), &b = two.tensors.at(name);
      ASSERT_EQ(a.dims(), b.dims());
      EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.size_bytes()), 0) << name << " " << format;
    }
  }
}

TEST(PackedWeights, NormsCarryTheirOffset) {
  const DecoderConfig config = TinyConfig("gemma2");
  const inference::WeightMap weights = TinyWeights(config, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights packed, PackTiny(config, weights, ""));
  EXPECT_EQ(packed.tensors.at("model.norm.weight").data<float>()[7],
            weights.at("model.norm.weight").data<float>()[7] + 1);
  EXPECT_EQ(StepConfig(config).norm_offset(), 0);
  EXPECT_EQ(packed.tensors.at("rope.local_frequencies").elements(), 16);
}

TEST(PackedWeights, SameBytesOnAnyNumberOfThreads) {
  const DecoderConfig config = TinyConfig("deepseek_v3");
  const inference::WeightMap weights = TinyWeights(config, 3);
  const auto source = MemorySource(config, weights);
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights one,
                              PackWeights(config, *source, {.format = "q4_0", .threads = 1}));
  STRATA_ASSERT_OK_AND_ASSIGN(const PackedWeights four,
                              PackWeights(config, *source, {.format = "q4_0", .threads = 4}));
  for (const auto& [name, tensor] : one.tensors)
    EXPECT_EQ(tensor.ToDoubles(), four.tensors.at(name).ToDoubles()) << name;
}

TEST(PackedWeights, MadeWeightsHaveTheFormatAndTheShapes) {
  const DecoderConfig config = TinyConfig("llama");
  STRATA_ASSERT_OK_AND_ASSIGN(
      const PackedWeights packed,
      PackWeights(config, *MadeSource(**chips::FindWeightFormat("q4_k"), 1), {}));
  EXPECT_STREQ(packed.matrices.at("lm_head.packed").format->name, "q5_0") << "rows of 64";
  EXPECT_STREQ(packed.matrices.at("model.embed_tokens.rows").format->name, "q5_0");
}

TEST(PackedWeights, FaultsNameTheTensor) {
  const DecoderConfig config = TinyConfig("llama");
  inference::WeightMap weights = TinyWeights(config, 3);
  weights["lm_head.weight"] = HostTensor::Zeros(chips::F32, {61, 63});
  EXPECT_THAT(
      PackTiny(config, weights, ""),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'lm_head.weight': is f32[61, 63]")));
  weights["lm_head.weight"] = HostTensor::Zeros(chips::I32, {61, 64});
  EXPECT_THAT(PackTiny(config, weights, ""),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("lm_head.weight")));
  weights.erase("lm_head.weight");
  EXPECT_THAT(PackTiny(config, weights, ""),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("lm_head.weight")));
}

}  // namespace
}  // namespace strata::llm
