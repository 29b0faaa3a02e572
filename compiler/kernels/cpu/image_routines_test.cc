// The routines of images and of integer arithmetic: every op case of them, and sizes that vectors and threads divide
// unevenly, against the reference kernels. Integers bit for bit.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/kernels/cpu/gemm_int8.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/op_cases.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::HostTensor;

HostTensor Random(chips::DType dtype, std::vector<int64_t> dims, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(dtype, std::move(dims));
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  uint32_t state = seed * 2654435761u + 12345u;
  for (double& value : values) {
    state = state * 1664525u + 1013904223u;
    const double unit = static_cast<double>(state >> 8) / 8388608.0 - 1.0;
    value = dtype == chips::I8    ? std::floor(unit * 128)
            : dtype == chips::I32 ? std::floor(unit * 3e6)
                                  : unit;
  }
  tensor.SetFromDoubles(values);
  return tensor;
}

// Runs the routine of a node on fresh outputs full of ones bits, twice, and compares with the reference kernel.
void ExpectSame(const graph::Node& node, const std::vector<HostTensor>& inputs, double tolerance) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> right,
                              graph::EvaluateNode(node, inputs));
  graph::OpCall call{&node, {}, {}};
  for (const HostTensor& input : inputs)
    call.inputs.push_back({input.dtype(), {input.dims().begin(), input.dims().end()}});
  for (const HostTensor& output : right)
    call.outputs.push_back({output.dtype(), {output.dims().begin(), output.dims().end()}});
  const Routine* routine = FindRoutine(node.op());
  ASSERT_NE(routine, nullptr) << node.op();
  ASSERT_OK(routine->supports(call));
  EXPECT_FALSE(routine->reason(call).empty());
  for (int threads : {1, 2}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const RoutineFunction run, routine->prepare(call, threads));
    std::vector<void*> buffers;
    for (const HostTensor& input : inputs) buffers.push_back(input.raw());
    std::vector<HostTensor> got;
    for (const HostTensor& output : right) {
      got.push_back(HostTensor::Allocate(output.dtype(), output.dims()));
      std::fill_n(got.back().data<char>(), got.back().size_bytes(), static_cast<char>(0xff));
      buffers.push_back(got.back().raw());
    }
    ASSERT_OK(run(buffers.data()));
    ASSERT_OK(run(buffers.data()));
    for (size_t i = 0; i < right.size(); ++i)
      ASSERT_EQ(graph::CompareTensors(got[i], right[i], tolerance), "") << threads << " threads";
  }
}

TEST(ImageRoutinesTest, EveryOpCaseOfAnSupportedType) {
  graph::RegisterAllOps();
  std::set<std::string> ran;
  for (const graph::OpCase& c : graph::VisionOpCases(chips::F32)) {
    SCOPED_TRACE(c.name);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto sizes, graph::MatchInputs(c.graph, c.inputs));
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph bound, graph::BindSymbols(c.graph, sizes));
    const graph::Node& node = bound.nodes(0);
    if (c.inputs[0].dtype() != chips::F32 && c.inputs[0].dtype() != chips::I8 &&
        node.op() != "requantize")
      continue;
    const bool integer = c.inputs[0].dtype() != chips::F32;
    ExpectSame(node, c.inputs, integer ? 0 : c.tolerance);
    ran.insert(node.op());
  }
  EXPECT_EQ(ran.size(), 7u);
}

TEST(ImageRoutinesTest, ConvolutionsOfManyChannels) {
  graph::RegisterAllOps();
  for (const auto& [C, O, kernel, groups] :
       std::vector<std::tuple<int64_t, int64_t, int64_t, int64_t>>{
           {3, 64, 7, 1}, {64, 65, 3, 1}, {33, 16, 1, 1}, {32, 32, 3, 32}, {48, 96, 3, 3}}) {
    for (const int64_t stride : {1, 2}) {
      graph::Node node;
      node.set_op("conv2d");
      const int64_t p = kernel / 2;
      graph::SetAttributes({{"strides", Attr(std::vector<int64_t>{stride, stride})},
                            {"padding", Attr(std::vector<int64_t>{p, p, p, p})},
                            {"groups", Attr(groups)}},
                           &node);
      const std::vector<int64_t> x = {2, 9, 11, C}, w = {kernel, kernel, C / groups, O};
      ExpectSame(node, {Random(chips::I8, x, 1), Random(chips::I8, w, 2)}, 0);
      ExpectSame(node, {Random(chips::F32, x, 3), Random(chips::F32, w, 4)},
                 static_cast<double>(kernel * kernel * C + 16) * 0x1p-23);
    }
  }
}

// i8 weights are kept in the library's order from run to run: other ones, even in the same memory, take effect.
TEST(ImageRoutinesTest, NewWeightsAreSeen) {
  graph::RegisterAllOps();
  graph::Node node;
  node.set_op("conv2d");
  graph::SetAttributes({{"strides", Attr(std::vector<int64_t>{1, 1})},
                        {"padding", Attr(std::vector<int64_t>{1, 1, 1, 1})}},
                       &node);
  const HostTensor x = Random(chips::I8, {1, 5, 5, 32}, 1);
  HostTensor w = HostTensor::Zeros(chips::I8, {3, 3, 32, 16});
  HostTensor y = HostTensor::Zeros(chips::I32, {1, 5, 5, 16});
  const graph::OpCall call{&node,
                           {{chips::I8, {1, 5, 5, 32}}, {chips::I8, {3, 3, 32, 16}}},
                           {{chips::I32, {1, 5, 5, 16}}}};
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutineFunction run, FindRoutine("conv2d")->prepare(call, 2));
  for (uint32_t seed : {2, 2, 3, 2}) {
    const HostTensor next = Random(chips::I8, {3, 3, 32, 16}, seed);
    std::copy_n(next.data<int8_t>(), next.elements(), w.data<int8_t>());
    w.data<int8_t>()[w.elements() - 1] = static_cast<int8_t>(seed);
    void* buffers[] = {x.raw(), w.raw(), y.raw()};
    ASSERT_OK(run(buffers));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto right, graph::EvaluateNode(node, {x, w}));
    EXPECT_EQ(graph::CompareTensors(y, right[0], 0), "") << seed;
  }
}

// The largest sums there are: all operands -128.
TEST(ImageRoutinesTest, ProductsOfBytesDoNotSaturate) {
  graph::RegisterAllOps();
  for (const int64_t K : {1, 64, 4095, 131071}) {
    const std::vector<double> lowest(static_cast<size_t>(3 * K), -128);
    graph::Node node;
    node.set_op("matmul");
    graph::SetAttributes({{"transpose_b", Attr(true)}}, &node);
    ExpectSame(node,
               {HostTensor::FromDoubles(chips::I8, {3, K}, lowest),
                HostTensor::FromDoubles(chips::I8, {3, K}, lowest)},
               0);
  }
  graph::Node node;
  node.set_op("conv2d");
  graph::SetAttributes({{"strides", Attr(std::vector<int64_t>{1, 1})},
                        {"padding", Attr(std::vector<int64_t>{1, 1, 1, 1})}},
                       &node);
  ExpectSame(node,
             {HostTensor::FromDoubles(chips::I8, {1, 4, 4, 64}, std::vector<double>(1024, -128)),
              HostTensor::FromDoubles(chips::I8, {3, 3, 64, 16}, std::vector<double>(9216, -128))},
             0);
}

TEST(ImageRoutinesTest, PlainProductsAreTheSame) {
  for (int flags = 0; flags < 4; ++flags) {
    const int64_t M = 17, N = 33, K = 65;
    const HostTensor a = Random(chips::I8, {M * K}, 1), b = Random(chips::I8, {K * N}, 2);
    HostTensor fast = HostTensor::Zeros(chips::I32, {M, N}),
               plain = HostTensor::Zeros(chips::I32, {M, N});
    GemmInt8Arguments g{(flags & 1) != 0, (flags & 2) != 0,    M, N, K, a.data<int8_t>(),
                        b.data<int8_t>(), fast.data<int32_t>()};
    GemmInt8(g, 2);
    g.C = plain.data<int32_t>();
    GemmInt8Plain(g, 2);
    EXPECT_EQ(graph::CompareTensors(fast, plain, 0), "");
  }
}

TEST(ImageRoutinesTest, CastsOfBytes) {
  graph::RegisterAllOps();
  for (const auto& [from, to] : std::vector<std::pair<chips::DType, chips::DType>>{
           {chips::I8, chips::I32}, {chips::I8, chips::F32}, {chips::I32, chips::I8}}) {
    graph::Node node;
    node.set_op("cast");
    graph::SetAttributes({{"dtype", Attr(to)}}, &node);
    for (const std::vector<int64_t>& dims :
         std::vector<std::vector<int64_t>>{{}, {0}, {1}, {33}, {40001}})
      ExpectSame(node, {Random(from, dims, 5)}, 0);
  }
}

TEST(ImageRoutinesTest, SumsOfIntegersSaturate) {
  graph::RegisterAllOps();
  for (const std::vector<int64_t>& axes :
       std::vector<std::vector<int64_t>>{{1, 2}, {0}, {-1}, {0, 1, 2, 3}, {}}) {
    graph::Node node;
    node.set_op("reduce_sum");
    graph::SetAttributes({{"axes", Attr(axes)}, {"keep_dims", Attr(false)}}, &node);
    for (const int64_t n : {0, 1, 3}) ExpectSame(node, {Random(chips::I32, {n, 5, 4, 33}, 6)}, 0);
    const std::vector<double> most(16, 2147483647.0);
    ExpectSame(node, {HostTensor::FromDoubles(chips::I32, {2, 2, 2, 2}, most)}, 0);
  }
  graph::Node apart;
  apart.set_op("reduce_sum");
  graph::SetAttributes({{"axes", Attr(std::vector<int64_t>{0, 2})}}, &apart);
  EXPECT_THAT(
      FindRoutine("reduce_sum")->supports({&apart, {{chips::I32, {2, 3, 4}}}, {{chips::I32, {3}}}}),
      StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr("neighbouring axes")));
}

TEST(ImageRoutinesTest, AShiftOutsideItsRangeIsNamed) {
  graph::RegisterAllOps();
  graph::Node node;
  node.set_op("requantize");
  const graph::OpCall call{
      &node, {{chips::I32, {1, 2}}, {chips::I32, {2}}, {chips::I32, {2}}}, {{chips::I8, {1, 2}}}};
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutineFunction run,
                              FindRoutine("requantize")->prepare(call, 1));
  int32_t x[2] = {1, 2}, m[2] = {1, 1}, s[2] = {0, 63};
  int8_t y[2];
  void* buffers[] = {x, m, s, y};
  EXPECT_THAT(run(buffers),
              StatusIs(absl::StatusCode::kOutOfRange, ::testing::HasSubstr("shift[1]: is 63")));
}

}  // namespace
}  // namespace strata::compiler
