// Sharding, resharding steps, pieces of tensors; what the partitioner refuses.
#include "distributed/partition/sharding.h"

#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "distributed/partition/lockstep.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/reshard.h"
#include "distributed/partition/shard_tensors.h"
#include "distributed/partition/spmd.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

parallel::ParallelPlan PlanOf(const std::string& text) {
  parallel::ParallelPlan plan;
  EXPECT_OK(ParseTextProto(text + " version: 2 microbatches: 1", "plan", &plan));
  return plan;
}

// dp = 2, cp = 2 (zigzag), tp = 2.
parallel::ParallelPlan Cube() {
  return PlanOf(
      "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 } mesh { name: 'cp' kind: CONTEXT_PARALLEL "
      "size: 2 }"
      "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 2 }");
}
constexpr int kDp = 0, kCp = 1, kTp = 2;

TEST(MeshTest, RanksAndGroups) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(Cube()));
  EXPECT_EQ(mesh.ranks(), 8);
  EXPECT_EQ(mesh.Coordinates(5), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(mesh.IndexIn({kTp, kDp}, 5), 3);
  EXPECT_EQ(mesh.IndexIn({kDp, kCp}, 5), 2);
  EXPECT_EQ(mesh.Group({kDp, kTp}), "dp,tp");
  EXPECT_EQ(mesh.Find("pp"), -1);
  EXPECT_TRUE(mesh.AnyZigzag({kDp, kCp}));
  EXPECT_FALSE(mesh.AnyZigzag({kDp, kTp}));
}

TEST(ShardingTest, ParsesAndPrints) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(Cube()));
  STRATA_ASSERT_OK_AND_ASSIGN(const Sharding sharding, ParseSharding({"dp,tp", ""}, {8, 3}, mesh));
  EXPECT_EQ(sharding, (Sharding{{{kDp, kTp}, {}}, {}}));
  EXPECT_EQ(ToString(sharding, mesh), "(\"dp,tp\", \"\")");
  EXPECT_EQ(LocalShape({8, 3}, sharding, mesh), (graph::Shape{2, 3}));
  EXPECT_EQ(LocalShape({"B", 3}, sharding, mesh), (graph::Shape{"B", 3}));
  EXPECT_THAT(ParseSharding({"dp"}, {8, 3}, mesh), StatusIs(kInvalid, HasSubstr("one a dim")));
  EXPECT_THAT(ParseSharding({"ep", ""}, {8, 3}, mesh),
              StatusIs(kInvalid, HasSubstr("axes[0]: there is no mesh axis 'ep'")));
  EXPECT_THAT(ParseSharding({"dp", "dp"}, {8, 4}, mesh),
              StatusIs(kInvalid, HasSubstr("axes[1]: 'dp' is named twice")));
  EXPECT_THAT(
      ParseSharding({"", "tp"}, {8, 3}, mesh),
      StatusIs(kInvalid, HasSubstr("axes[1]: 'tp' of 2 ranks does not divide the dim of 3")));
  EXPECT_THAT(ParseSharding({"cp"}, {6}, mesh), StatusIs(kInvalid, HasSubstr("does not divide")))
      << "2 ranks have 4 chunks";
}

std::vector<ReshardStep::Kind> Kinds(const std::vector<ReshardStep>& steps) {
  std::vector<ReshardStep::Kind> kinds;
  for (const ReshardStep& step : steps) kinds.push_back(step.kind);
  return kinds;
}

TEST(ReshardTest, OneCollectiveWhereOneWillDo) {
  using Kind = ReshardStep::Kind;
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(Cube()));
  const Sharding whole = Replicated(2);
  const auto kinds = [&](const Sharding& from, const Sharding& to) {
    return Kinds(PlanReshard(from, to, mesh));
  };
  EXPECT_TRUE(kinds(whole, whole).empty());
  EXPECT_EQ(kinds(whole, {{{kDp}, {}}, {}}), (std::vector<Kind>{Kind::kShard}));
  EXPECT_EQ(kinds({{{}, {}}, {kDp, kTp}}, whole), (std::vector<Kind>{Kind::kAllReduce}))
      << "one over both axes";
  EXPECT_EQ(kinds({{{}, {}}, {kTp}}, {{{}, {kTp}}, {}}), (std::vector<Kind>{Kind::kReduceScatter}));
  EXPECT_EQ(kinds({{{kTp}, {}}, {}}, {{{}, {kTp}}, {}}), (std::vector<Kind>{Kind::kAllToAll}));
  EXPECT_EQ(kinds({{{kDp, kTp}, {}}, {}}, whole), (std::vector<Kind>{Kind::kAllGather}))
      << "one over both axes";
  EXPECT_EQ(kinds({{{kTp, kDp}, {}}, {}}, {{{kDp, kTp}, {}}, {}}),
            (std::vector<Kind>{Kind::kAllGather, Kind::kShard}))
      << "the order of axes is not the same";
  EXPECT_EQ(kinds({{{}, {}}, {kDp, kTp}}, {{{kDp}, {}}, {}}),
            (std::vector<Kind>{Kind::kReduceScatter, Kind::kAllReduce}))
      << "the cut first: it leaves less to sum";
  EXPECT_EQ(kinds({{{}, {}}, {kTp}}, {{{}, {}}, {kTp}}), (std::vector<Kind>{}))
      << "what may stay pending does";
}

// Whatever the two shardings are, the steps lead from one to the other.
TEST(ReshardTest, StepsEndWhereTheyShould) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(Cube()));
  std::vector<Sharding> all;
  for (int code = 0; code < 64; ++code) {  // each axis: dim 0, dim 1, dim 0 in front, or nowhere
    Sharding sharding = Replicated(2);
    for (int axis = 0, rest = code; axis < 3; ++axis, rest /= 4) {
      if (rest % 4 == 0) sharding.dims[0].push_back(axis);
      if (rest % 4 == 1) sharding.dims[1].push_back(axis);
      if (rest % 4 == 2) sharding.dims[0].insert(sharding.dims[0].begin(), axis);
    }
    all.push_back(sharding);
  }
  for (const Sharding& from : all) {
    for (const Sharding& to : all) {
      const std::vector<ReshardStep> steps = PlanReshard(from, to, mesh);
      EXPECT_EQ(steps.empty() ? from : steps.back().result, to);
      EXPECT_LE(steps.size(), 6u);
    }
  }
}

TEST(ShardTensorsTest, CutsAndJoins) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(Cube()));
  std::vector<float> numbers(3 * 16);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  const HostTensor whole = HostTensor::FromVector<float>({16, 3}, numbers);
  for (const AxisList& axes :
       {AxisList{}, AxisList{kTp}, AxisList{kCp}, AxisList{kDp, kCp}, AxisList{kCp, kTp}}) {
    const Sharding sharding = {{axes, {}}, {}};
    std::vector<HostTensor> pieces;
    for (int64_t r = 0; r < mesh.ranks(); ++r) {
      STRATA_ASSERT_OK_AND_ASSIGN(pieces.emplace_back(), ShardTensor(whole, sharding, mesh, r));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor joined, JoinTensor(pieces, sharding, mesh));
    EXPECT_EQ(joined.ToDoubles(), whole.ToDoubles());
  }
  // Rank 2 is cp 1 of 2: chunks 1 and 2 of 4.
  STRATA_ASSERT_OK_AND_ASSIGN(
      const HostTensor zigzag,
      ShardTensor(HostTensor::FromVector<float>({8}, {0, 1, 2, 3, 4, 5, 6, 7}), {{{kCp}}, {}}, mesh,
                  2));
  EXPECT_EQ(zigzag.ToDoubles(), (std::vector<double>{2, 3, 4, 5}));
  EXPECT_THAT(
      ShardTensor(whole, {{{}, {kTp}}, {}}, mesh, 0),
      StatusIs(kInvalid, HasSubstr("dim 1 of 3 cannot be cut into equal pieces over 'tp'")));
  EXPECT_THAT(JoinTensor({whole}, Replicated(2), mesh),
              StatusIs(kInvalid, HasSubstr("1 pieces for a mesh of 8 ranks")));
}

absl::StatusOr<graph::Graph> Partitioned(const std::string& lines,
                                         const parallel::ParallelPlan& plan) {
  STRATA_ASSIGN_OR_RETURN(const graph::Graph global,
                          graph::ParseGraph("graph \"g\" {\n" + lines + "}\n", "test"));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph annotated, AssignShardings(global, plan));
  return PartitionSpmd(annotated, plan);
}

constexpr char kDp2[] = "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 }";

TEST(RefusalTest, NamesTheFault) {
  const std::string x = "%x: f32[4, 6] = input data\nreturn %x as \"x\" sharded\n";
  EXPECT_THAT(Partitioned(x, PlanOf("mesh { name: 'dp' kind: DATA_PARALLEL size: 3 }")),
              StatusIs(kInvalid, HasSubstr("graph 'g': inputs[0] ('x'): its dim 0 of 4 cannot be "
                                           "cut into equal pieces over 'dp' (3 ranks)")));
  EXPECT_THAT(
      Partitioned("%w: f32[4] = input parameter\nreturn %w as \"w\" replicated\n", PlanOf(kDp2)),
      StatusIs(kInvalid, HasSubstr("there is no batch to split")));
  EXPECT_THAT(
      Partitioned(x, PlanOf(std::string(kDp2) + " shardings { tensor: 'y*' axes: '' }")),
      StatusIs(kInvalid, HasSubstr("shardings[0]: tensor: 'y*' fits no value of graph 'g'")));
  EXPECT_THAT(Partitioned(x, PlanOf(std::string(kDp2) + " shardings { tensor: 'x' axes: '' }")),
              StatusIs(kInvalid,
                       HasSubstr("shardings[0]: value 'x': axes: has 1; the tensor is of rank 2")));
  EXPECT_THAT(Partitioned(x, PlanOf("mesh { name: 'dp' kind: DATA_PARALLEL size: 0 }")),
              StatusIs(kInvalid, HasSubstr("parallel plan: mesh[0].size")));
  EXPECT_THAT(Partitioned("%x: f32[4] = input data\n%y: f32[4] = all_reduce(%x) {reduction = "
                          "\"sum\"}\nreturn %y as \"y\" sharded\n",
                          PlanOf(kDp2)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("nodes[0] (all_reduce): the graph is partitioned already")));
}

TEST(OneRankTest, IsLeftAlone) {
  const std::string text = R"(graph "g" {
  %x: f32[4, 6] = input data
  %w: f32[6, 2] = input parameter
  %y: f32[4, 2] = matmul(%x, %w) @ "fc"
  %g: f32[6, 2] gradient_of("w") = contract_leading(%x, %y) @ "grad fc"
  return %y as "y" sharded
  return %g as "g" mean
}
)";
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph global, graph::ParseGraph(text, "test"));
  const parallel::ParallelPlan plan = PlanOf(
      "mesh { name: 'dp' kind: DATA_PARALLEL size: 1 } shardings { tensor: 'w' axes: 'dp' axes: '' "
      "}");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph annotated, AssignShardings(global, plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  EXPECT_EQ(PrintGraph(mine), text);
}

TEST(ShardInputsTest, CutsWhatIsCutAndSharesTheRest) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph global, graph::ParseGraph(R"(graph "g" {
    %x: f32[B, 4] = input data
    %w: f32[4] = input parameter
    %y: f32[B, 4] = mul(%x, %w)
    return %y as "y" sharded
  })",
                                                                           "test"));
  const parallel::ParallelPlan plan = PlanOf(kDp2);
  STRATA_ASSERT_OK_AND_ASSIGN(const Mesh mesh, Mesh::Create(plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph annotated, AssignShardings(global, plan));
  std::vector<HostTensor> inputs = {HostTensor::Zeros(chips::F32, {6, 4}),
                                    HostTensor::Zeros(chips::F32, {4})};
  STRATA_ASSERT_OK_AND_ASSIGN(const auto pieces, ShardInputs(annotated, inputs, mesh, 1));
  EXPECT_EQ(pieces[0].dims(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(pieces[1].raw(), inputs[1].raw());
  inputs[0] = HostTensor::Zeros(chips::F32, {0, 4});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto empty, ShardInputs(annotated, inputs, mesh, 0));
  EXPECT_EQ(empty[0].dims(), (std::vector<int64_t>{0, 4}));
  inputs[0] = HostTensor::Zeros(chips::F32, {5, 4});
  EXPECT_THAT(
      ShardInputs(annotated, inputs, mesh, 0),
      StatusIs(
          kInvalid,
          HasSubstr("inputs[0] ('x'): is f32[5, 4]: dim 0 of 5 cannot be cut into equal pieces")));
  inputs.pop_back();
  EXPECT_THAT(ShardInputs(annotated, inputs, mesh, 0),
              StatusIs(kInvalid, HasSubstr("has 2 inputs, not 1")));
}

TEST(SymbolTest, TheBatchMayBeASymbolThatStaysCut) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, Partitioned(R"(
    %x: f32[B, 4] = input data
    %m: f32[] = reduce_mean(%x) {axes = ints[0, 1], keep_dims = false}
    return %m as "m" mean
  )",
                                                                   PlanOf(kDp2)));
  EXPECT_THAT(PrintGraph(mine),
              HasSubstr("all_reduce(%m) {group = \"dp\", ranks = 2, reduction = \"sum\"}"));
  EXPECT_THAT(Partitioned(R"(
    %x: f32[B, 4] = input data
    %i: i32[B, 4] = iota() {axis = 0, dims = dims[B, 4], dtype = i32}
    return %i as "i" sharded
  )",
                          PlanOf(kDp2)),
              StatusIs(kInvalid, HasSubstr("counts along 'B', which is cut")));
  EXPECT_THAT(Partitioned(R"(
    %x: f32[2, B] sharding("", "dp") = input data
    %s: f32[2, B] = softmax(%x)
    return %s as "s" sharded
  )",
                          PlanOf(kDp2)),
              StatusIs(kInvalid, HasSubstr("along a symbolic dim; bind the symbol first")));
}

TEST(SymbolTest, ACountOfTheBatchNeedsNoCollective) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, Partitioned(R"(
    %x: f32[B] = input data
    %ones: f32[B] = constant() {dims = dims[B], dtype = f32, value = 1.0}
    %count: f32[] = reduce_sum(%ones) {axes = ints[0], keep_dims = false}
    %y: f32[B] = div(%x, %count)
    return %y as "y" sharded
  )",
                                                                   PlanOf(kDp2)));
  EXPECT_EQ(PrintGraph(mine).find("all_reduce("), std::string::npos) << PrintGraph(mine);
}

// A whole number is not cut into shares of a sum: half of one is none.
TEST(ShareTest, WholeNumbersJoinSumsThatAreDone) {
  for (const char* dtype : {"i32", "f32"}) {
    SCOPED_TRACE(dtype);
    const std::string text = absl::StrReplaceAll(R"(graph "count" {
      %x: T[4] = input data
      %more: T[] = input data
      %total: T[] = reduce_sum(%x) {axes = ints[0], keep_dims = false}
      %y: T[] = add(%total, %more)
      return %y as "y" replicated
    })",
                                                 {{"T", dtype}});
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph global, graph::ParseGraph(text, "test"));
    const chips::DType type = global.values(0).dtype();
    const std::vector<HostTensor> inputs = {HostTensor::FromDoubles(type, {4}, {1, 2, 3, 4}),
                                            HostTensor::FromDoubles(type, {}, {5})};
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPartitioned(global, PlanOf(kDp2), true, inputs));
    EXPECT_EQ(got[0].ToDoubles(), std::vector<double>{15});
  }
}

// A sum over the batch, whatever ZeRO cuts: parameters that the ranks divide and some that they do not, on axes in any
// order.
TEST(ZeroTest, SumsOverABatch) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph global, graph::ParseGraph(R"(graph "sums" {
    %x: f64[4, 6] = input data
    %w: f64[6] = input parameter
    %w.m: f64[6] = input state
    %v: f64[3] = input parameter
    %v.m: f64[3] = input state
    %xw: f64[4, 6] = mul(%x, %w)
    %loss: f64[] = reduce_sum(%xw) {axes = ints[0, 1], keep_dims = false}
    %gw: f64[6] gradient_of("w") = reduce_sum(%x) {axes = ints[0], keep_dims = false} @ "grad w"
    %pairs: f64[4, 2, 3] = reshape(%x) {dims = dims[4, 2, 3]} @ "grad v"
    %gv: f64[3] gradient_of("v") = reduce_sum(%pairs) {axes = ints[0, 1], keep_dims = false} @ "grad v"
    %new_wm: f64[6] = add(%w.m, %gw)
    %new_w: f64[6] = sub(%w, %new_wm)
    %new_vm: f64[3] = add(%v.m, %gv)
    %new_v: f64[3] = sub(%v, %new_vm)
    return %loss as "loss" replicated
    return %new_w as "w" replicated
    return %new_wm as "w.m" replicated
    return %new_v as "v" replicated
    return %new_vm as "v.m" replicated
    update %w with %new_w
    update %w.m with %new_wm
    update %v with %new_v
    update %v.m with %new_vm
  })",
                                                                           "test"));
  const auto numbers = [](std::vector<int64_t> dims, double first) {
    HostTensor tensor = HostTensor::Zeros(chips::F64, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.data<double>()[i] = first + static_cast<double>(i);
    return tensor;
  };
  std::vector<std::vector<double>> first;
  for (const char* mesh :
       {"mesh { name: 'dp' kind: DATA_PARALLEL size: 1 }",
        "mesh { name: 'dp' kind: DATA_PARALLEL size: 2 }",
        "mesh { name: 'tp' kind: TENSOR_PARALLEL size: 3 } mesh { name: 'dp' kind: DATA_PARALLEL "
        "size: 2 } shardings { tensor: 'v*' axes: 'tp' }",
        "mesh { name: 'b' kind: DATA_PARALLEL size: 2 } mesh { name: 'one' kind: TENSOR_PARALLEL "
        "size: 1 } mesh { name: 'a' kind: DATA_PARALLEL size: 2 }"}) {
    for (const char* zero : {"", " zero: ZERO_1", " zero: ZERO_2", " zero: ZERO_3"}) {
      for (const char* buckets : {"", " bucket_bytes: 1024"}) {
        SCOPED_TRACE(absl::StrCat(mesh, zero, buckets));
        STRATA_ASSERT_OK_AND_ASSIGN(
            const auto got, RunPartitioned(global, PlanOf(absl::StrCat(mesh, zero, buckets)), true,
                                           {numbers({4, 6}, 1), numbers({6}, 2), numbers({6}, 3),
                                            numbers({3}, 4), numbers({3}, 5)}));
        std::vector<std::vector<double>> outputs;
        for (const HostTensor& tensor : got) outputs.push_back(tensor.ToDoubles());
        if (first.empty()) {
          EXPECT_EQ(outputs[3], (std::vector<double>{4 - 5 - 92, 5 - 6 - 100, 6 - 7 - 108}));
          first = outputs;
        }
        EXPECT_EQ(outputs, first);
      }
    }
  }
}

}  // namespace
}  // namespace strata::distributed
