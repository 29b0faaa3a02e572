#include "inference/bench/prompt_work.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"
#include "llm/model/tiny_models.h"

namespace strata::inference {
namespace {

double Flops(const llm::DecoderConfig& config, int64_t tokens, int64_t step_rows) {
  const auto model = llm::MakeDecoderModel("tiny", config, llm::TinyWeights(config, 1));
  EXPECT_OK(model.status());
  const absl::StatusOr<double> flops = PromptFlops(**model, tokens, step_rows);
  EXPECT_OK(flops.status());
  return flops.value_or(0);
}

// By hand, from the config's sizes: the last layer makes keys and values of all tokens, and the rest of one a step.
double ByHand(const llm::DecoderConfig& c, int64_t tokens, int64_t step_rows) {
  const int64_t C = c.width(), q = c.heads() * c.head_width(), kv = c.kv_heads() * c.head_width();
  const int64_t rest = C * q + q * C + 3 * C * c.mlp_width(), before = c.layers() - 1;
  const int64_t steps = (tokens + step_rows - 1) / step_rows;
  int64_t adds = tokens * (before * (rest + 2 * C * kv) + 2 * C * kv);
  adds += steps * (rest + C * c.vocab_size());
  for (int64_t i = 0; i < tokens; ++i) {
    const bool wanted = i + 1 == tokens || (i + 1) % step_rows == 0;
    for (int64_t layer = 0; layer < c.layers(); ++layer) {
      const int64_t keys = llm::LayerHasWindow(c, layer) ? std::min(i + 1, c.window()) : i + 1;
      if (layer < before || wanted) adds += 2 * q * keys;
    }
  }
  return 2 * static_cast<double>(adds);
}

TEST(PromptFlops, AreThoseOfTheConfigsSizes) {
  for (const char* architecture : {"llama", "mistral"}) {
    const llm::DecoderConfig config = llm::TinyConfig(architecture);
    for (const int64_t tokens : {1, 2, 23}) {
      for (const int64_t step_rows : {1, 5, 23, 100}) {
        EXPECT_EQ(Flops(config, tokens, step_rows), ByHand(config, tokens, step_rows))
            << architecture << ", " << tokens << " tokens by " << step_rows;
      }
    }
  }
}

TEST(PromptFlops, NoTokensAreRefused) {
  const llm::DecoderConfig config = llm::TinyConfig("llama");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto model,
                              llm::MakeDecoderModel("tiny", config, llm::TinyWeights(config, 1)));
  for (const auto& [tokens, step_rows] : {std::pair(0, 8), std::pair(8, 0)}) {
    EXPECT_THAT(PromptFlops(*model, tokens, step_rows),
                StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("give 1 or more")));
  }
}

}  // namespace
}  // namespace strata::inference
