// Every routine against the reference kernel of its op, over odd sizes, size 1 and empty arrays.
#include "compiler/kernels/cpu/routine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/kernels/cpu/gemm_bf16.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/ops/all_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::HostTensor;
using ::testing::HasSubstr;

// Numbers of [-1, 1), the same in every run.
HostTensor Random(std::vector<int64_t> dims, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(chips::F32, std::move(dims));
  uint32_t state = seed * 2654435761u + 12345u;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    state = state * 1664525u + 1013904223u;
    tensor.data<float>()[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return tensor;
}

HostTensor Ids(std::vector<int64_t> dims, int32_t below, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(chips::I32, dims);
  const HostTensor random = Random(dims, seed);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.data<int32_t>()[i] = std::min(
        below - 1,
        static_cast<int32_t>((random.data<float>()[i] + 1) / 2 * static_cast<float>(below)));
  }
  return tensor;
}

graph::Node NodeOf(const std::string& op, const graph::Attributes& attributes) {
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  return node;
}

graph::OpCall CallOf(const graph::Node& node, const std::vector<HostTensor>& inputs) {
  graph::RegisterAllOps();
  graph::OpCall call{&node, {}, {}};
  for (const HostTensor& input : inputs) {
    call.inputs.push_back({input.dtype(), graph::Shape(input.dims().begin(), input.dims().end())});
  }
  auto outputs = graph::InferTypes(*graph::OpRegistry::Get().Find(node.op()), call);
  EXPECT_OK(outputs.status());
  if (outputs.ok()) call.outputs = *outputs;
  return call;
}

// Runs the routine on fresh outputs full of NaN, so that what it leaves out shows.
absl::StatusOr<std::vector<HostTensor>> Call(const graph::Node& node,
                                             const std::vector<HostTensor>& inputs, int threads) {
  const graph::OpCall call = CallOf(node, inputs);
  const Routine* routine = FindRoutine(node.op());
  STRATA_RETURN_IF_ERROR(routine->supports(call));
  STRATA_ASSIGN_OR_RETURN(const RoutineFunction run, routine->prepare(call, threads));
  std::vector<HostTensor> outputs;
  std::vector<void*> buffers;
  for (const HostTensor& input : inputs) buffers.push_back(input.raw());
  for (const graph::TensorType& type : call.outputs) {
    outputs.push_back(HostTensor::Allocate(type.dtype, type.dims()));
    std::fill_n(outputs.back().data<char>(), outputs.back().size_bytes(), static_cast<char>(0xff));
    buffers.push_back(outputs.back().raw());
  }
  EXPECT_FALSE(routine->reason(call).empty());
  STRATA_RETURN_IF_ERROR(run(buffers.data()));
  STRATA_RETURN_IF_ERROR(run(buffers.data()));  // again: nothing may be left in scratch
  return outputs;
}

// `terms`: how many roundings a result may gather; the largest result stands for the size of what is added.
void ExpectSame(const std::string& op, const graph::Attributes& attributes,
                const std::vector<HostTensor>& inputs, int64_t terms) {
  const graph::Node node = NodeOf(op, attributes);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> right,
                              graph::EvaluateNode(node, inputs));
  for (int threads : {1, 2}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> outputs, Call(node, inputs, threads));
    ASSERT_EQ(outputs.size(), right.size());
    for (size_t k = 0; k < right.size(); ++k) {
      const std::vector<double> a = right[k].ToDoubles(), b = outputs[k].ToDoubles();
      double largest = 1;
      for (double x : a) largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
      const double tolerance =
          static_cast<double>(terms + 8) * std::numeric_limits<float>::epsilon() * largest;
      for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i]) continue;
        ASSERT_NEAR(a[i], b[i], tolerance)
            << op << " output " << k << " element " << i << " threads " << threads;
      }
    }
  }
}

TEST(RoutineTest, TheTableIsThereAndSorted) {
  EXPECT_THAT(
      RoutineNames(),
      ::testing::ElementsAre(
          "attention", "attention_gradient", "cache_update", "cache_write", "cache_write_q8",
          "cast", "contract_leading", "conv2d", "conv2d_gradient_input", "conv2d_gradient_weight",
          "cross_entropy", "cross_entropy_gradient", "embedding", "embedding_gradient",
          "embedding_packed", "grouped_contract", "grouped_matmul", "matmul", "matmul_experts",
          "matmul_packed", "matmul_packed_group", "max_pool2d", "max_pool2d_gradient",
          "moe_combine", "moe_dispatch", "moe_slots", "moe_sort", "moe_weight_gradient",
          "paged_attention", "reduce_sum", "requantize", "rope", "top_k"));
  EXPECT_EQ(FindRoutine("no_such"), nullptr);
}

TEST(RoutineTest, OtherTypesAreUnimplemented) {
  const HostTensor a = HostTensor::Zeros(chips::F64, {2, 2});
  EXPECT_THAT(Call(NodeOf("matmul", {}), {a, a}, 1),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("matmul is for f32; inputs[0] is f64[2, 2]")));
}

TEST(RoutineTest, Matmul) {
  for (int64_t M : {0, 1, 3, 4, 5, 33}) {
    for (int64_t N : {0, 1, 17, 130}) {
      for (int64_t K : {0, 1, 7, 96}) {
        for (bool ta : {false, true}) {
          for (bool tb : {false, true}) {
            const HostTensor a =
                Random(ta ? std::vector<int64_t>{K, M} : std::vector<int64_t>{M, K}, 1);
            const HostTensor b =
                Random(tb ? std::vector<int64_t>{N, K} : std::vector<int64_t>{K, N}, 2);
            ExpectSame("matmul", {{"transpose_a", Attr(ta)}, {"transpose_b", Attr(tb)}}, {a, b}, K);
          }
        }
      }
    }
  }
}

TEST(RoutineTest, MatmulOfBatches) {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      const graph::Attributes flags = {{"transpose_a", Attr(ta)}, {"transpose_b", Attr(tb)}};
      const HostTensor a =
          Random(ta ? std::vector<int64_t>{2, 3, 9, 5} : std::vector<int64_t>{2, 3, 5, 9}, 3);
      const HostTensor shared =
          Random(tb ? std::vector<int64_t>{7, 9} : std::vector<int64_t>{9, 7}, 4);
      const HostTensor each =
          Random(tb ? std::vector<int64_t>{2, 3, 7, 9} : std::vector<int64_t>{2, 3, 9, 7}, 5);
      ExpectSame("matmul", flags, {a, shared}, 9);
      ExpectSame("matmul", flags, {a, each}, 9);
    }
  }
  ExpectSame("matmul", {}, {Random({0, 4, 5}, 1), Random({5, 6}, 2)}, 5);
}

TEST(RoutineTest, ContractLeading) {
  for (const std::vector<int64_t>& leading :
       std::vector<std::vector<int64_t>>{{1}, {17}, {2, 9}, {0}, {3, 1, 5}}) {
    std::vector<int64_t> a = leading, b = leading;
    a.push_back(13);
    b.push_back(21);
    ExpectSame("contract_leading", {}, {Random(a, 1), Random(b, 2)}, 64);
  }
}

HostTensor ToBf16(const HostTensor& tensor) {
  HostTensor rounded = HostTensor::Allocate(chips::BF16, tensor.dims());
  rounded.SetFromDoubles(tensor.ToDoubles());
  return rounded;
}

// Products of bf16 are exact in f32, so only the order of sums is free.
TEST(RoutineTest, MatmulOfBf16SumsInF32) {
  for (int64_t M : {0, 1, 5, 33}) {
    for (int64_t N : {0, 1, 17, 130}) {
      for (int64_t K : {0, 1, 7, 96}) {
        for (int flags = 0; flags < 4; ++flags) {
          const bool ta = (flags & 1) != 0, tb = (flags & 2) != 0;
          const HostTensor a =
              ToBf16(Random(ta ? std::vector<int64_t>{K, M} : std::vector<int64_t>{M, K}, 1));
          const HostTensor b =
              ToBf16(Random(tb ? std::vector<int64_t>{N, K} : std::vector<int64_t>{K, N}, 2));
          ExpectSame("matmul",
                     {{"output_dtype", Attr(chips::F32)},
                      {"transpose_a", Attr(ta)},
                      {"transpose_b", Attr(tb)}},
                     {a, b}, K);
        }
      }
    }
  }
  const graph::Attributes f32 = {{"output_dtype", Attr(chips::F32)}};
  ExpectSame("matmul", f32, {ToBf16(Random({2, 3, 5, 9}, 3)), ToBf16(Random({2, 3, 9, 7}, 4))}, 9);
  ExpectSame("matmul", f32, {ToBf16(Random({2, 3, 5, 9}, 3)), ToBf16(Random({9, 7}, 4))}, 9);
  ExpectSame("contract_leading", f32,
             {ToBf16(Random({2, 9, 13}, 1)), ToBf16(Random({2, 9, 21}, 2))}, 64);
}

TEST(RoutineTest, WideningIsTheSameAsBf16Arithmetic) {
  const Bf16GemmShape shape{true, false, 19, 37, 70};
  const HostTensor a = ToBf16(Random({70, 19}, 1)), b = ToBf16(Random({70, 37}, 2));
  std::vector<float> fast(19 * 37, NAN), slow(19 * 37, NAN);
  ASSERT_OK(Bf16Gemm::Create(shape, 2)->Run(a.data<uint16_t>(), b.data<uint16_t>(), fast.data()));
  ASSERT_OK(
      Bf16Gemm::CreateWidening(shape)->Run(a.data<uint16_t>(), b.data<uint16_t>(), slow.data()));
  for (size_t i = 0; i < fast.size(); ++i) EXPECT_NEAR(fast[i], slow[i], 70 * 1.2e-7 * 70) << i;
}

struct AttentionCase {
  int64_t B, T, S, H, KV, D;
};

class AttentionTest : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionTest, AgreesWithTheReference) {
  const AttentionCase& c = GetParam();
  const HostTensor q = Random({c.B, c.T, c.H, c.D}, 1), k = Random({c.B, c.S, c.KV, c.D}, 2),
                   v = Random({c.B, c.S, c.KV, c.D}, 3);
  HostTensor start = HostTensor::Allocate(chips::I32, {c.B});
  for (bool causal : {false, true}) {
    const graph::Attributes attributes = {{"scale", Attr(0.7)}, {"causal", Attr(causal)}};
    ExpectSame("attention", attributes, {q, k, v}, c.D + c.S);
    for (int32_t first : {0, 2, -3, 1000}) {
      for (int64_t b = 0; b < c.B; ++b) start.data<int32_t>()[b] = first + static_cast<int32_t>(b);
      ExpectSame("attention", attributes, {q, k, v, start}, c.D + c.S);
    }
  }
}

TEST_P(AttentionTest, GradientAgreesWithTheReference) {
  const AttentionCase& c = GetParam();
  const HostTensor q = Random({c.B, c.T, c.H, c.D}, 1), k = Random({c.B, c.S, c.KV, c.D}, 2),
                   v = Random({c.B, c.S, c.KV, c.D}, 3), dout = Random({c.B, c.T, c.H, c.D}, 4);
  for (bool causal : {false, true}) {
    const graph::Attributes attributes = {{"scale", Attr(0.7)}, {"causal", Attr(causal)}};
    STRATA_ASSERT_OK_AND_ASSIGN(const auto forward,
                                graph::EvaluateNode(NodeOf("attention", attributes), {q, k, v}));
    ExpectSame("attention_gradient", attributes, {q, k, v, forward[0], forward[1], dout},
               8 * (c.D + c.S + c.T));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, AttentionTest,
    ::testing::Values(AttentionCase{1, 1, 1, 1, 1, 1}, AttentionCase{2, 1, 37, 4, 2, 16},
                      AttentionCase{1, 3, 20, 6, 1, 24}, AttentionCase{2, 70, 70, 2, 2, 17},
                      AttentionCase{1, 130, 150, 4, 2, 8}, AttentionCase{1, 5, 3, 2, 1, 4},
                      AttentionCase{0, 5, 5, 1, 1, 4}, AttentionCase{1, 9, 0, 1, 1, 4},
                      AttentionCase{2, 150, 150, 2, 2, 64}, AttentionCase{1, 200, 70, 2, 1, 64},
                      AttentionCase{1, 65, 129, 2, 1, 80}));

// Each block of keys scores far above the ones before it, then far below: what was summed so far is made smaller, or kept.
TEST(RoutineTest, AttentionWhoseScoresRiseAndFall) {
  const int64_t T = 200;
  for (double step : {0.05, 0.5, 5.0, -0.5, -5.0}) {
    const HostTensor v = Random({1, T, 1, 16}, 3), dout = Random({1, T, 1, 16}, 4);
    HostTensor q = Random({1, T, 1, 16}, 1), k = Random({1, T, 1, 16}, 2);
    for (int64_t t = 0; t < T; ++t) {
      q.data<float>()[t * 16] = 1.0f;
      k.data<float>()[t * 16] = static_cast<float>(step * static_cast<double>(t / 16));
    }
    const graph::Attributes attributes = {{"scale", Attr(1.0)}, {"causal", Attr(true)}};
    ExpectSame("attention", attributes, {q, k, v}, 64 * 16);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto forward,
                                graph::EvaluateNode(NodeOf("attention", attributes), {q, k, v}));
    ExpectSame("attention_gradient", attributes, {q, k, v, forward[0], forward[1], dout},
               8 * 64 * 16);
  }
}

// NaN and infinities of a token are no matter to what does not see it, also where four rows are done at once.
TEST(RoutineTest, AttentionDoesNotTouchWhatIsHidden) {
  const int64_t T = 70, D = 16;
  const graph::Attributes attributes = {{"scale", Attr(0.3)}, {"causal", Attr(true)}};
  const graph::Node forward = NodeOf("attention", attributes),
                    backward = NodeOf("attention_gradient", attributes);
  const auto row = [](const HostTensor& x, int64_t t) {
    const float* from = x.data<float>() + t * D;
    return std::vector<float>(from, from + D);
  };
  std::vector<HostTensor> in;
  for (uint32_t seed : {1, 2, 3, 4}) in.push_back(Random({1, T, 1, D}, seed));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto right, Call(forward, {in[0], in[1], in[2]}, 1));
  const auto gradient = [&](const HostTensor& dout) {
    return Call(backward, {in[0], in[1], in[2], right[0], right[1], dout}, 1);
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto right_gradient, gradient(in[3]));
  for (int64_t token : {1, 2, 3, 38, 66, 69}) {
    for (float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      HostTensor v = in[2].Clone(), dout = in[3].Clone();
      std::fill_n(v.data<float>() + token * D, D, bad);
      std::fill_n(dout.data<float>() + token * D, D, bad);
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Call(forward, {in[0], in[1], v}, 1));
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got_gradient, gradient(dout));
      for (int64_t t = 0; t < T; ++t) {
        EXPECT_EQ(row(got[0], t) == row(right[0], t), t < token) << token << " for query " << t;
        EXPECT_EQ(row(got_gradient[0], t) == row(right_gradient[0], t), t != token) << t;
        for (size_t k : {1, 2})
          EXPECT_EQ(row(got_gradient[k], t) == row(right_gradient[k], t), t > token)
              << token << " for key " << t;
      }
    }
  }
}

TEST(RoutineTest, Embedding) {
  for (int64_t C : {1, 16, 19, 64}) {
    const HostTensor ids = Ids({3, 7}, 11, 5);
    ExpectSame("embedding", {}, {Random({11, C}, 1), ids}, 0);
    ExpectSame("embedding_gradient", {{"dims", Attr(graph::Shape{11, C})}},
               {ids, Random({3, 7, C}, 2)}, 21);
  }
  ExpectSame("embedding", {}, {Random({4, 0}, 1), Ids({2}, 4, 1)}, 0);
  ExpectSame("embedding_gradient", {{"dims", Attr(graph::Shape{4, 8})}},
             {Ids({0}, 4, 1), Random({0, 8}, 1)}, 0);
  HostTensor bad = Ids({2}, 4, 1);
  bad.data<int32_t>()[1] = 4;
  EXPECT_THAT(Call(NodeOf("embedding", {}), {Random({4, 8}, 1), bad}, 1),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("ids: element 1 is 4; the table has rows [0, 4)")));
  bad.data<int32_t>()[1] = -1;
  EXPECT_THAT(Call(NodeOf("embedding_gradient", {{"dims", Attr(graph::Shape{4, 8})}}),
                   {bad, Random({2, 8}, 1)}, 1),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("ids: element 1 is -1")));
}

TEST(RoutineTest, CrossEntropy) {
  for (int64_t V : {1, 15, 16, 50, 333}) {
    HostTensor logits = Random({2, 5, V}, 1);
    for (int64_t i = 0; i < logits.elements(); ++i) logits.data<float>()[i] *= 20;
    HostTensor targets = Ids({2, 5}, static_cast<int32_t>(V), 2);
    targets.data<int32_t>()[3] = -1;
    ExpectSame("cross_entropy", {}, {logits, targets}, 8);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const auto forward, graph::EvaluateNode(NodeOf("cross_entropy", {}), {logits, targets}));
    ExpectSame("cross_entropy_gradient", {}, {logits, targets, forward[1], Random({2, 5}, 3)}, 32);
  }
  HostTensor targets = Ids({2}, 3, 1);
  targets.data<int32_t>()[0] = 3;
  EXPECT_THAT(Call(NodeOf("cross_entropy", {}), {Random({2, 3}, 1), targets}, 1),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("targets: element 0 is 3; there are classes [0, 3)")));
}

TEST(RoutineTest, CrossEntropyGradientOverwritesTheLogits) {
  HostTensor logits = Random({4, 37}, 1);
  const HostTensor targets = Ids({4}, 37, 2), lse = Random({4}, 3), dloss = Random({4}, 4);
  const graph::Node node = NodeOf("cross_entropy_gradient", {});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto apart, Call(node, {logits, targets, lse, dloss}, 1));
  const graph::OpCall call = CallOf(node, {logits, targets, lse, dloss});
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutineFunction run, FindRoutine(node.op())->prepare(call, 2));
  void* buffers[] = {logits.raw(), targets.raw(), lse.raw(), dloss.raw(), logits.raw()};
  ASSERT_OK(run(buffers));
  EXPECT_EQ(logits.ToDoubles(), apart[0].ToDoubles());
}

TEST(RoutineTest, Rope) {
  for (int64_t D : {2, 6, 32, 64}) {
    for (bool interleaved : {false, true}) {
      for (bool inverse : {false, true}) {
        ExpectSame("rope",
                   {{"theta", Attr(10000.0)},
                    {"interleaved", Attr(interleaved)},
                    {"inverse", Attr(inverse)}},
                   {Random({2, 3, 5, D}, 1), Ids({2, 3}, 5000, 2)}, 4);
      }
    }
  }
}

TEST(RoutineTest, RopeOfPartsOfAHead) {
  for (bool interleaved : {false, true}) {
    for (int64_t width : {0, 2, 34, 64}) {
      ExpectSame("rope",
                 {{"theta", Attr(500.0)},
                  {"width", Attr(width)},
                  {"magnitude", Attr(1.3)},
                  {"interleaved", Attr(interleaved)}},
                 {Random({2, 3, 5, 70}, 1), Ids({2, 3}, 5000, 2)}, 4);
      ExpectSame("rope", {{"width", Attr(width)}, {"interleaved", Attr(interleaved)}},
                 {Random({1, 3, 5, 70}, 1), Ids({1, 3}, 131072, 2), Random({width / 2}, 3)}, 4);
    }
  }
}

TEST(RoutineTest, TopK) {
  for (int64_t E : {1, 4, 17, 64}) {
    for (int64_t k : {int64_t{1}, int64_t{3}, E}) {
      if (k > E) continue;
      ExpectSame("top_k", {{"k", Attr(k)}}, {Random({700, E}, 1)}, 0);
      ExpectSame("top_k", {{"k", Attr(k)}}, {HostTensor::Zeros(chips::F32, {2, 3, E})}, 0);
    }
  }
  const float nan = NAN, inf = std::numeric_limits<float>::infinity();
  const HostTensor odd = HostTensor::FromVector<float>({1, 6}, {nan, 1, -inf, nan, inf, 1});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Call(NodeOf("top_k", {{"k", Attr(6)}}), {odd}, 1));
  EXPECT_EQ(got[1].ToDoubles(), (std::vector<double>{4, 1, 5, 2, 0, 3}));
}

TEST(RoutineTest, CacheUpdate) {
  const HostTensor cache = Random({2, 9, 3, 4}, 1), fresh = Random({2, 2, 3, 4}, 2);
  HostTensor start = HostTensor::FromVector<int32_t>({2}, {0, 7});
  ExpectSame("cache_update", {}, {cache, fresh, start}, 0);
  start.data<int32_t>()[1] = 8;
  EXPECT_THAT(Call(NodeOf("cache_update", {}), {cache, fresh, start}, 1),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("start: row 1 writes [8, 10) of a cache of 9 slots")));
}

}  // namespace
}  // namespace strata::compiler
