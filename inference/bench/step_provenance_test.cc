// Quantised kernels and paged attention on the provenance page: why each was chosen, what it does, what it took.
#include "inference/bench/step_provenance.h"

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "chips/spec/catalogue.h"
#include "compiler/tools/provenance/page.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/bench/step_workload.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLength = 24;

// Two layers of Llama's kind, in a file's format.
absl::StatusOr<std::shared_ptr<const DecoderModel>> SmallModel(const std::string& format) {
  STRATA_ASSIGN_OR_RETURN(llm::DecoderConfig config, llm::NamedConfig("tinyllama-1.1b"));
  config.set_layers(2);
  config.set_width(256);
  config.set_mlp_width(512);
  config.set_heads(4);
  config.set_kv_heads(2);
  config.set_head_width(64);
  config.mutable_rope()->set_width(64);
  config.set_vocab_size(1024);
  return llm::MakeMadeModel("small", config, format);
}

// The page's data of a decoding step, or of a prompt's first step.
nlohmann::json PageOf(const std::string& format, bool prefill) {
  const auto model = SmallModel(format);
  EXPECT_OK(model.status());
  const compiler::CompiledEvaluator::Options options;
  const auto runner = CompiledStepRunner::Create(
      model->get(),
      {.slots = StepWorkload::SlotsFor(2, kLength), .views = 2, .view_length = kLength}, options);
  EXPECT_OK(runner.status());
  StepWorkload work(runner->get(), 2);
  EXPECT_OK(work.Prefill(8).status());
  work.Spread();
  const auto chip = chips::FindChip("a100");
  EXPECT_OK(chip.status());
  const auto rows = prefill ? work.PrefillRows(16) : work.DecodeRows();
  const auto provenance = StepProvenance(runner->get(), rows, *chip, options, /*runs=*/3);
  EXPECT_OK(provenance.status());
  EXPECT_EQ(provenance->runs, 3);
  EXPECT_THAT(compiler::ProvenancePage(*provenance), HasSubstr("matmul_packed"));
  return nlohmann::json::parse(compiler::ProvenanceJson(*provenance));
}

// How many steps run the routine; each of them is told in full.
int CountTold(const nlohmann::json& page, const std::string& routine) {
  int count = 0;
  for (const auto& step : page["steps"]) {
    if (step["what"] != "library " + routine) continue;
    ++count;
    EXPECT_GT(step["reason"].get<std::string>().size(), 10u) << step;
    EXPECT_GT(step["flops"].get<double>(), 0) << step;
    EXPECT_GT(step["bytes"].get<double>(), 0) << step;
    EXPECT_GT(step["measured"].get<double>(), 0) << step;
    EXPECT_GT(step["roofline"].get<double>(), 0) << step;
    EXPECT_FALSE(step["bound"].get<std::string>().empty()) << step;
    EXPECT_FALSE(step["origins"].empty()) << step;
  }
  return count;
}

class StepProvenanceTest : public testing::TestWithParam<std::tuple<const char*, bool>> {};

TEST_P(StepProvenanceTest, PackedProductsAndPagedAttentionAreTold) {
  const auto& [format, prefill] = GetParam();
  const nlohmann::json page = PageOf(format, prefill);
  EXPECT_EQ(CountTold(page, "paged_attention"), 2);  // one a layer
  // A layer's q, k, v and its gate, up are products of one input; out and down stand alone, as does the head.
  EXPECT_EQ(CountTold(page, "matmul_packed") + CountTold(page, "matmul_packed_group"), 2 * 4 + 1);
  int with_lines = 0;
  for (const auto& line : page["lines"]) {
    const int step = line["step"].get<int>();
    if (line["text"].get<std::string>().find("= matmul_packed") == std::string::npos) continue;
    ++with_lines;
    ASSERT_GE(step, 0) << line;
    EXPECT_THAT(page["steps"][static_cast<size_t>(step)]["what"].get<std::string>(),
                HasSubstr("matmul_packed"));
  }
  EXPECT_EQ(with_lines, 2 * 4 + 1);
}

INSTANTIATE_TEST_SUITE_P(Formats, StepProvenanceTest,
                         testing::Combine(testing::Values("q8_0", "q4_k"), testing::Bool()));

TEST(StepProvenanceTest, RunsAreNeeded) {
  EXPECT_THAT(StepProvenance(nullptr, {}, chips::Chip(), {}, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("runs: give 1 or more")));
}

}  // namespace
}  // namespace strata::inference
