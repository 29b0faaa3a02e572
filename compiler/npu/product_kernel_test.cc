#include "compiler/npu/product_kernel.h"

#include <random>

#include "base/status_matchers.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "compiler/npu/emit_kernel.h"
#include "compiler/npu/npu_kernel_runner.h"
#include "framework/graph/builder.h"
#include "framework/graph/chip_interpreter.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::npu::Machine;
using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::TensorType;
using graph::ValueId;
using ::testing::HasSubstr;

// A catalogue machine, or edge_16 with a 4 x 4 array and small memories.
Machine MachineOf(const std::string& name) {
  if (name != "4x4") return *chips::npu::FindMachine(name);
  Machine machine = *chips::npu::FindMachine("edge_16");
  machine.set_name(name);
  machine.mutable_array()->mutable_rows()->set_value(4);
  machine.mutable_array()->mutable_columns()->set_value(4);
  machine.mutable_l1()->mutable_capacity_bytes()->set_value(8192);
  machine.mutable_accumulators()->mutable_capacity_bytes()->set_value(4096);
  machine.mutable_l2()->mutable_capacity_bytes()->set_value(16384);
  return machine;
}

// Numbers that bf16 holds, of both signs; integers over their whole range, shifts from 0 to 40.
HostTensor RandomTensor(const TensorType& type, absl::string_view name, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> values(static_cast<size_t>(type.elements()));
  for (double& value : values) {
    const int64_t bits = static_cast<int64_t>(random() % 512) - 256;
    value = type.dtype == chips::I8    ? static_cast<double>(bits / 2)
            : type.dtype == chips::I32 ? static_cast<double>(bits * 100000 + 17)
                                       : static_cast<double>(bits) / 64;
    if (name == "shift") value = static_cast<double>(random() % 41);
  }
  return HostTensor::FromDoubles(type.dtype, type.dims(), values);
}

std::vector<HostTensor> Operands(const Graph& graph) {
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    inputs.push_back(RandomTensor(graph::TypeOf(value), value.name(), inputs.size() + 1));
  }
  return inputs;
}

// On the machine, by the interpreter with the machine's arithmetic: the same bits.
void ExpectExact(const Graph& graph, const std::string& name) {
  SCOPED_TRACE(absl::StrCat(graph.name(), " on ", name));
  const Machine machine = MachineOf(name);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuKernel kernel, EmitNpuKernel(graph, machine));
  SCOPED_TRACE(kernel.reason);
  const std::vector<HostTensor> inputs = Operands(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuRun run, RunNpuKernel(graph, kernel, machine, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator,
                              graph::ChipInterpreter::Create(name == "4x4" ? "edge_16" : name));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> expected,
                              evaluator->Evaluate(graph, inputs));
  ASSERT_EQ(run.outputs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(BitDifference(run.outputs[i], expected[i]), "") << "output " << i;
  }
}

// y = matmul(x, w): a starting point for what follows.
struct Start {
  explicit Start(const std::string& name, chips::DType dtype, graph::Shape x, graph::Shape w)
      : b(name) {
    const ValueId in = b.Input("x", {dtype, std::move(x)}, graph::DATA);
    const ValueId weights = b.Input("w", {dtype, std::move(w)}, graph::PARAMETER);
    y = b.Apply("matmul", {in, weights});
  }
  ValueId Row(const std::string& name, chips::DType dtype, int64_t n) {
    return b.Input(name, {dtype, {n}}, graph::PARAMETER);
  }
  ValueId Tile(const std::string& name, chips::DType dtype) {
    return b.Input(name, {dtype, b.type(y).shape}, graph::DATA);
  }
  Graph Finish(ValueId output) {
    b.Output(output, "out");
    return *std::move(b).Build();
  }
  Builder b;
  ValueId y;
};

TEST(ProductKernel, BiasActivationAndResidualOfBf16) {
  for (const std::string name : {"edge_16", "edge_16_os", "tpu_v4_like"}) {
    for (const int64_t n : {1, 40, 130}) {
      Start plain("plain", chips::BF16, {3, 11, 50}, {50, n});
      ExpectExact(plain.Finish(plain.y), name);

      Start gelu("bias, sigmoid, residual", chips::BF16, {3, 11, 50}, {50, n});
      Builder& b = gelu.b;
      const ValueId h = b.Apply("add", {gelu.y, gelu.Row("bias", chips::BF16, n)});
      const ValueId s = b.Apply("mul", {h, b.Apply("sigmoid", {h})});
      const ValueId r = b.Apply("add", {s, gelu.Tile("residual", chips::BF16)});
      b.Output(h, "h");
      ExpectExact(gelu.Finish(r), name);

      Start wide("casts to f32 and back", chips::BF16, {70, 50}, {50, n});
      const ValueId f = wide.b.Apply("cast", {wide.y}, {{"dtype", Attr(chips::F32)}});
      const ValueId scaled = wide.b.Apply("mul", {f, wide.b.Constant(0.3, chips::F32)});
      const ValueId biased = wide.b.Apply("add", {scaled, wide.Row("bias", chips::F32, n)});
      wide.b.Output(biased, "wide");
      ExpectExact(wide.Finish(wide.b.Apply("cast", {biased}, {{"dtype", Attr(chips::BF16)}})),
                  name);
    }
  }
}

// An int8 layer as quantised networks have it: bias, residual by a factor, requantize with a relu.
Graph QuantisedConv(int64_t size, int64_t channels, int64_t kernel, int64_t out, int64_t stride,
                    int64_t padding, bool residual) {
  Builder b(absl::StrCat("conv ", size, " ", channels, " ", kernel, " ", out, " ", stride));
  const ValueId x = b.Input("x", {chips::I8, {2, size, size, channels}}, graph::DATA);
  const ValueId w = b.Input("w", {chips::I8, {kernel, kernel, channels, out}}, graph::PARAMETER);
  ValueId y = b.Apply("conv2d", {x, w},
                      {{"strides", Attr(std::vector<int64_t>{stride, stride})},
                       {"padding", Attr(std::vector<int64_t>(4, padding))}});
  y = b.Apply("add", {y, b.Input("bias", {chips::I32, {out}}, graph::PARAMETER)});
  if (residual) {
    const ValueId r = b.Input("residual", {chips::I8, b.type(y).shape}, graph::DATA);
    const ValueId wide = b.Apply("cast", {r}, {{"dtype", Attr(chips::I32)}});
    y = b.Apply("add", {y, b.Apply("mul", {wide, b.Constant(37, chips::I32)})});
  }
  const ValueId m = b.Input("multiplier", {chips::I32, {out}}, graph::PARAMETER);
  const ValueId s = b.Input("shift", {chips::I32, {out}}, graph::PARAMETER);
  b.Output(b.Apply("requantize", {y, m, s},
                   {{"zero_point", Attr(int64_t{3})},
                    {"low", Attr(int64_t{3})},
                    {"high", Attr(int64_t{127})}}),
           "y");
  return *std::move(b).Build();
}

TEST(ProductKernel, ConvolutionsOfFloatsInTheMachinesOrder) {
  for (const std::string name : {"edge_16", "edge_16_os", "tpu_v4_like"}) {
    for (const int64_t channels : {3, 16, 24}) {
      Builder b(absl::StrCat("conv bf16, ", channels));
      const ValueId x = b.Input("x", {chips::BF16, {2, 7, 9, channels}}, graph::DATA);
      const ValueId w = b.Input("w", {chips::BF16, {3, 5, channels, 20}}, graph::PARAMETER);
      const ValueId y = b.Apply("conv2d", {x, w},
                                {{"strides", Attr(std::vector<int64_t>{2, 1})},
                                 {"padding", Attr(std::vector<int64_t>{1, 0, 2, 1})}});
      b.Output(
          b.Apply("relu",
                  {b.Apply("add", {y, b.Input("bias", {chips::BF16, {20}}, graph::PARAMETER)})}),
          "y");
      ExpectExact(*std::move(b).Build(), name);
    }
  }
}

TEST(ProductKernel, QuantisedConvolutionsEqualTheInterpreter) {
  for (const std::string name : {"edge_16", "edge_16_os", "tpu_v1_like", "tpu_v4_like", "4x4"}) {
    ExpectExact(QuantisedConv(8, 16, 3, 20, 1, 1, true), name);
    ExpectExact(QuantisedConv(7, 3, 5, 6, 2, 2, false), name);
    ExpectExact(QuantisedConv(5, 32, 1, 40, 2, 0, false), name);
    ExpectExact(QuantisedConv(4, 64, 1, 17, 1, 0, true), name);
    ExpectExact(QuantisedConv(6, 4, 6, 33, 1, 0, false), name);
  }
}

Graph DepthwiseConv(int64_t size, int64_t channels, int64_t kernel, int64_t stride,
                    int64_t padding) {
  Builder b(absl::StrCat("depthwise ", size, " ", channels, " ", kernel, " ", stride));
  const ValueId x = b.Input("x", {chips::I8, {2, size, size, channels}}, graph::DATA);
  const ValueId w = b.Input("w", {chips::I8, {kernel, kernel, 1, channels}}, graph::PARAMETER);
  ValueId y = b.Apply("conv2d", {x, w},
                      {{"strides", Attr(std::vector<int64_t>{stride, stride})},
                       {"padding", Attr(std::vector<int64_t>(4, padding))},
                       {"groups", Attr(channels)}});
  y = b.Apply("add", {y, b.Input("bias", {chips::I32, {channels}}, graph::PARAMETER)});
  const ValueId m = b.Input("multiplier", {chips::I32, {channels}}, graph::PARAMETER);
  const ValueId s = b.Input("shift", {chips::I32, {channels}}, graph::PARAMETER);
  b.Output(b.Apply("requantize", {y, m, s}), "y");
  return *std::move(b).Build();
}

TEST(ProductKernel, DepthwiseConvolutionsOnTheVectorUnit) {
  for (const std::string name : {"edge_16", "edge_16_os", "tpu_v4_like", "4x4"}) {
    ExpectExact(DepthwiseConv(9, 32, 3, 1, 1), name);
    ExpectExact(DepthwiseConv(10, 5, 3, 2, 1), name);
    ExpectExact(DepthwiseConv(8, 100, 3, 2, 0), name);
  }
}

TEST(ProductKernel, PoolsOnTheVectorUnit) {
  for (const std::string name : {"edge_16", "tpu_v1_like", "4x4"}) {
    for (const chips::DType type : {chips::I8, chips::I32, chips::F32, chips::BF16}) {
      for (const int64_t window : {2, 3}) {
        Builder b(absl::StrCat("max_pool ", chips::DTypeName(type), " ", window));
        const ValueId x = b.Input("x", {type, {2, 11, 11, 6 * window}}, graph::DATA);
        b.Output(b.Apply("max_pool2d", {x},
                         {{"window", Attr(std::vector<int64_t>{window, window})},
                          {"strides", Attr(std::vector<int64_t>{2, 2})},
                          {"padding", Attr(std::vector<int64_t>(4, window - 2))}}),
                 "y");
        ExpectExact(*std::move(b).Build(), name);
      }
    }
  }
}

TEST(ProductKernel, GlobalAveragesOnTheVectorUnit) {
  for (const std::string name : {"edge_16", "tpu_v1_like", "4x4"}) {
    for (const bool keep_dims : {false, true}) {
      Builder b("global average");
      const ValueId x = b.Input("x", {chips::I8, {2, 7, 5, 33}}, graph::DATA);
      const ValueId wide = b.Apply("cast", {x}, {{"dtype", Attr(chips::I32)}});
      const ValueId sum =
          b.Apply("reduce_sum", {wide},
                  {{"axes", Attr(std::vector<int64_t>{1, 2})}, {"keep_dims", Attr(keep_dims)}});
      const ValueId m = b.Input("multiplier", {chips::I32, {33}}, graph::PARAMETER);
      const ValueId s = b.Input("shift", {chips::I32, {33}}, graph::PARAMETER);
      b.Output(sum, "sum");
      b.Output(b.Apply("requantize", {sum, m, s}), "y");
      ExpectExact(*std::move(b).Build(), name);
    }
  }
}

Graph QuantisedProduct(int64_t rows) {
  Builder b("i8 matmul, requantised");
  const ValueId x = b.Input("x", {chips::I8, {rows, 70}}, graph::DATA);
  const ValueId w = b.Input("w", {chips::I8, {70, 33}}, graph::PARAMETER);
  const auto row = [&b](const char* name) {
    return b.Input(name, {chips::I32, {33}}, graph::PARAMETER);
  };
  const ValueId y = b.Apply("add", {b.Apply("matmul", {x, w}), row("bias")});
  b.Output(b.Apply("requantize", {y, row("multiplier"), row("shift")}), "y");
  return *std::move(b).Build();
}

TEST(ProductKernel, QuantisedMatrixProducts) {
  for (const std::string name : {"edge_16", "tpu_v1_like", "4x4"}) {
    for (const int64_t rows : {1, 9}) {
      Builder b("i8 matmul");
      const ValueId x = b.Input("x", {chips::I8, {rows, 70}}, graph::DATA);
      const ValueId w = b.Input("w", {chips::I8, {70, 33}}, graph::PARAMETER);
      const ValueId y = b.Apply("matmul", {x, w});
      const ValueId scaled =
          b.Apply("mul", {b.Apply("cast", {y}, {{"dtype", Attr(chips::F32)}}),
                          b.Input("scale", {chips::F32, {33}}, graph::PARAMETER)});
      b.Output(y, "sums");
      b.Output(scaled, "y");
      ExpectExact(*std::move(b).Build(), name);
      ExpectExact(QuantisedProduct(rows), name);
    }
  }
}

TEST(ProductKernel, Fp8) {
  for (const chips::DType type : {chips::F8_E4M3, chips::F8_E5M2}) {
    for (const std::string name : {"edge_16", "edge_16_os"}) {
      Start start("fp8", type, {20, 70}, {70, 33});
      ExpectExact(start.Finish(start.b.Apply("add", {start.y, start.Row("b", chips::F32, 33)})),
                  name);
    }
  }
}

TEST(ProductKernel, TransposedWeightsAndBatches) {
  for (const std::string name : {"edge_16", "tpu_v4_like"}) {
    Builder b("batched, transposed");
    const ValueId q = b.Input("q", {chips::BF16, {2, 3, 20, 24}}, graph::DATA);
    const ValueId k = b.Input("k", {chips::BF16, {2, 3, 35, 24}}, graph::DATA);
    b.Output(b.Apply("matmul", {q, k}, {{"transpose_b", Attr(true)}}), "scores");
    ExpectExact(*std::move(b).Build(), name);
  }
}

TEST(ProductKernel, TextAssemblesToTheSameProgram) {
  Start start("text", chips::BF16, {5, 40}, {40, 20});
  const Graph graph = start.Finish(start.y);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuKernel kernel, EmitNpuKernel(graph, MachineOf("edge_16")));
  const std::string text = NpuSource(kernel, "kernel_0");
  EXPECT_EQ(text.substr(0, 11), "# kernel_0\n");
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::npu::Program program,
                              Assemble(*kernel.program.isa, text, "kernel_0"));
  EXPECT_EQ(program.instructions.size(), kernel.program.instructions.size());
  EXPECT_THAT(kernel.reason, HasSubstr("matmul on the weight-stationary array; tiles of C "));
  EXPECT_THAT(kernel.loop_nest, HasSubstr("for rows of C: "));
}

TEST(ProductKernel, RefusalsSayWhy) {
  constexpr auto kCode = absl::StatusCode::kUnimplemented;
  const auto refusal = [](const Graph& graph, const std::string& machine) {
    return EmitNpuKernel(graph, MachineOf(machine)).status();
  };
  Start f32("f32", chips::F32, {4, 4}, {4, 4});
  EXPECT_THAT(refusal(f32.Finish(f32.y), "edge_16"),
              StatusIs(kCode, HasSubstr("the array does not multiply f32")));
  Start bf16("bf16", chips::BF16, {4, 4}, {4, 4});
  EXPECT_THAT(refusal(bf16.Finish(bf16.y), "tpu_v1_like"),
              StatusIs(kCode, HasSubstr("does not multiply bf16")));
  Start empty("empty", chips::BF16, {0, 4}, {4, 4});
  EXPECT_THAT(refusal(empty.Finish(empty.y), "edge_16"),
              StatusIs(kCode, HasSubstr("the product is empty")));
  Start twice("twice", chips::BF16, {4, 4}, {4, 4});
  EXPECT_THAT(refusal(twice.Finish(twice.b.Apply("matmul", {twice.y, twice.y})), "edge_16"),
              StatusIs(kCode, HasSubstr("a group of two products")));
  Start sum("sum", chips::BF16, {4, 4}, {4, 4});
  const ValueId reduced =
      sum.b.Apply("reduce_sum", {sum.y}, {{"axes", Attr(std::vector<int64_t>{1})}});
  EXPECT_THAT(refusal(sum.Finish(reduced), "edge_16"),
              StatusIs(kCode, HasSubstr("a reduction behind a product")));
}

}  // namespace
}  // namespace strata::compiler
