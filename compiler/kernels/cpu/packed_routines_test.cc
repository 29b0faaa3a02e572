// matmul_packed, matmul_experts and embedding_packed against the reference kernels of their ops.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/packed_rows.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/ops/all_ops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::WeightFormat;
using graph::Attr;
using graph::HostTensor;
using ::testing::HasSubstr;

float Next(uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return static_cast<float>(*state >> 8) / 8388608.0f - 1.0f;
}

HostTensor Random(std::vector<int64_t> dims, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(chips::F32, std::move(dims));
  uint32_t state = seed * 2654435761u + 12345u;
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = Next(&state);
  return tensor;
}

// N rows of K encoded weights, in either layout; `leading` matrices of them when it is not 0.
HostTensor Weights(const WeightFormat& format, const std::string& layout, int64_t N, int64_t K,
                   int64_t leading = 0) {
  const int64_t matrices = std::max<int64_t>(leading, 1), bytes = chips::RowBytes(format, K);
  const HostTensor values = Random({matrices * N, K}, 21);
  HostTensor rows = HostTensor::Zeros(chips::U8, {matrices * N, bytes});
  for (int64_t n = 0; n < matrices * N; ++n)
    chips::EncodeRow(format, values.data<float>() + n * K, K, rows.data<uint8_t>() + n * bytes);
  const int64_t groups = chips::PackedGroups(N), size = chips::GroupBytes(format, K);
  std::vector<int64_t> dims =
      layout == "rows" ? std::vector<int64_t>{N, bytes} : std::vector<int64_t>{groups, size};
  if (leading > 0) dims.insert(dims.begin(), leading);
  HostTensor result = HostTensor::Zeros(chips::U8, dims);
  if (layout == "rows") {
    std::copy_n(rows.data<uint8_t>(), rows.elements(), result.data<uint8_t>());
    return result;
  }
  for (int64_t e = 0; e < matrices; ++e) {
    chips::PackRows(format, rows.data<uint8_t>() + e * N * bytes, N, K, 0, groups,
                    result.data<uint8_t>() + e * groups * size);
  }
  return result;
}

graph::Attributes Of(const WeightFormat& format, const std::string& layout, int64_t N) {
  return {{"format", Attr(format.name)}, {"layout", Attr(layout)}, {"n", Attr(N)}};
}

absl::StatusOr<std::vector<HostTensor>> Call(const std::string& op,
                                             const graph::Attributes& attributes,
                                             const std::vector<HostTensor>& inputs, int threads) {
  graph::RegisterAllOps();
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  graph::OpCall call{&node, {}, {}};
  for (const HostTensor& input : inputs)
    call.inputs.push_back({input.dtype(), graph::Shape(input.dims().begin(), input.dims().end())});
  STRATA_ASSIGN_OR_RETURN(call.outputs,
                          graph::InferTypes(*graph::OpRegistry::Get().Find(op), call));
  const Routine* routine = FindRoutine(op);
  EXPECT_THAT(routine->reason(call), HasSubstr(attributes.at("format").s()));
  STRATA_ASSIGN_OR_RETURN(const RoutineFunction run, routine->prepare(call, threads));
  std::vector<HostTensor> outputs;
  std::vector<void*> buffers;
  for (const HostTensor& input : inputs) buffers.push_back(input.raw());
  for (const graph::TensorType& type : call.outputs) {
    outputs.push_back(HostTensor::Allocate(chips::F32, type.dims()));
    std::fill_n(outputs.back().data<uint8_t>(), outputs.back().size_bytes(), uint8_t{0xff});
    buffers.push_back(outputs.back().raw());
  }
  STRATA_RETURN_IF_ERROR(run(buffers.data()));
  return outputs;
}

// K products below 1 in magnitude: sums of at most K, rounded at most K times.
void ExpectReference(const std::string& op, const graph::Attributes& attributes,
                     const std::vector<HostTensor>& inputs, int64_t K) {
  graph::RegisterAllOps();
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::EvaluateNode(node, inputs));
  for (int threads : {1, 3}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, Call(op, attributes, inputs, threads));
    ASSERT_EQ(got.size(), want.size());
    const double tolerance = std::numeric_limits<float>::epsilon() * 8 *
                             std::sqrt(static_cast<double>(K)) * static_cast<double>(K + 1);
    for (size_t o = 0; o < want.size(); ++o) {
      ASSERT_EQ(got[o].dims(), want[o].dims());
      for (int64_t i = 0; i < got[o].elements(); ++i) {
        const float a = got[o].data<float>()[i], b = want[o].data<float>()[i];
        if (std::isnan(a) && std::isnan(b)) continue;
        ASSERT_NEAR(a, b, tolerance) << op << " output " << o << " element " << i;
      }
    }
  }
}

class PackedRoutinesTest : public ::testing::TestWithParam<WeightFormat> {};

TEST_P(PackedRoutinesTest, MatmulAgreesWithTheReference) {
  const int64_t K = GetParam().block == 256 ? 512 : 160;
  for (const char* layout : {"rows", "rows16"}) {
    for (int64_t N : {1, 15, 17, 100}) {
      const HostTensor w = Weights(GetParam(), layout, N, K);
      for (int64_t M : {0, 1, 5, 13}) {
        ExpectReference("matmul_packed", Of(GetParam(), layout, N), {Random({M, K}, 1), w}, K);
      }
    }
    const HostTensor none = Weights(GetParam(), layout, 0, K);
    ExpectReference("matmul_packed", Of(GetParam(), layout, 0), {Random({2, 3, K}, 1), none}, K);
    ExpectReference("matmul_packed", Of(GetParam(), layout, 3),
                    {Random({2, 3, K}, 1), Weights(GetParam(), layout, 3, K)}, K);
  }
}

TEST_P(PackedRoutinesTest, GroupsAgreeWithTheReference) {
  const int64_t K = 256;
  for (const char* layout : {"rows", "rows16"}) {
    graph::Attributes attributes = Of(GetParam(), layout, 0);
    attributes["n"] = Attr(std::vector<int64_t>{40, 3, 17});
    for (int64_t M : {0, 1, 14}) {
      ExpectReference("matmul_packed_group", attributes,
                      {Random({M, K}, 1), Weights(GetParam(), layout, 40, K),
                       Weights(GetParam(), layout, 3, K), Weights(GetParam(), layout, 17, K)},
                      K);
    }
  }
}

TEST_P(PackedRoutinesTest, NaNGivesItsRowNaN) {
  const int64_t K = 256;
  HostTensor x = Random({3, K}, 1);
  x.data<float>()[K + 7] = std::numeric_limits<float>::quiet_NaN();
  ExpectReference("matmul_packed", Of(GetParam(), "rows16", 9),
                  {x, Weights(GetParam(), "rows16", 9, K)}, K);
}

TEST_P(PackedRoutinesTest, ExpertsAgreeWithTheReference) {
  const int64_t K = 256, N = 35;
  HostTensor ids = HostTensor::Allocate(chips::I32, {20, 3});
  uint32_t state = 17;
  for (int64_t i = 0; i < ids.elements(); ++i)
    ids.data<int32_t>()[i] = static_cast<int32_t>(2.5f * (Next(&state) + 1));
  for (const char* layout : {"rows", "rows16"}) {
    const HostTensor w = Weights(GetParam(), layout, N, K, 5);
    const graph::Attributes attributes = Of(GetParam(), layout, N);
    ExpectReference("matmul_experts", attributes, {Random({20, 3, K}, 2), w, ids}, K);
    ExpectReference("matmul_experts", attributes, {Random({20, 1, K}, 2), w, ids}, K);
  }
}

TEST_P(PackedRoutinesTest, EmbeddingDecodesRows) {
  const int64_t K = 512;
  const HostTensor w = Weights(GetParam(), "rows", 7, K);
  const HostTensor ids = HostTensor::FromVector<int32_t>({2, 2}, {6, 0, 3, 6});
  const graph::Attributes attributes = {{"format", Attr(GetParam().name)}, {"k", Attr(K)}};
  ExpectReference("embedding_packed", attributes, {w, ids}, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, PackedRoutinesTest,
                         ::testing::ValuesIn(chips::AllWeightFormats().begin(),
                                             chips::AllWeightFormats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PackedRoutinesErrorsTest, IdsOutsideAreRefused) {
  const WeightFormat& format = **chips::FindWeightFormat("q8_0");
  const HostTensor ids = HostTensor::FromVector<int32_t>({1, 2}, {0, 5});
  EXPECT_THAT(Call("matmul_experts", Of(format, "rows16", 3),
                   {Random({1, 1, 32}, 1), Weights(format, "rows16", 3, 32, 5), ids}, 1)
                  .status(),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("ids: element 1 is 5; there are matrices [0, 5)")));
  EXPECT_THAT(Call("embedding_packed", {{"format", Attr("q8_0")}, {"k", Attr(32)}},
                   {Weights(format, "rows", 5, 32), ids}, 1)
                  .status(),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("ids: element 1 is 5; the table has rows [0, 5)")));
}

TEST(PackedRoutinesErrorsTest, AttributesAndShapesAreChecked) {
  const WeightFormat& format = **chips::FindWeightFormat("q4_k");
  const HostTensor w = Weights(format, "rows", 3, 256);
  const auto status = [&](const graph::Attributes& attributes, int64_t K) {
    return Call("matmul_packed", attributes, {Random({1, K}, 1), w}, 1).status();
  };
  EXPECT_THAT(status({{"format", Attr("q9")}, {"layout", Attr("rows")}, {"n", Attr(3)}}, 256),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no weight format \"q9\"")));
  EXPECT_THAT(status(Of(format, "columns", 3), 256),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("layout: is \"columns\"; must be \"rows\" or \"rows16\"")));
  EXPECT_THAT(status(Of(format, "rows", 3), 250),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("blocks of 256 weights")));
  EXPECT_THAT(status(Of(format, "rows", 4), 256),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("w: is u8[3, 144]")));
  EXPECT_THAT(status(Of(format, "rows", -1), 256),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("n: is -1; must be >= 0")));
}

}  // namespace
}  // namespace strata::compiler
