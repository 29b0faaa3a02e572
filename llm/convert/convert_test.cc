#include "llm/convert/convert.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "framework/data/safetensors.h"
#include "framework/graph/interpreter.h"
#include "inference/import/gguf.h"
#include "llm/convert/tensor_map.h"
#include "llm/convert/tiny_folder.h"
#include "llm/model/architectures.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/gguf_config.h"
#include "llm/model/hf_config.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tensors = std::map<std::string, HostTensor>;

std::string TempPath(const std::string& name) {
  return JoinPath(JoinPath(::testing::TempDir(), "convert"), name);
}
std::string Fresh(const std::string& name) {
  const std::string path = TempPath(name);
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(TempPath(""));
  return path;
}

std::vector<double> Logits(const DecoderConfig& config, Tensors tensors) {
  const absl::StatusOr<graph::Graph> graph = BuildDecoderLogits(config, 1, 6);
  EXPECT_OK(graph);
  tensors["tokens"] = HostTensor::FromVector<int32_t>({1, 6}, {3, 14, 15, 9, 26, 53});
  std::vector<HostTensor> inputs;
  for (const auto& input : graph->inputs()) {
    inputs.push_back(tensors.at(graph->values(static_cast<int>(input.value())).name()));
  }
  graph::Interpreter interpreter;
  const auto outputs = interpreter.Evaluate(*graph, inputs);
  EXPECT_OK(outputs);
  return (*outputs)[0].ToDoubles();
}

// The decoder's name of a tensor whose experts are stacked.
std::string ParameterName(const MappedTensor& map) {
  std::string name = map.hf[0];
  return map.hf.size() > 1 ? name.erase(name.find("experts.0.") + 8, 2) : name;
}

// The tensors of a GGUF file, as they lie there, by the decoder's names.
Tensors GgufWeights(const inference::GgufFile& file, const DecoderConfig& hf_config) {
  Tensors tensors;
  const auto maps = MapTensors(hf_config);
  EXPECT_OK(maps);
  for (const MappedTensor& map : *maps) {
    const absl::StatusOr<HostTensor> tensor = file.Decode(map.gguf);
    EXPECT_OK(tensor);
    tensors[ParameterName(map)] = *tensor;
  }
  return tensors;
}

std::map<std::string, DecoderConfig> AllModels() {
  std::map<std::string, DecoderConfig> models = TinyVariants();
  models.erase("rope_partial_interleaved");   // not of Hugging Face's layout
  models.erase("biases_exact_gelu_ungated");  // see GgufHasNoWordsFor
  DecoderConfig& deepseek = models.at("yarn_deepseek");
  deepseek.mutable_rope()->set_mscale_all_dim(1);
  deepseek = *CompleteConfig(deepseek);
  for (const Architecture& row : AllArchitectures()) models[row.name] = TinyConfig(row.name);
  return models;
}

class ConvertAllTest
    : public ::testing::TestWithParam<std::pair<const std::string, DecoderConfig>> {};

INSTANTIATE_TEST_SUITE_P(Models, ConvertAllTest, ::testing::ValuesIn(AllModels()),
                         [](const auto& info) { return info.param.first; });

// Folder -> GGUF: the decoder on the file's own weights and metadata gives the same logits.
// GGUF -> folder: the same bytes.
TEST_P(ConvertAllTest, GgufIsTheSameModelAndComesBack) {
  const auto& [name, config] = GetParam();
  const Tensors weights = TinyWeights(config, 11);
  const std::string folder = Fresh(name), gguf = Fresh(name + ".gguf"),
                    back = Fresh(name + "_back");
  ASSERT_OK(WriteTinyFolder(folder, config, weights));
  STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary summary, Convert(folder, gguf, {}));
  EXPECT_EQ(summary.worst_relative_error, 0) << summary.worst_tensor;
  EXPECT_THAT(summary.fallbacks, IsEmpty());

  STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile file, inference::OpenGguf(gguf));
  STRATA_ASSERT_OK_AND_ASSIGN(const DecoderConfig found, ParseGgufConfig(file));
  const std::vector<double> want = Logits(config, weights);
  const std::vector<double> got = Logits(found, GgufWeights(file, config));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-5) << i;

  ASSERT_OK(Convert(gguf, back, {}).status());
  EXPECT_EQ(*ReadFile(JoinPath(back, "config.json")), *ReadFile(JoinPath(folder, "config.json")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto before, framework::OpenSafetensors(folder));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto after, framework::OpenSafetensors(back));
  ASSERT_EQ(after.entries().size(), before.entries().size());
  for (const auto& [tensor, entry] : before.entries()) {
    ASSERT_TRUE(after.Has(tensor)) << tensor;
    EXPECT_EQ(after.entries().at(tensor).dims, entry.dims) << tensor;
    const bool offset = config.norm_offset() != 0 && entry.dims.size() == 1;
    if (!offset) {
      EXPECT_EQ(after.entries().at(tensor).bytes, entry.bytes) << tensor;
      continue;
    }
    const HostTensor a = *before.Get(tensor), b = *after.Get(tensor);
    for (int64_t i = 0; i < a.elements(); ++i) {
      EXPECT_EQ(1.0f + b.data<float>()[i], 1.0f + a.data<float>()[i]) << tensor;
    }
  }
}

// GGUF has Gemma's norms as fl(1 + w), the factor that Gemma itself multiplies by. What the rounding takes from w cannot
// come back: 1 + w has more digits than fp32. But |w' - w| is at most half a step of 1 + w (2^-24 for w in [-1/2, 1), as
// taking 1 off again is exact), the factor is the same bit for bit, a second round trip changes nothing, and a bf16 w
// (8 digits) comes back as it was where |w| >= 2^-16.
TEST(ConvertTest, GemmasNormsKeepTheirFactor) {
  const DecoderConfig config = TinyConfig("gemma2");
  ASSERT_EQ(config.norm_offset(), 1);
  for (const chips::DType dtype : {chips::F32, chips::BF16}) {
    Tensors weights = TinyWeights(config, 21);
    HostTensor& norm = weights.at("model.norm.weight");
    const float tricky[] = {0,           -0.5f,     0.99999994f, 0x1p-24f, 0x1.8p-24f,
                            0x1p-25f,    -0x1p-26f, 3e-16f,      -1e-30f,  0x1p-16f,
                            0x1.fcp-16f, -0x1p-16f, -0.25f};
    std::copy(std::begin(tricky), std::end(tricky), norm.data<float>());
    const std::string folder = Fresh("norms"), back = Fresh("norms_back"),
                      again = Fresh("norms_again");
    ASSERT_OK(WriteTinyFolder(folder, config, weights, dtype));
    ASSERT_OK(Convert(folder, Fresh("norms.gguf"), {}).status());
    ASSERT_OK(Convert(TempPath("norms.gguf"), back, {}).status());
    ASSERT_OK(Convert(back, Fresh("norms2.gguf"), {}).status());
    ASSERT_OK(Convert(TempPath("norms2.gguf"), again, {}).status());
    STRATA_ASSERT_OK_AND_ASSIGN(const auto first, framework::OpenSafetensors(folder));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto second, framework::OpenSafetensors(back));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto third, framework::OpenSafetensors(again));
    for (const auto& [name, entry] : first.entries()) {
      if (entry.dims.size() != 1) continue;
      const std::vector<double> a = first.Get(name)->ToDoubles(), b = second.Get(name)->ToDoubles(),
                                c = third.Get(name)->ToDoubles();
      for (size_t i = 0; i < a.size(); ++i) {
        const auto was = static_cast<float>(a[i]), is = static_cast<float>(b[i]);
        EXPECT_LE(std::fabs(b[i] - a[i]), 0x1p-24) << name << " " << a[i];
        EXPECT_EQ(1.0f + is, 1.0f + was) << name << " " << a[i];
        EXPECT_EQ(c[i], b[i]) << name << " " << a[i];
        if (dtype == chips::BF16 && (was == 0 || std::fabs(was) >= 0x1p-16f)) {
          EXPECT_EQ(b[i], a[i]) << name;
        }
      }
    }
  }
}

// Without the kept config.json the metadata alone gives the same model.
TEST_P(ConvertAllTest, MetadataAloneGivesTheConfig) {
  const auto& [name, config] = GetParam();
  const std::string folder = Fresh(name + "_meta"), gguf = Fresh(name + "_meta.gguf");
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 12)));
  ASSERT_OK(Convert(folder, gguf, {}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile file, inference::OpenGguf(gguf));
  STRATA_ASSERT_OK_AND_ASSIGN(const DecoderConfig found, ParseGgufConfig(file));
  EXPECT_EQ(found.rope().interleaved(),
            config.architecture() == "llama" || config.architecture() == "mistral" ||
                config.architecture() == "mixtral" || config.has_latent());
  EXPECT_EQ(found.norm_offset(), 0);
  DecoderConfig same = InHfLayout(found);
  // Differently said, the same frequencies; the logits are compared above.
  if (config.rope().scaling() != ROPE_SCALING_UNSPECIFIED) {
    *same.mutable_rope() = config.rope();
    same.set_attention_scale(config.attention_scale());
  }
  same.set_init_std(config.init_std());  // of training only
  EXPECT_EQ(same.DebugString(), config.DebugString());
}

// The order of rows as ggml documents it: those of a head that turn together lie side by side.
TEST(ConvertTest, LlamaQueriesLieInPairs) {
  const DecoderConfig config = TinyConfig("llama");  // 4 heads of 16
  const Tensors weights = TinyWeights(config, 1);
  const std::string folder = Fresh("pairs"), gguf = Fresh("pairs.gguf");
  ASSERT_OK(WriteTinyFolder(folder, config, weights));
  ASSERT_OK(Convert(folder, gguf, {}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile file, inference::OpenGguf(gguf));
  const HostTensor& q = weights.at("model.layers.0.self_attn.q_proj.weight");
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor paired, file.Decode("blk.0.attn_q.weight"));
  const int64_t width = config.width();
  for (int64_t head = 0; head < 4; ++head) {
    for (int64_t i = 0; i < 8; ++i) {
      for (int64_t half = 0; half < 2; ++half) {
        const float* from = q.data<float>() + (head * 16 + half * 8 + i) * width;
        const float* to = paired.data<float>() + (head * 16 + 2 * i + half) * width;
        EXPECT_TRUE(std::equal(from, from + width, to)) << head << " " << i << " " << half;
      }
    }
  }
  EXPECT_EQ(*GetText(file.metadata(), "general.architecture"), "llama");
  EXPECT_EQ(*GetInteger(file.metadata(), "llama.attention.head_count_kv"), 2);
}

// At every format: matrices have it, vectors are f32, and the values are near.
TEST(ConvertTest, EveryQuantisation) {
  DecoderConfig config = TinyConfig("llama");
  const Tensors weights = TinyWeights(config, 2);
  const std::string folder = Fresh("quant");
  ASSERT_OK(WriteTinyFolder(folder, config, weights));
  for (const chips::WeightFormat& format : chips::AllWeightFormats()) {
    const std::string path = Fresh(std::string("quant.") + format.name + ".gguf");
    STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary summary,
                                Convert(folder, path, {.quant = format.name}));
    const bool falls_back = format.block == 256;  // rows have 64 and 96 weights
    const std::string stored = falls_back ? "q8_0" : format.name;
    EXPECT_EQ(summary.fallbacks.empty(), !falls_back) << format.name;
    EXPECT_GT(summary.formats.at(stored).weights, 0) << format.name;
    EXPECT_LT(summary.worst_relative_error, 0.2) << format.name;
    EXPECT_EQ(summary.worst_relative_error == 0, format.ggml_type == 0) << format.name;
    STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile file, inference::OpenGguf(path));
    EXPECT_EQ((*file.Tensor("output_norm.weight"))->format->ggml_type, 0u);
    EXPECT_EQ((*file.Tensor("blk.1.ffn_down.weight"))->format->name, stored);
    // Rows of quantised matrices are moved, not quantised again.
    const std::string back = Fresh("quant_back"), again = Fresh("quant_again.gguf");
    ASSERT_OK(Convert(path, again, {}).status());
    STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile copy, inference::OpenGguf(again));
    for (const auto& [name, tensor] : file.tensors()) {
      EXPECT_EQ((*copy.Tensor(name))->bytes, tensor.bytes) << name;
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary decoded, Convert(path, back, {}));
    EXPECT_EQ(decoded.worst_relative_error, 0) << format.name;
  }
}

TEST(ConvertTest, FallbacksAreNamed) {
  const std::string folder = Fresh("fall"), path = Fresh("fall.gguf");
  const DecoderConfig config = TinyConfig("llama");
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 3)));
  STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary summary,
                              Convert(folder, path, {.quant = "q4_k"}));
  EXPECT_THAT(
      summary.fallbacks,
      Contains("blk.0.ffn_down.weight: q8_0 in place of q4_k, as its rows have 96 weights"));
  EXPECT_NEAR(summary.bits_per_weight, 8.5, 0.6);
}

TEST(ConvertTest, SplitsAndShards) {
  const std::string folder = Fresh("split"), path = Fresh("split.gguf"), back = Fresh("split_back");
  const DecoderConfig config = TinyConfig("qwen3");
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 4)));
  STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary summary,
                              Convert(folder, path, {.split_bytes = 100'000}));
  ASSERT_GT(summary.paths.size(), 2u);
  EXPECT_THAT(Convert(folder, path, {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("give --force")));
  STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary shards,
                              Convert(summary.paths[0], back, {.split_bytes = 100'000}));
  EXPECT_THAT(shards.paths, Contains(JoinPath(back, "model.safetensors.index.json")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto before, framework::OpenSafetensors(folder));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto after, framework::OpenSafetensors(back));
  for (const auto& [name, entry] : before.entries()) {
    EXPECT_EQ(after.entries().at(name).bytes, entry.bytes) << name;
  }
  // One file takes the parts' place.
  ASSERT_OK(Convert(folder, path, {.force = true}).status());
  EXPECT_TRUE(FileExists(path));
  for (const std::string& part : summary.paths) EXPECT_FALSE(FileExists(part)) << part;
}

TEST(ConvertTest, Bf16StaysBf16) {
  const std::string folder = Fresh("bf16"), path = Fresh("bf16.gguf"), wide = Fresh("bf16_wide");
  const DecoderConfig config = TinyConfig("gpt2");
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 5), chips::BF16));
  ASSERT_OK(Convert(folder, path, {}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const inference::GgufFile file, inference::OpenGguf(path));
  EXPECT_STREQ((*file.Tensor("blk.0.attn_qkv.weight"))->format->name, "bf16");
  EXPECT_STREQ((*file.Tensor("position_embd.weight"))->format->name, "f32");
  ASSERT_OK(Convert(folder, wide, {.quant = "f32"}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto widened, framework::OpenSafetensors(wide));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto before, framework::OpenSafetensors(folder));
  EXPECT_EQ((*widened.Get("wte.weight")).ToDoubles(), (*before.Get("wte.weight")).ToDoubles());
  EXPECT_TRUE(FileExists(JoinPath(wide, "config.json")));
}

TEST(ConvertTest, WhatIsWrongIsNamedAndNothingIsWritten) {
  const std::string folder = Fresh("wrong"), path = Fresh("wrong.gguf");
  const DecoderConfig config = TinyConfig("llama");
  Tensors weights = TinyWeights(config, 6);
  ASSERT_OK(WriteTinyFolder(folder, config, weights));
  using absl::StatusCode;
  EXPECT_THAT(Convert(folder, path, {.quant = "q3_k"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("\"q3_k\"")));
  EXPECT_THAT(Convert(folder, Fresh("wrong_out"), {.quant = "q8_0"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("cannot hold q8_0")));
  EXPECT_THAT(Convert(folder, folder, {}),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("wrong")));
  EXPECT_THAT(Convert(TempPath("none"), path, {}),
              StatusIs(StatusCode::kNotFound, HasSubstr("none")));

  const auto with = [&](const std::string& name, const HostTensor& tensor) {
    Tensors changed;
    STRATA_ASSIGN_OR_RETURN(const auto file, framework::OpenSafetensors(folder));
    for (const auto& [key, entry] : file.entries()) changed[key] = *file.Get(key);
    if (tensor.dtype() == chips::DTYPE_UNSPECIFIED) {
      changed.erase(name);
    } else {
      changed[name] = tensor;
    }
    const std::string other = Fresh("wrong_other");
    STRATA_RETURN_IF_ERROR(MakeDirectories(other));
    STRATA_RETURN_IF_ERROR(
        framework::WriteSafetensors(JoinPath(other, "model.safetensors"), changed));
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(other, "config.json"), WriteHfConfig(config)));
    return Convert(other, path, {}).status();
  };
  const std::string norm = "model.norm.weight";
  EXPECT_THAT(with(norm, HostTensor()),
              StatusIs(StatusCode::kNotFound, AllOf(HasSubstr("wrong_other"),
                                                    HasSubstr("'model.norm.weight' is missing"))));
  EXPECT_THAT(
      with(norm, HostTensor::Zeros(chips::F32, {65})),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("is [65]; the config asks for [64]")));
  EXPECT_THAT(with(norm, HostTensor::Zeros(chips::I32, {64})),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("dtype I32 cannot be converted")));
  EXPECT_THAT(with("model.extra", HostTensor::Zeros(chips::F32, {1})),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("'model.extra' has no use in llama")));
  EXPECT_OK(
      with("model.layers.0.self_attn.rotary_emb.inv_freq", HostTensor::Zeros(chips::F32, {8})));
}

TEST(ConvertTest, GgufHasNoWordsFor) {
  const std::string folder = Fresh("no_words");
  const DecoderConfig config = TinyVariants().at("biases_exact_gelu_ungated");
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 7)));
  // config.json has no word for it either: say it to the table directly.
  EXPECT_THAT(
      GgufConfigEntries(config),
      StatusIs(absl::StatusCode::kUnimplemented,
               AllOf(HasSubstr("GGUF cannot say of a llama model"), HasSubstr("gated_mlp"))));
}

TEST(ConvertTest, GgufHasOneMscale) {
  EXPECT_THAT(GgufConfigEntries(TinyVariants().at("yarn_deepseek")),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("rope.mscale")));
}

}  // namespace
}  // namespace strata::llm
