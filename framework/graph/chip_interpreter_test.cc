#include "framework/graph/chip_interpreter.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/numerics/array_arithmetic.h"
#include "chips/numerics/matmul_as.h"
#include "framework/graph/builder.h"
#include "framework/graph/chip_arithmetic.h"
#include "framework/graph/evaluator_conformance.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::HasSubstr;

EvaluatorUnderTest Machine(const char* name, std::vector<DType> dtypes) {
  const auto create = [name]() -> absl::StatusOr<std::unique_ptr<Evaluator>> {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Evaluator> made, ChipInterpreter::Create(name));
    return made;
  };
  return {absl::StrCat("as_", name), create, std::move(dtypes)};
}

// What no chip's unit computes, it leaves to the reference kernels: f32 and f64 agree in full. An array core sums rows
// of f32 in its own order, within the suite's tolerance.
INSTANTIATE_TEST_SUITE_P(Chip, EvaluatorConformanceTest,
                         ::testing::Values(Machine("h100", {chips::F32, chips::F64}),
                                           Machine("edge_16", {chips::F32, chips::F64}),
                                           Machine("edge_16_os", {chips::F32})),
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

// The sum over all of K of one element, from the operands as the machine gets them.
float ArrayElement(const ArrayMachine& machine, const ProductCase& product, const HostTensor& a,
                   const HostTensor& b, int64_t m, int64_t n) {
  const std::vector<double> av = a.ToDoubles(), bv = b.ToDoubles();
  std::vector<float> row, column, d(1);
  for (int64_t k = 0; k < kK; ++k) {
    const int64_t from_a = product.transpose_a ? k * kM + m : m * kK + k;
    const int64_t from_b = product.transpose_b ? n * kK + k : k * kN + n;
    row.push_back(static_cast<float>(av[static_cast<size_t>(from_a)]));
    column.push_back(static_cast<float>(bv[static_cast<size_t>(from_b)]));
  }
  EXPECT_OK(chips::ArrayMatmul(machine.array, {1, 1, kK}, row, column, {}, absl::MakeSpan(d)));
  return d[0];
}

TEST(ArrayInterpreter, ProductsAreTheMachines) {
  for (const ArrayMachine& machine : ArrayMachines()) {
    if (!machine.bf16) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create(machine.name));
    for (const ProductCase& product : Products()) {
      const HostTensor a = Wave(chips::BF16, product.a, 0), b = Wave(chips::BF16, product.b, 1);
      STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
      for (int64_t m = 0; m < kM; ++m) {
        for (int64_t n = 0; n < kN; ++n) {
          EXPECT_EQ(y.data<float>()[m * kN + n], ArrayElement(machine, product, a, b, m, n))
              << machine.name << " " << product.op;
        }
      }
    }
  }
}

TEST(ArrayInterpreter, RowsDecideTheResult) {
  const ProductCase& product = Products()[0];
  const HostTensor a = Wave(chips::BF16, product.a, 0), b = Wave(chips::BF16, product.b, 1);
  std::vector<std::vector<double>> results;
  for (const char* machine : {"edge_16", "edge_16_os"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create(machine));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
    results.push_back(y.ToDoubles());
  }
  EXPECT_NE(results[0], results[1]);
}

TEST(ArrayInterpreter, WhatTheArrayDoesNotMultiplyIsTheReferences) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("tpu_v1_like"));
  Interpreter reference;
  const ProductCase& product = Products()[0];
  for (const DType dtype : {chips::BF16, chips::F16, chips::F32}) {
    const HostTensor a = Wave(dtype, product.a, 0), b = Wave(dtype, product.b, 1);
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor exact, Evaluate(reference, product, a, b));
    EXPECT_EQ(y.ToDoubles(), exact.ToDoubles());
  }
}

struct ConvolutionCase {
  std::vector<int64_t> x, w;  // [N, H, W, C], [KH, KW, C / groups, O]
  std::vector<int64_t> strides, padding;
  int64_t groups;
};

absl::StatusOr<HostTensor> Convolve(Evaluator& evaluator, const ConvolutionCase& c,
                                    const HostTensor& x, const HostTensor& w) {
  return Evaluate(evaluator,
                  {"conv2d",
                   c.x,
                   c.w,
                   false,
                   false,
                   {{"strides", Attr(c.strides)},
                    {"padding", Attr(c.padding)},
                    {"groups", Attr(c.groups)},
                    {"output_dtype", Attr(chips::F32)}}},
                  x, w);
}

// A convolution as one dot after the other: per row of the kernel on an array, over the whole kernel on tensor cores.
class Dots {
 public:
  Dots(const ChipArithmetic& chip, const ConvolutionCase& c, const HostTensor& x,
       const HostTensor& w)
      : chip_(chip), c_(c), x_(x.ToDoubles()), w_(w.ToDoubles()) {}

  // Output channel o of group g at a place.
  float At(int64_t n, int64_t oh, int64_t ow, int64_t g, int64_t o) const {
    float total = 0;
    std::vector<float> a, b;
    for (int64_t kh = 0; kh < c_.w[0]; ++kh) {
      Row(n, oh, ow, g, o, kh, &a, &b);
      if (!chip_.MultipliesKernelRows() && kh + 1 < c_.w[0]) continue;
      const std::vector<float> start = {total};
      EXPECT_OK(chip_.Multiply(chips::Format::kBf16, {1, 1, static_cast<int64_t>(a.size())}, a, b,
                               start, absl::MakeSpan(&total, 1)));
      a.clear();
      b.clear();
    }
    return total;
  }

 private:
  void Row(int64_t n, int64_t oh, int64_t ow, int64_t g, int64_t o, int64_t kh,
           std::vector<float>* a, std::vector<float>* b) const {
    const int64_t h = oh * c_.strides[0] + kh - c_.padding[0], channels = c_.w[2];
    for (int64_t kw = 0; kw < c_.w[1]; ++kw) {
      const int64_t w = ow * c_.strides[1] + kw - c_.padding[2];
      const bool inside = h >= 0 && h < c_.x[1] && w >= 0 && w < c_.x[2];
      for (int64_t k = 0; k < channels; ++k) {
        const int64_t at = ((n * c_.x[1] + h) * c_.x[2] + w) * c_.x[3] + g * channels + k;
        const int64_t weight = ((kh * c_.w[1] + kw) * channels + k) * c_.w[3] + o;
        a->push_back(inside ? static_cast<float>(x_[static_cast<size_t>(at)]) : 0.0f);
        b->push_back(static_cast<float>(w_[static_cast<size_t>(weight)]));
      }
    }
  }

  const ChipArithmetic& chip_;
  const ConvolutionCase& c_;
  const std::vector<double> x_, w_;
};

TEST(ChipInterpreter, ConvolutionsAreTheMachines) {
  const ConvolutionCase cases[] = {{{2, 5, 6, 3}, {3, 3, 3, 4}, {1, 1}, {1, 1, 1, 1}, 1},
                                   {{1, 7, 5, 20}, {2, 3, 20, 3}, {2, 1}, {0, 1, 2, 0}, 1},
                                   {{1, 4, 4, 6}, {3, 2, 3, 4}, {1, 2}, {1, 0, 0, 1}, 2},
                                   {{1, 3, 3, 4}, {3, 3, 1, 4}, {1, 1}, {1, 1, 1, 1}, 4},
                                   {{1, 2, 2, 5}, {1, 1, 5, 2}, {1, 1}, {0, 0, 0, 0}, 1}};
  for (const char* machine : {"edge_16", "edge_16_os", "h100"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create(machine));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto chip, FindChipArithmetic(machine, chips::Format::kF32));
    for (const ConvolutionCase& c : cases) {
      const HostTensor x = Wave(chips::BF16, c.x, 0), w = Wave(chips::BF16, c.w, 1);
      STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Convolve(*evaluator, c, x, w));
      const Dots dots(*chip, c, x, w);
      const std::vector<int64_t>& dims = y.dims();
      const int64_t per_group = dims[3] / c.groups;
      int64_t at = 0;
      for (int64_t n = 0; n < dims[0]; ++n) {
        for (int64_t oh = 0; oh < dims[1]; ++oh) {
          for (int64_t ow = 0; ow < dims[2]; ++ow) {
            for (int64_t o = 0; o < dims[3]; ++o) {
              ASSERT_EQ(y.data<float>()[at++], dots.At(n, oh, ow, o / per_group, o)) << machine;
            }
          }
        }
      }
    }
  }
}

TEST(ChipInterpreter, EightBitFloatsAreMultipliedToF32) {
  const ProductCase product = {"matmul", {kM, kK}, {kK, kN}, false, false, {}};
  for (const DType dtype : {chips::F8_E4M3, chips::F8_E5M2}) {
    const HostTensor a = Wave(dtype, product.a, 0), b = Wave(dtype, product.b, 1);
    for (const char* machine : {"edge_16", "edge_16_os", "h100", "b200"}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create(machine));
      STRATA_ASSERT_OK_AND_ASSIGN(const auto chip,
                                  FindChipArithmetic(machine, chips::Format::kF32));
      STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor y, Evaluate(*evaluator, product, a, b));
      ASSERT_EQ(y.dtype(), chips::F32);
      const std::vector<double> x = a.ToDoubles(), w = b.ToDoubles();
      std::vector<float> expected(static_cast<size_t>(kM * kN));
      ASSERT_OK(
          chip->Multiply(dtype == chips::F8_E4M3 ? chips::Format::kE4M3 : chips::Format::kE5M2,
                         {kM, kN, kK}, std::vector<float>(x.begin(), x.end()),
                         std::vector<float>(w.begin(), w.end()), {}, absl::MakeSpan(expected)));
      EXPECT_EQ(y.ToDoubles(), std::vector<double>(expected.begin(), expected.end())) << machine;
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const auto ampere, ChipInterpreter::Create("a100"));
    EXPECT_THAT(Evaluate(*ampere, product, a, b).status(),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("ampere multiplies no e")));
  }
}

absl::StatusOr<HostTensor> Reduce(Evaluator& evaluator, const char* op, const HostTensor& x,
                                  int64_t axis) {
  Builder builder("reduce");
  const ValueId input =
      builder.Input("x", {x.dtype(), Shape(x.dims().begin(), x.dims().end())}, DATA);
  builder.Output(builder.Apply(op, {input}, {{"axes", Attr(std::vector<int64_t>{axis})}}), "y");
  STRATA_ASSIGN_OR_RETURN(const Graph graph, std::move(builder).Build());
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs, evaluator.Evaluate(graph, {x}));
  return outputs[0];
}

TEST(ArrayInterpreter, RowSumsGoOverTheLanes) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("edge_16"));
  Interpreter reference;
  for (const DType dtype : {chips::F32, chips::BF16}) {
    const HostTensor x = Wave(dtype, {2, 3, 71}, 0);
    const std::vector<double> values = x.ToDoubles();
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor sum, Reduce(*evaluator, "reduce_sum", x, -1));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor mean, Reduce(*evaluator, "reduce_mean", x, 2));
    EXPECT_EQ(sum.dims(), (std::vector<int64_t>{2, 3}));
    for (size_t row = 0; row < 6; ++row) {
      const std::vector<float> elements(values.begin() + static_cast<long>(71 * row),
                                        values.begin() + static_cast<long>(71 * row + 71));
      const double expected =
          HostTensor::FromDoubles(dtype, {}, {chips::ArrayRowSum(elements, 16)}).ToDoubles()[0];
      EXPECT_EQ(sum.ToDoubles()[row], expected);
      EXPECT_EQ(mean.ToDoubles()[row],
                HostTensor::FromDoubles(dtype, {}, {expected / 71}).ToDoubles()[0]);
    }
    // Other axes are no rows.
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor other, Reduce(*evaluator, "reduce_sum", x, 1));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor exact, Reduce(reference, "reduce_sum", x, 1));
    EXPECT_EQ(other.ToDoubles(), exact.ToDoubles());
  }
}

TEST(ArrayInterpreter, AFusionIsItsNodes) {
  const HostTensor a = Wave(chips::BF16, {3, 40}, 0), b = Wave(chips::BF16, {40, 3}, 1);
  const auto build = [&](Builder& builder) {
    const ValueId x = builder.Input("a", {chips::BF16, {3, 40}}, DATA);
    const ValueId y = builder.Input("b", {chips::BF16, {40, 3}}, DATA);
    return std::pair(x, y);
  };
  Builder region("region"), fused("fused"), plain("plain");
  for (Builder* builder : {&region, &plain}) {
    const auto [x, y] = build(*builder);
    const ValueId product = builder->Apply("matmul", {x, y}, Flags(false, false));
    builder->Output(builder->Apply("exp", {product}), "y");
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph inner, std::move(region).Build());
  const auto [x, y] = build(fused);
  fused.Output(fused.ApplyMulti("fusion", {x, y}, {{"kind", Attr("npu")}}, {inner})[0], "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph group, std::move(fused).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph nodes, std::move(plain).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, ChipInterpreter::Create("edge_16"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, evaluator->Evaluate(nodes, {a, b}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto actual, evaluator->Evaluate(group, {a, b}));
  EXPECT_EQ(actual[0].ToDoubles(), expected[0].ToDoubles());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto exact, Interpreter().Evaluate(nodes, {a, b}));
  EXPECT_NE(actual[0].ToDoubles(), exact[0].ToDoubles());
}

TEST(ArrayInterpreter, TypesAreNamed) {
  EXPECT_THAT(ChipInterpreter::Create("edge_17").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("and the array cores: edge_16, edge_16_os, tpu_v1_like")));
  EXPECT_THAT(ChipInterpreter::Create("tpu_v1_like", "bf16").status(),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("tpu_v1_like multiplies no bf16; it has: i8; f32 operands may")));
  EXPECT_OK(ChipInterpreter::Create("EDGE_16", "bf16").status());
}

TEST(ChipInterpreter, IsInTheRegistryByChip) {
  RegisterChipInterpreters();
  for (const char* name : {"as_v100", "as_a100", "as_l40s", "as_h100", "as_b200", "as_mi300x",
                           "as_edge_16", "as_edge_16_os", "as_tpu_v1_like", "as_tpu_v4_like"}) {
    EXPECT_OK(EvaluatorRegistry().Create(name).status()) << name;
  }
}

}  // namespace
}  // namespace strata::graph
