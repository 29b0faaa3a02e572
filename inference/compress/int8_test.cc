#include "inference/compress/int8.h"

#include <cmath>
#include <limits>
#include <random>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"
#include "gtest/gtest.h"
#include "inference/engine/fake_model.h"

namespace strata::inference {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

HostTensor Random(int64_t rows, int64_t columns) {
  std::mt19937_64 generator(static_cast<uint64_t>(rows * 1000 + columns));
  std::normal_distribution<float> normal;
  HostTensor tensor = HostTensor::Allocate(chips::F32, {rows, columns});
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = normal(generator);
  return tensor;
}

// The definition: |w - q * scale| <= scale / 2, up to one rounding of the product (relative 2^-23).
TEST(Int8, ErrorIsAtMostHalfAStepInBothOrientations) {
  for (auto [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {16, 64}, {5, 1}}) {
    for (bool transposed : {false, true}) {
      const HostTensor weight = transposed ? Random(k, n) : Random(n, k);
      STRATA_ASSERT_OK_AND_ASSIGN(Int8Matrix matrix, QuantizeInt8(weight, transposed));
      ASSERT_EQ(matrix.values.dims(), (std::vector<int64_t>{n, k}));
      for (int64_t i = 0; i < n; ++i) {
        const double scale = matrix.scales.data<float>()[i];
        for (int64_t j = 0; j < k; ++j) {
          const double w = weight.data<float>()[transposed ? j * n + i : i * k + j];
          const double back = matrix.values.data<int8_t>()[i * k + j] * scale;
          EXPECT_LE(std::fabs(w - back), scale * (0.5 + 127 * 0x1p-22));
        }
      }
    }
  }
}

TEST(Int8, ZeroRowsStayZero) {
  STRATA_ASSERT_OK_AND_ASSIGN(Int8Matrix matrix,
                              QuantizeInt8(HostTensor::Zeros(chips::F32, {2, 3}), false));
  for (double value : matrix.values.ToDoubles()) EXPECT_EQ(value, 0);
  for (double scale : matrix.scales.ToDoubles()) EXPECT_EQ(scale, 0);
}

TEST(Int8, RefusesWhatItCannotHold) {
  HostTensor bad = Random(2, 2);
  bad.data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(QuantizeInt8(bad, false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[1, 1] is not finite")));
  EXPECT_THAT(QuantizeInt8(HostTensor::Zeros(chips::F64, {2, 2}), false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f64[2, 2]")));
}

// The rewritten graph equals the original graph on the dequantised weights, to rounding.
TEST(Int8, QuantizedModelIsTheModelWithDequantisedWeights) {
  const auto model = MakeFakeModel(16, 3);
  STRATA_ASSERT_OK_AND_ASSIGN(auto quantized, QuantizeModel(model));
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph before, model->BuildStep(1, 4, 16));
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph after, quantized->BuildStep(1, 4, 16));
  int int8_nodes = 0;
  for (const graph::Node& node : after.nodes()) int8_nodes += node.op() == "matmul_int8";
  EXPECT_EQ(int8_nodes, 4);

  const auto inputs = [](const graph::Graph& graph, const WeightMap& weights) {
    std::vector<HostTensor> tensors;
    for (const auto& input : graph.inputs()) {
      const graph::Value& value = graph.values(static_cast<int>(input.value()));
      const graph::TensorType type = graph::TypeOf(value);
      if (input.kind() == graph::PARAMETER) {
        tensors.push_back(weights.at(value.name()));
      } else {
        tensors.push_back(HostTensor::Zeros(type.dtype, type.dims()));
        if (value.name() == "tokens") tensors.back().SetFromDoubles({72, 101, 108, 111});
      }
    }
    return tensors;
  };
  WeightMap dequantised = model->weights();
  for (const std::string name : {"q", "k", "v", "head"}) {
    const HostTensor& values = quantized->weights().at(name + ".t.int8");
    const HostTensor& scales = quantized->weights().at(name + ".t.scale");
    const int64_t n = values.dims()[0], k = values.dims()[1];
    HostTensor weight = HostTensor::Allocate(chips::F32, {k, n});
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < k; ++j) {
        weight.data<float>()[j * n + i] =
            static_cast<float>(values.data<int8_t>()[i * k + j]) * scales.data<float>()[i];
      }
    }
    dequantised[name] = weight;
  }
  graph::Interpreter interpreter;
  STRATA_ASSERT_OK_AND_ASSIGN(auto x, interpreter.Evaluate(before, inputs(before, dequantised)));
  STRATA_ASSERT_OK_AND_ASSIGN(auto y,
                              interpreter.Evaluate(after, inputs(after, quantized->weights())));
  const std::vector<double> expected = x[0].ToDoubles(), got = y[0].ToDoubles();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-4) << i;
}

}  // namespace
}  // namespace strata::inference
