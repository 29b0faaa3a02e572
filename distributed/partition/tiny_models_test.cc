// Whole training steps, partitioned in every way that has a name, are what they are on one rank: loss, every gradient,
// every updated parameter and moment.
#include "distributed/testing/tiny_models.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/partition/lockstep.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "google/protobuf/text_format.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

constexpr char kDp2[] = "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } ";
constexpr char kCp2[] = "mesh { name: 'cp' kind: CONTEXT_PARALLEL size: 2 } ";
constexpr char kTp2[] = "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } ";

// Megatron's cuts of the tiny GPT.
constexpr char kMegatron[] = R"(
  shardings { tensor: "*.attn.?.weight" axes: "" axes: "tp" }
  shardings { tensor: "*.attn.proj.weight" axes: "tp" axes: "" }
  shardings { tensor: "*.mlp.fc.weight" axes: "" axes: "tp" }
  shardings { tensor: "*.mlp.proj.weight" axes: "tp" axes: "" } )";
constexpr char kVocabulary[] = "shardings { tensor: 'wte.weight' axes: 'tp' axes: '' } ";
constexpr char kHead[] = "shardings { tensor: 'lm_head.weight' axes: '' axes: 'tp' } ";

parallel::ParallelPlan PlanOf(const std::string& text) {
  parallel::ParallelPlan plan;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text + " version: 2 microbatches: 1", &plan))
      << text;
  return plan;
}

// Each element within `tolerance` of the largest of its tensor; where terms cancel (a key's bias moves no score, so that
// its gradient is 0 but for rounding) of kFloor, the size of the terms.
constexpr double kFloor = 1e-3;
void ExpectSame(const HostTensor& got, const HostTensor& want, const std::string& name,
                double tolerance) {
  ASSERT_EQ(got.TypeString(), want.TypeString()) << name;
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  double scale = kFloor;
  for (double x : b) scale = std::max(scale, std::fabs(x));
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_LE(std::fabs(a[i] - b[i]), tolerance * scale) << name << "[" << i << "]";
}

void Check(const TinyModel& tiny, int64_t rows, const std::string& plan) {
  TinyModel model = tiny;
  model.gradient_outputs = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph symbolic, TinyTrainingStep(model));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step, graph::BindSymbols(symbolic, {{"B", rows}}));
  std::map<std::string, HostTensor> values = TinyBatch(step, rows, 1);
  values.merge(TinyState(step, 1));
  std::vector<HostTensor> inputs, copies;
  for (const auto& input : step.inputs()) {
    inputs.push_back(values.at(step.values(static_cast<int>(input.value())).name()));
    copies.push_back(inputs.back().Clone());
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(step, copies));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPartitioned(step, PlanOf(plan), true, inputs));
  ASSERT_EQ(got.size(), want.size());
  for (int i = 0; i < step.outputs_size(); ++i)
    ExpectSame(got[static_cast<size_t>(i)], want[static_cast<size_t>(i)], step.outputs(i).name(),
               2e-5);
}

TEST(TinyGpt, DataParallel) { Check({}, 4, kDp2); }
TEST(TinyGpt, TensorParallel) { Check({}, 2, absl::StrCat(kTp2, kMegatron)); }
TEST(TinyGpt, TensorParallelWithVocabulary) {
  Check({}, 2, absl::StrCat(kTp2, kMegatron, kVocabulary, kHead));
}
TEST(TinyGpt, TiedVocabulary) {
  Check({.kv_heads = 2, .tied = true, .rope = true}, 2, absl::StrCat(kTp2, kMegatron, kVocabulary));
}
TEST(TinyGpt, DataAndTensorParallel) { Check({}, 4, absl::StrCat(kDp2, kTp2, kMegatron)); }
TEST(TinyGpt, Zero1) { Check({}, 4, absl::StrCat(kDp2, "zero: ZERO_1")); }
TEST(TinyGpt, Zero2) { Check({}, 4, absl::StrCat(kDp2, "zero: ZERO_2")); }
TEST(TinyGpt, Zero3) { Check({}, 4, absl::StrCat(kDp2, "zero: ZERO_3")); }
TEST(TinyGpt, Zero3AndTensorParallel) {
  Check({}, 4, absl::StrCat(kDp2, kTp2, kMegatron, "zero: ZERO_3"));
}
TEST(TinyGpt, SequenceParallel) {
  Check({}, 2, absl::StrCat(kTp2, kMegatron, kVocabulary, kHead, "sequence_parallel: true"));
}
TEST(TinyGpt, Ulysses) { Check({}, 2, absl::StrCat(kCp2, "context: ULYSSES")); }
TEST(TinyGpt, Ring) { Check({}, 2, kCp2); }
TEST(TinyGpt, RingOfFourWithRotaryPositions) {
  Check({.layers = 1, .kv_heads = 2, .rope = true}, 2,
        "mesh { name: 'cp' kind: CONTEXT_PARALLEL size: 4 }");
}
TEST(TinyGpt, RingDataAndTensorParallel) {
  Check({.layers = 1}, 4, absl::StrCat(kDp2, kCp2, kTp2, kMegatron));
}
TEST(TinyGpt, RingAndSequenceParallel) {
  Check({.layers = 1}, 2,
        absl::StrCat(kCp2, kTp2, kMegatron, kVocabulary, kHead, "sequence_parallel: true"));
}
TEST(TinyGpt, ContextAndTensorParallel) {
  Check({}, 2,
        absl::StrCat("mesh { name: 'cp' kind: CONTEXT_PARALLEL size: 2 } context: ULYSSES ", kTp2,
                     kMegatron));
}
TEST(TinyGpt, Buckets) {
  Check({}, 4, absl::StrCat(kDp2, "bucket_bytes: 5000"));
  Check({}, 4, absl::StrCat(kDp2, kTp2, kMegatron, "bucket_bytes: 1000000"));
  for (const char* zero : {"ZERO_1", "ZERO_2", "ZERO_3"})
    Check({.layers = 1}, 4, absl::StrCat(kDp2, "bucket_bytes: 20000 zero: ", zero));
}
TEST(TinyMoe, ExpertParallel) {
  Check(TinyMoe(), 4,
        "mesh { name: 'ep' kind: EXPERT_PARALLEL size: 2 } "
        "shardings { tensor: '*.experts.gate' axes: 'ep' axes: '' axes: '' } "
        "shardings { tensor: '*.experts.up' axes: 'ep' axes: '' axes: '' } "
        "shardings { tensor: '*.experts.down' axes: 'ep' axes: '' axes: '' }");
}
TEST(TinyGpt, DataAndSequenceParallel) {
  Check({}, 4, absl::StrCat(kDp2, kTp2, kMegatron, kVocabulary, kHead, "sequence_parallel: true"));
}

}  // namespace
}  // namespace strata::distributed
