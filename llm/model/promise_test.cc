// The engine's promise on real decoders through the compiler: every pair of features on one, each feature on one of every
// kind (windows, soft caps and sandwich norms; experts; latent attention), in several weight formats.
#include "inference/engine/promise.h"

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/fake_model.h"
#include "llm/model/local_model.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using inference::PromiseMatrix;

void ExpectKept(const std::string& architecture, const std::string& format,
                PromiseMatrix::Scope scope) {
  DecoderConfig config = TinyConfig(architecture);
  config.set_context(PromiseMatrix::kContext);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const std::shared_ptr<const inference::DecoderModel> model,
      MakeDecoderModel(architecture, config, TinyWeights(config, /*seed=*/3), {.format = format}));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const PromiseMatrix matrix,
      PromiseMatrix::Run(model, nullptr, inference::ByteTokenizer(), scope));
  for (const inference::PromiseCell& cell : matrix.cells()) {
    EXPECT_GE(cell.answers, 3);
    for (const std::string& difference : cell.differences)
      ADD_FAILURE() << cell.first << " with " << cell.second << ": " << difference;
  }
  EXPECT_GT(matrix.Alone("preemption").stats.preemptions, 0);
  EXPECT_GT(matrix.Alone("draft").stats.accepted_tokens, 0);
}

TEST(Promise, EveryPairOfFeatures) { ExpectKept("llama", "q8_0", PromiseMatrix::Scope::kPairs); }

TEST(Promise, EveryFeatureOnOtherDecoders) {
  const std::pair<const char*, const char*> kModels[] = {
      {"gemma2", "bf16"}, {"mixtral", "q4_0"}, {"deepseek_v2", "q8_0"}};
  for (const auto& [architecture, format] : kModels) {
    SCOPED_TRACE(architecture);
    ExpectKept(architecture, format, PromiseMatrix::Scope::kAlone);
  }
}

}  // namespace
}  // namespace strata::llm
