// Int8 regions on the simulated DaVinci core against the reference interpreter, bit for bit.
#include "compiler/npu/davinci_kernel.h"

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/machine/machine.h"
#include "compiler/npu/npu_kernel_runner.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

namespace dv = chips::npu::davinci;
using chips::I32;
using chips::I8;
using chips::npu::Machine;
using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;
using ::testing::HasSubstr;

// "tiny": buffers so small that all loops of tiles turn.
Machine MachineNamed(const std::string& name) {
  Machine machine = *chips::npu::FindMachine("davinci_like");
  if (name != "tiny") return machine;
  chips::npu::DavinciParts* parts = machine.mutable_davinci();
  machine.mutable_l1()->mutable_capacity_bytes()->set_value(16384);
  parts->mutable_l0a()->mutable_capacity_bytes()->set_value(4096);
  parts->mutable_l0b()->mutable_capacity_bytes()->set_value(4096);
  parts->mutable_l0c()->mutable_capacity_bytes()->set_value(8192);
  parts->mutable_ub()->mutable_capacity_bytes()->set_value(32768);
  return machine;
}

// A region under construction. Names say what inputs hold: "s..." shifts, "m..." multipliers.
class Net {
 public:
  Net() : builder_((graph::RegisterAllOps(), "region")) {}

  ValueId In(const std::string& name, chips::DType dtype, const Shape& shape) {
    return builder_.Input(name, {dtype, shape}, graph::DATA);
  }
  ValueId Op(const std::string& op, const std::vector<ValueId>& inputs,
             const graph::Attributes& attributes = {}) {
    return builder_.Apply(op, inputs, attributes);
  }
  ValueId Requantize(ValueId x, int64_t channels, int64_t low = -128) {
    const std::string number = absl::StrCat(++requantized_);
    return Op("requantize",
              {x, In(absl::StrCat("m", number), I32, {channels}),
               In(absl::StrCat("s", number), I32, {channels})},
              {{"zero_point", Attr(int64_t{3})}, {"low", Attr(low)}, {"high", Attr(int64_t{120})}});
  }
  ValueId Widen(ValueId x) { return Op("cast", {x}, {{"dtype", Attr(I32)}}); }
  graph::TensorType TypeOf(ValueId value) const { return builder_.type(value); }
  ValueId Number(double value) { return builder_.Constant(value, I32); }
  Graph Done(ValueId result) {
    builder_.Output(result, "y");
    absl::StatusOr<Graph> graph = std::move(builder_).Build();
    EXPECT_OK(graph.status());
    return *std::move(graph);
  }

 private:
  Builder builder_;
  int requantized_ = 0;
};

std::vector<HostTensor> Inputs(const Graph& region) {
  std::mt19937 random(9);
  std::vector<HostTensor> tensors;
  for (const graph::Input& input : region.inputs()) {
    const graph::Value& value = region.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    HostTensor tensor = HostTensor::Allocate(type.dtype, type.dims());
    std::vector<double> numbers(static_cast<size_t>(tensor.elements()));
    for (double& number : numbers) {
      const uint32_t bits = static_cast<uint32_t>(random());
      number = type.dtype == I8              ? static_cast<double>(bits % 256) - 128
               : value.name().front() == 's' ? bits % 20
               : value.name().front() == 'm' ? bits % 2000
                                             : static_cast<double>(bits % 20001) - 10000;
    }
    tensor.SetFromDoubles(numbers);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void ExpectExact(const Graph& region) {
  const std::vector<HostTensor> inputs = Inputs(region);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, graph::Interpreter().Evaluate(region, inputs));
  for (const char* name : {"davinci_like", "tiny"}) {
    SCOPED_TRACE(name);
    const Machine machine = MachineNamed(name);
    const absl::StatusOr<NpuKernel> emitted = EmitDavinciKernel(region, machine);
    ASSERT_OK(emitted.status());
    const NpuKernel& kernel = *emitted;
    STRATA_ASSERT_OK_AND_ASSIGN(const NpuRun run, RunNpuKernel(region, kernel, machine, inputs));
    ASSERT_EQ(run.outputs.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(BitDifference(run.outputs[i], expected[i]), "") << kernel.loop_nest;
    }
  }
}

struct Product {
  int64_t m, k, n;
  bool transposed = false;
};

TEST(DavinciKernel, Products) {
  for (const Product& p : std::vector<Product>{{1, 1, 1},
                                               {16, 32, 16},
                                               {50, 100, 70},
                                               {3, 400, 10},
                                               {130, 65, 129},
                                               {33, 47, 18, true},
                                               {70, 256, 40, true}}) {
    SCOPED_TRACE(absl::StrCat(p.m, " x ", p.k, " x ", p.n));
    Net net;
    const ValueId x = net.In("x", I8, {p.m, p.k});
    const ValueId w = p.transposed ? net.In("w", I8, {p.n, p.k}) : net.In("w", I8, {p.k, p.n});
    const ValueId c = net.Op("matmul", {x, w}, {{"transpose_b", Attr(p.transposed)}});
    ExpectExact(net.Done(c));
  }
}

TEST(DavinciKernel, ProductsWithBiasAndRequantize) {
  Net net;
  const ValueId x = net.In("x", I8, {2, 30, 100}), w = net.In("w", I8, {100, 45});
  ValueId c = net.Op("matmul", {x, w});
  c = net.Op("add", {c, net.In("b", I32, {45})});
  c = net.Op("max", {c, net.Number(0)});
  ExpectExact(net.Done(net.Requantize(c, 45)));
}

struct Convolution {
  int64_t batch, height, width, channels, outputs, kernel_h, kernel_w, stride;
  std::vector<int64_t> padding;
};

ValueId Convolve(Net* net, const Convolution& c) {
  const ValueId x = net->In("x", I8, {c.batch, c.height, c.width, c.channels});
  const ValueId w = net->In("w", I8, {c.kernel_h, c.kernel_w, c.channels, c.outputs});
  return net->Op(
      "conv2d", {x, w},
      {{"strides", Attr(std::vector<int64_t>{c.stride, c.stride})}, {"padding", Attr(c.padding)}});
}

TEST(DavinciKernel, Convolutions) {
  for (const Convolution& c :
       std::vector<Convolution>{{1, 12, 12, 1, 6, 5, 5, 1, {2, 2, 2, 2}},  // LeNet's first
                                {2, 9, 11, 3, 20, 3, 3, 1, {1, 1, 1, 1}},
                                {1, 14, 14, 16, 33, 3, 3, 2, {1, 1, 1, 1}},
                                {1, 23, 23, 3, 16, 7, 7, 2, {3, 3, 3, 3}},  // ResNet's first
                                {2, 8, 8, 32, 40, 1, 1, 2, {0, 0, 0, 0}},   // its shortcut
                                {1, 7, 7, 64, 32, 1, 1, 1, {0, 0, 0, 0}},
                                {1, 6, 5, 40, 8, 2, 3, 1, {0, 1, 2, 0}},
                                {1, 4, 70, 2, 5, 3, 3, 1, {1, 1, 1, 1}},
                                {1, 3, 3, 130, 4, 3, 3, 3, {0, 0, 0, 0}}}) {
    SCOPED_TRACE(absl::StrCat(c.height, " x ", c.width, " x ", c.channels, " by ", c.kernel_h,
                              " x ", c.kernel_w, " to ", c.outputs));
    Net net;
    const ValueId y = Convolve(&net, c);
    const ValueId biased = net.Op("add", {y, net.In("b", I32, {c.outputs})});
    ExpectExact(net.Done(net.Requantize(biased, c.outputs, 3)));
  }
}

// A ResNet block's end: the product, and the shortcut at its own scale.
TEST(DavinciKernel, ResidualsJoinBehindTheProduct) {
  Net net;
  const ValueId y = Convolve(&net, {1, 9, 9, 16, 24, 3, 3, 1, {1, 1, 1, 1}});
  const ValueId shortcut = net.Widen(net.In("r", I8, {1, 9, 9, 24}));
  const ValueId scaled = net.Op("mul", {shortcut, net.Number(37)});
  const ValueId sum = net.Op("add", {net.Op("mul", {y, net.Number(5)}), scaled});
  ExpectExact(net.Done(net.Requantize(sum, 24)));
}

TEST(DavinciKernel, Pools) {
  struct Window {
    int64_t height, width, channels, window, stride, padding;
  };
  for (const Window& p : std::vector<Window>{{8, 8, 6, 2, 2, 0},
                                             {11, 13, 64, 3, 2, 1},
                                             {5, 5, 40, 3, 1, 1},
                                             {4, 4, 3, 1, 1, 0},
                                             {6, 6, 200, 2, 3, 0}}) {
    SCOPED_TRACE(absl::StrCat(p.height, " x ", p.width, " x ", p.channels, " window ", p.window));
    Net net;
    const ValueId x = net.In("x", I8, {2, p.height, p.width, p.channels});
    const ValueId y = net.Op("max_pool2d", {x},
                             {{"window", Attr(std::vector<int64_t>{p.window, p.window})},
                              {"strides", Attr(std::vector<int64_t>{p.stride, p.stride})},
                              {"padding", Attr(std::vector<int64_t>(4, p.padding))}});
    ExpectExact(net.Done(y));
  }
}

TEST(DavinciKernel, DepthwiseConvolutions) {
  for (const Convolution& c : std::vector<Convolution>{{2, 9, 7, 40, 40, 3, 3, 1, {1, 1, 1, 1}},
                                                       {1, 8, 8, 3, 3, 3, 3, 2, {1, 1, 1, 1}},
                                                       {1, 5, 6, 200, 200, 2, 4, 1, {0, 1, 3, 0}},
                                                       {1, 4, 4, 33, 33, 1, 1, 1, {0, 0, 0, 0}}}) {
    SCOPED_TRACE(absl::StrCat(c.height, " x ", c.width, " x ", c.channels));
    Net net;
    const ValueId y = net.Op("conv2d",
                             {net.In("x", I8, {c.batch, c.height, c.width, c.channels}),
                              net.In("w", I8, {c.kernel_h, c.kernel_w, 1, c.channels})},
                             {{"groups", Attr(c.channels)},
                              {"strides", Attr(std::vector<int64_t>{c.stride, c.stride})},
                              {"padding", Attr(c.padding)}});
    const ValueId biased = net.Op("add", {y, net.In("b", I32, {c.channels})});
    ExpectExact(net.Done(net.Requantize(biased, c.channels)));
  }
}

TEST(DavinciKernel, GlobalAverage) {
  for (const int64_t channels : {1, 20, 200}) {
    Net net;
    const ValueId x = net.In("x", I8, {3, 4, 5, channels});
    const ValueId sum =
        net.Op("reduce_sum", {net.Widen(x)},
               {{"axes", Attr(std::vector<int64_t>{1, 2})}, {"keep_dims", Attr(false)}});
    ExpectExact(net.Done(net.Requantize(sum, channels)));
  }
  Net net;
  const ValueId x = net.In("x", I32, {2, 3, 3, 20});
  ExpectExact(net.Done(net.Op(
      "reduce_sum", {x}, {{"axes", Attr(std::vector<int64_t>{1, 2})}, {"keep_dims", Attr(true)}})));
}

TEST(DavinciKernel, ElementwiseWork) {
  const Shape shape = {3, 50, 33};
  Net net;
  const ValueId x = net.In("x", I8, shape), y = net.In("y", I8, shape);
  const ValueId a = net.Op("mul", {net.Widen(x), net.Number(-7)});
  const ValueId b = net.Op("max", {net.Widen(y), net.In("b", I32, {33})});
  const ValueId c = net.Op("min", {net.Op("sub", {a, b}), net.Number(300)});
  const ValueId d = net.Op("sub", {net.Op("add", {net.Number(2), c}), net.Number(9)});
  ExpectExact(net.Done(net.Requantize(d, 33)));
  Net single;
  const ValueId one = single.In("one", I32, {1}), image = single.In("x", I32, {2, 5, 7, 3});
  ExpectExact(single.Done(single.Op("sub", {single.Op("mul", {one, image}), one})));
  Net bytes;
  ExpectExact(
      bytes.Done(bytes.Op("max", {bytes.In("x", I8, {7, 1500}), bytes.In("y", I8, {7, 1500})})));
  Net wide;
  ExpectExact(wide.Done(wide.Widen(wide.In("x", I8, {40000}))));
}

// A head of random kind and sizes, or none, and random work behind it.
class RandomRegion {
 public:
  explicit RandomRegion(uint32_t seed) : random_(seed) {}

  Graph Make() {
    ValueId y = Head();
    const auto shape = [&] { return net_.TypeOf(y).shape; };
    if (net_.TypeOf(y).dtype == I8) y = net_.Widen(y);
    for (int64_t steps = Pick(0, 4); steps > 0; --steps) {
      const char* ops[] = {"add", "sub", "mul", "max", "min"};
      const std::string op = ops[Pick(0, 4)];
      const std::string name = absl::StrCat("r", ++operands_);
      const int64_t channels = shape().back().size();
      // Products of two inputs could leave 32 bits.
      const bool number = op == "mul" || Pick(0, 2) == 0;
      const ValueId other = number            ? net_.Number(static_cast<double>(Pick(-9, 9)))
                            : Pick(0, 1) == 0 ? net_.In(name, I32, {channels})
                                              : net_.Widen(net_.In(name, I8, shape()));
      y = net_.Op(op, {y, other});
    }
    if (Pick(0, 3) > 0) y = net_.Requantize(y, shape().back().size(), Pick(-128, 3));
    return net_.Done(y);
  }

 private:
  int64_t Pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  ValueId Head() {
    const int64_t channels = Pick(1, 40), height = Pick(3, 12), width = Pick(3, 12);
    const int64_t stride = Pick(1, 3), kernel = Pick(1, 3), padding = Pick(0, kernel - 1);
    const graph::Attributes window = {
        {"strides", Attr(std::vector<int64_t>{stride, Pick(1, 3)})},
        {"padding", Attr(std::vector<int64_t>{padding, Pick(0, kernel - 1), padding, 0})}};
    const auto with = [&](const std::string& name, const graph::Attribute& value) {
      graph::Attributes attributes = window;
      attributes[name] = value;
      return attributes;
    };
    const ValueId x = net_.In("x", I8, {Pick(1, 2), height, width, channels});
    switch (Pick(0, 5)) {
      case 0: {
        const ValueId a = net_.In("a", I8, {Pick(1, 60), channels});
        return net_.Op("matmul", {a, net_.In("w", I8, {channels, Pick(1, 60)})});
      }
      case 1:
        return net_.Op("max_pool2d", {x},
                       with("window", Attr(std::vector<int64_t>{kernel, kernel})));
      case 2:
        return net_.Op("conv2d", {x, net_.In("w", I8, {kernel, kernel, 1, channels})},
                       with("groups", Attr(channels)));
      case 3:
        return net_.Op(
            "reduce_sum", {net_.Widen(x)},
            {{"axes", Attr(std::vector<int64_t>{1, 2})}, {"keep_dims", Attr(Pick(0, 1) == 0)}});
      case 4:
        return net_.Widen(x);
      default:
        return net_.Op("conv2d", {x, net_.In("w", I8, {kernel, kernel, channels, Pick(1, 60)})},
                       window);
    }
  }

  std::mt19937 random_;
  Net net_;
  int operands_ = 0;
};

TEST(DavinciKernel, RandomRegions) {
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    ExpectExact(RandomRegion(seed).Make());
  }
}

TEST(DavinciKernel, VGetsItsBarriersAndPipesTheirFlags) {
  Net net;
  const ValueId x = net.In("x", I8, {64, 64}), w = net.In("w", I8, {64, 32});
  const ValueId c = net.Op("add", {net.Op("matmul", {x, w}), net.In("b", I32, {32})});
  STRATA_ASSERT_OK_AND_ASSIGN(
      const NpuKernel kernel,
      EmitDavinciKernel(net.Done(net.Requantize(c, 32)), MachineNamed("davinci_like")));
  std::multiset<uint8_t> opcodes;
  for (const auto& instruction : kernel.program.instructions) {
    opcodes.insert(instruction.row->opcode);
  }
  EXPECT_EQ(opcodes.count(chips::npu::kBarrier), 2u);  // before the add, before the requantize
  EXPECT_EQ(opcodes.count(dv::kMmadI8), 1u);
  EXPECT_EQ(opcodes.count(dv::kMmadaI8), 0u);
  EXPECT_EQ(opcodes.count(chips::npu::kSignal), opcodes.count(chips::npu::kWait));
  EXPECT_THAT(kernel.reason, HasSubstr("vector unit: add, requantize"));
}

TEST(DavinciKernel, RefusesWithAReason) {
  const auto refuse = [](Net* net, ValueId y, const std::string& why) {
    EXPECT_THAT(EmitDavinciKernel(net->Done(y), MachineNamed("tiny")),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(why)));
  };
  Net floats;
  refuse(&floats, floats.Op("relu", {floats.In("x", chips::F32, {4})}), "not in f32");
  Net grouped;
  refuse(
      &grouped,
      grouped.Op("conv2d", {grouped.In("x", I8, {1, 4, 4, 4}), grouped.In("w", I8, {3, 3, 2, 4})},
                 {{"groups", Attr(int64_t{2})},
                  {"strides", Attr(std::vector<int64_t>{1, 1})},
                  {"padding", Attr(std::vector<int64_t>(4, 0))}}),
      "groups");
  Net batched;
  refuse(&batched,
         batched.Op("matmul", {batched.In("x", I8, {2, 4, 4}), batched.In("w", I8, {2, 4, 4})}),
         "a batch of products");
  Net deep;
  refuse(&deep, deep.Op("matmul", {deep.In("x", I8, {1, 10000}), deep.In("w", I8, {10000, 1})}),
         "L1 does not hold");
  Net moved;
  refuse(&moved,
         moved.Op("transpose", {moved.In("x", I8, {3, 4})},
                  {{"permutation", Attr(std::vector<int64_t>{1, 0})}}),
         "no instruction of the vector unit");
  Net sum;
  refuse(
      &sum,
      sum.Op("reduce_sum", {sum.In("x", I32, {2, 3})}, {{"axes", Attr(std::vector<int64_t>{1})}}),
      "other axes");
}

}  // namespace
}  // namespace strata::compiler
