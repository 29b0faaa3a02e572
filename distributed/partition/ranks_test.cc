// Rank graphs on real ranks: threads, MeshCollectives with the ring, RankInterpreter; what they send is what WireBytes()
// says, to the byte.
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "distributed/collective/mesh_collectives.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/collective/register.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/rank_interpreter.h"
#include "distributed/partition/shard_tensors.h"
#include "distributed/partition/spmd.h"
#include "distributed/partition/wire_bytes.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

constexpr int64_t kRows = 8;

constexpr char kMegatron[] = R"(
  shardings { tensor: "*.attn.proj.weight" axes: "tp" axes: "" }
  shardings { tensor: "*.attn.?.weight" axes: "" axes: "tp" }
  shardings { tensor: "*.mlp.fc.weight" axes: "" axes: "tp" }
  shardings { tensor: "*.mlp.proj.weight" axes: "tp" axes: "" } )";
constexpr char kDp2[] = "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } ";
constexpr char kTp2[] = "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 } ";
constexpr char kCp2[] = "mesh { name: 'cp' kind: CONTEXT_PARALLEL size: 2 } ";

class RanksTest : public testing::TestWithParam<std::string> {};

TEST_P(RanksTest, ComputeTheSameAndSendWhatTheFormulaSays) {
  RegisterAllCollectives();
  parallel::ParallelPlan plan;
  ASSERT_OK(ParseTextProto(GetParam() + " version: 2 microbatches: 1", "plan", &plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph symbolic, TinyTrainingStep({.layers = 1}));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph step,
                              graph::BindSymbols(symbolic, {{"B", kRows}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph annotated, AssignShardings(step, plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto traffic, WireBytes(mine, mesh, "ring"));

  std::map<std::string, HostTensor> values = TinyBatch(step, kRows, 1);
  values.merge(TinyState(step, 1));
  std::vector<HostTensor> inputs, copies;
  for (const auto& input : step.inputs()) {
    inputs.push_back(values.at(step.values(static_cast<int>(input.value())).name()));
    copies.push_back(inputs.back().Clone());
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(step, copies));

  std::vector<MeshAxis> axes;
  for (int a = 0; a < mesh.axes(); ++a) axes.push_back({mesh.axis(a).name, mesh.axis(a).size});
  std::mutex mutex;
  int64_t sent = 0;
  EXPECT_OK(
      RunThreadRanks(static_cast<int>(mesh.ranks()), [&](Transport& transport) -> absl::Status {
        CountingTransport counting(transport);
        STRATA_ASSIGN_OR_RETURN(const auto collectives,
                                MeshCollectives::Create(counting, axes, "ring"));
        STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> pieces,
                                ShardInputs(mine, inputs, mesh, transport.rank()));
        for (HostTensor& piece : pieces) piece = piece.Clone();
        counting.Reset();
        STRATA_ASSIGN_OR_RETURN(const auto outputs,
                                RankInterpreter(*collectives).Evaluate(mine, pieces));
        const double loss = outputs[0].ToDoubles()[0], expected = want[0].ToDoubles()[0];
        const std::lock_guard<std::mutex> lock(mutex);
        sent += counting.count().bytes_sent;
        EXPECT_NEAR(loss, expected, 1e-5);
        return absl::OkStatus();
      }));
  EXPECT_EQ(sent, TotalBytes(traffic)) << ToString(traffic);
  EXPECT_GT(sent, 0);
}

INSTANTIATE_TEST_SUITE_P(Plans, RanksTest,
                         testing::Values("mesh { name: 'dp' kind: DATA_PARALLEL size: 4 }",
                                         absl::StrCat(kDp2, kTp2, kMegatron),
                                         absl::StrCat(kDp2, kTp2, kMegatron,
                                                      "sequence_parallel: true zero: ZERO_2"),
                                         absl::StrCat(kDp2, kCp2, "zero: ZERO_3"),
                                         absl::StrCat(kCp2, kTp2, kMegatron, "context: ULYSSES")));

// As the reference interpreter: updates are of what was before all of them, and so are outputs.
TEST(RankInterpreterTest, UpdatesAreAtOnce) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph swap, graph::ParseGraph(R"(graph "swap" {
    %a: f32[2] = input state
    %b: f32[2] = input state
    return %a as "a" replicated
    return %b as "b" replicated
    update %a with %b
    update %b with %a
  })",
                                                                         "swap"));
  const std::vector<HostTensor> state = {HostTensor::FromVector<float>({2}, {1, 2}),
                                         HostTensor::FromVector<float>({2}, {3, 4})};
  NullCollectives alone;
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, RankInterpreter(alone).Evaluate(swap, state));
  EXPECT_EQ(state[0].ToDoubles(), (std::vector<double>{3, 4}));
  EXPECT_EQ(state[1].ToDoubles(), (std::vector<double>{1, 2}));
  EXPECT_EQ(outputs[0].ToDoubles(), (std::vector<double>{1, 2}));
}

}  // namespace
}  // namespace strata::distributed
