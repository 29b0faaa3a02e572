// The ground of the engine's promise: on the CPU the bits of a row's logits depend on its own text alone.
#include <cstring>
#include <memory>

#include "base/status_matchers.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiled_evaluator.h"
#include "gtest/gtest.h"
#include "llm/model/local_model.h"
#include "llm/model/step_harness.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using Logits = std::vector<std::vector<float>>;

const std::vector<int32_t> kText = {3, 14, 15, 9, 26, 5, 35, 8};

struct Model {
  const char* architecture;
  const char* weights;
  inference::KvFormat kv;
};

// How the text is fed: `chunk` tokens a step, beside `others` rows of other sequences in each, whose logits may be wanted
// too.
struct Way {
  size_t chunk;
  size_t others;
  StepHarnessOptions options;
  bool all_logits = true;
};

class BatchInvarianceTest : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    compiler::RegisterAllCompilers();
    compiler::RegisterAllDevices();
    STRATA_ASSERT_OK_AND_ASSIGN(evaluator_, compiler::CompiledEvaluator::Create({}));
    const DecoderConfig config = TinyConfig(GetParam().architecture);
    STRATA_ASSERT_OK_AND_ASSIGN(model_, MakeDecoderModel("tiny", config, TinyWeights(config, 5),
                                                         {.format = GetParam().weights}));
  }

  Logits Run(Way way) {
    way.options.kv = GetParam().kv;
    way.options.views = 4;
    way.options.view_length = 40;
    StepHarness harness(*model_, *evaluator_, way.options);
    Logits all;
    for (size_t done = 0; done < kText.size(); done += way.chunk) {
      std::vector<StepHarness::Row> rows;
      for (size_t i = 0; i < way.others / 2; ++i)
        rows.push_back({1 + i % 3, static_cast<int32_t>(7 * (done + i) % 61), way.all_logits});
      const size_t first = way.all_logits ? rows.size() : 0;
      for (size_t i = 0; i < way.chunk; ++i) rows.push_back({0, kText[done + i]});
      for (size_t i = way.others / 2; i < way.others; ++i)
        rows.push_back({1 + i % 3, static_cast<int32_t>(5 * (done + i) % 61), way.all_logits});
      absl::StatusOr<Logits> logits = harness.Step(rows);
      EXPECT_OK(logits.status());
      if (!logits.ok()) return all;
      all.insert(all.end(), logits->begin() + static_cast<long>(first),
                 logits->begin() + static_cast<long>(first + way.chunk));
    }
    return all;
  }

  std::unique_ptr<compiler::CompiledEvaluator> evaluator_;
  std::shared_ptr<const inference::DecoderModel> model_;
};

TEST_P(BatchInvarianceTest, BitsDoNotDependOnCompanyChunksAndSlots) {
  const Logits alone = Run({1, 0, {}});
  ASSERT_EQ(alone.size(), kText.size());
  const Way ways[] = {{1, 1, {.shuffle = 3}},
                      {1, 7, {.shuffle = 4}},
                      {4, 8, {.shuffle = 5}},
                      {8, 0, {}},
                      {8, 1, {.shuffle = 6, .padding = 3}},
                      {2, 5, {.shuffle = 7, .padding = 1}, /*all_logits=*/false}};
  for (const Way& way : ways) {
    const Logits other = Run(way);
    ASSERT_EQ(other.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(std::memcmp(alone[i].data(), other[i].data(), alone[i].size() * sizeof(float)), 0)
          << "token " << i << ", " << way.chunk << " tokens a step beside " << way.others;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, BatchInvarianceTest,
                         testing::Values(Model{"llama", "q8_0", inference::KvFormat::kF16},
                                         Model{"gpt2", "f32", inference::KvFormat::kF32},
                                         Model{"gemma2", "q4_0", inference::KvFormat::kBf16},
                                         Model{"deepseek_v3", "bf16", inference::KvFormat::kInt8}),
                         [](const auto& info) { return std::string(info.param.architecture); });

}  // namespace
}  // namespace strata::llm
