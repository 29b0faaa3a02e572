#include "framework/graph/chip_interpreter.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/matmul_as.h"
#include "framework/graph/builder.h"
#include "framework/graph/evaluator_conformance.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::HasSubstr;

// What no chip's unit computes, it leaves to the reference kernels: f32 and f64 agree in full.
INSTANTIATE_TEST_SUITE_P(Chip, EvaluatorConformanceTest,
                         ::testing::Values(EvaluatorUnderTest{
                             "as_h100",
                             []() -> absl::StatusOr<std::unique_ptr<Evaluator>> {
                               STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Evaluator> made,
                                                       ChipInterpreter::Create("h100"));
                               return made;
                             },
                             {chips::F32, chips::F64}}),
                         [](const auto& info) { return info.param.name; });

HostTensor Wave(DType dtype, std::vector<int64_t> dims, double phase) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  std::vector<double> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    // Magnitudes so far apart that alignment cuts something off.
    values[i] = std::ldexp(std::sin(phase + 1.7 * static_cast<double>(i)),
                           static_cast<int>(i * 5 % 13) - 6);
  }
  return HostTensor::FromDoubles(dtype, std::move(dims), values);
}

struct ProductCase {
  std::string op;
  std::vector<int64_t> a, b;
  bool transpose_a, transpose_b;
  Attributes attributes;
};

absl::StatusOr<HostTensor> Evaluate(Evaluator& evaluator, const ProductCase& product,
                                    const HostTensor& a, const HostTensor& b) {
  Builder builder("product");
  const auto input = [&](const char* name, const HostTensor& x) {
    return builder.Input(name, {x.dtype(), Shape(x.dims().begin(), x.dims().end())}, DATA);
  };
  const ValueId x = input("a", a), y = input("b", b);
  builder.Output(builder.Apply(product.op, {x, y}, product.attributes), "y");
  STRATA_ASSIGN_OR_RETURN(const Graph graph, std::move(builder).Build());
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs, evaluator.Evaluate(graph, {a, b}));
  return outputs[0];
}

constexpr int64_t kM = 5, kN = 7, kK = 37;

Attributes Flags(bool a, bool b) {
  return {{"transpose_a", Attr(a)}, {"transpose_b", Attr(b)}, {"output_dtype", Attr(chips::F32)}};
}

// The same two matrices under every way to write their product.
const std::vector<ProductCase>& Products() {
  static const auto& products = *new std::vector<ProductCase>{
      {"matmul", {kM, kK}, {kK, kN}, false, false, Flags(false, false)},
      {"matmul", {kK, kM}, {kK, kN}, true, false, Flags(true, false)},
      {"matmul", {kM, kK}, {kN, kK}, false, true, Flags(false, true)},
      {"matmul", {2, kK, kM}, {2, kN, kK}, true, true, Flags(true, true)},
      {"matmul", {2, kM, kK}, {kK, kN}, false, false, Flags(false, false)},
      {"contract_leading", {kK, kM}, {kK, kN}, true, false, {{"output_dtype", Attr(chips::F32)}}},
      {"contract_leading",
       {1, kK, kM},
       {1, kK, kN},
       true,
       false,
       {{"output_dtype", Attr(chips::F32)}}}};
  return products;
}

TEST(ChipInterpreter, ProductsAreTheChips) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("h100"));
  for (const ProductCase& product : Products()) {
    const HostTensor a = Wave(chips::BF16, product.a, 0), b = Wave(chips::BF16, product.b, 1);
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
    const std::vector<double> av = a.ToDoubles(), bv = b.ToDoubles();
    const bool ta = product.transpose_a, tb = product.transpose_b;
    for (int64_t m = 0; m < kM; ++m) {
      for (int64_t n = 0; n < kN; ++n) {
        std::vector<float> row, column;
        for (int64_t k = 0; k < kK; ++k) {
          row.push_back(static_cast<float>(av[static_cast<size_t>(ta ? k * kM + m : m * kK + k)]));
          column.push_back(
              static_cast<float>(bv[static_cast<size_t>(tb ? n * kK + k : k * kN + n)]));
        }
        std::vector<float> d(1);
        ASSERT_OK(chips::MatmulAs("h100", "bf16", {1, 1, kK}, row, column, {}, absl::MakeSpan(d)));
        EXPECT_EQ(y.data<float>()[m * kN + n], d[0]) << product.op;
      }
    }
  }
}

TEST(ChipInterpreter, ChipsDifferFromTheReferenceAndFromOneAnother) {
  const ProductCase& product = Products()[0];
  const HostTensor a = Wave(chips::BF16, product.a, 0), b = Wave(chips::BF16, product.b, 1);
  Interpreter reference;
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor exact, Evaluate(reference, product, a, b));
  std::vector<std::vector<double>> results{exact.ToDoubles()};
  for (const char* chip : {"a100", "h100", "mi300x"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create(chip));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
    for (const std::vector<double>& other : results) EXPECT_NE(y.ToDoubles(), other) << chip;
    for (int64_t i = 0; i < y.elements(); ++i) {
      EXPECT_NEAR(y.data<float>()[i], exact.data<float>()[i], 1e-2);  // of sums near 2^12
    }
    results.push_back(y.ToDoubles());
  }
}

TEST(ChipInterpreter, SinglePrecisionGoesThroughAUnitWhenAsked) {
  const ProductCase& product = Products()[1];
  const HostTensor a = Wave(chips::F32, product.a, 0), b = Wave(chips::F32, product.b, 1);
  Interpreter reference;
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor exact, Evaluate(reference, product, a, b));
  double least = 0;
  for (const char* type : {"f32", "tf32", "bf16", "e4m3"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("h100", type));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
    double error = 0;
    for (int64_t i = 0; i < y.elements(); ++i) {
      error += std::fabs(y.data<float>()[i] - exact.data<float>()[i]);
    }
    if (std::string(type) == "f32") {
      EXPECT_EQ(error, 0);
    } else {
      EXPECT_GT(error, least) << type;  // the narrower, the further off
    }
    least = error;
  }
}

TEST(ChipInterpreter, ResultsAreRoundedToTheNodesType) {
  ProductCase product = Products()[0];
  product.attributes = {{"transpose_a", Attr(false)}};
  const HostTensor a = Wave(chips::BF16, product.a, 0), b = Wave(chips::BF16, product.b, 1);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("h100"));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor narrow, Evaluate(*evaluator, product, a, b));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor wide, Evaluate(*evaluator, Products()[0], a, b));
  EXPECT_EQ(narrow.dtype(), chips::BF16);
  EXPECT_EQ(narrow.ToDoubles(), wide.Cast(chips::BF16).ToDoubles());
}

TEST(ChipInterpreter, WhatAChipDoesNotMultiplyIsNamed) {
  EXPECT_THAT(ChipInterpreter::Create("k80").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no chip 'k80'")));
  EXPECT_THAT(ChipInterpreter::Create("a100", "e4m3").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ampere multiplies no e4m3")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto volta, ChipInterpreter::Create("v100"));
  const ProductCase& product = Products()[0];
  EXPECT_THAT(
      Evaluate(*volta, product, Wave(chips::BF16, product.a, 0), Wave(chips::BF16, product.b, 0))
          .status(),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("volta multiplies no bf16")));
}

TEST(ChipInterpreter, IsInTheRegistryByChip) {
  RegisterChipInterpreters();
  for (const char* name : {"as_v100", "as_a100", "as_l40s", "as_h100", "as_b200", "as_mi300x"}) {
    EXPECT_OK(EvaluatorRegistry().Create(name).status()) << name;
  }
}

}  // namespace
}  // namespace strata::graph
