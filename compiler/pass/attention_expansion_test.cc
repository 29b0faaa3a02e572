// Infinities and NaN go through the expansion as through the op: they are seen where the op sees them, and nowhere else.
#include "compiler/pass/attention_expansion.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;

struct Sizes {
  int64_t B, T, H, S, KV, D;
  bool causal, start;
};

Graph AttentionOf(const Sizes& s, chips::DType dtype) {
  Builder b("attention");
  std::vector<graph::ValueId> operands = {
      b.Input("q", {dtype, {s.B, s.T, s.H, s.D}}, graph::DATA),
      b.Input("k", {dtype, {s.B, s.S, s.KV, s.D}}, graph::DATA),
      b.Input("v", {dtype, {s.B, s.S, s.KV, s.D}}, graph::DATA)};
  if (s.start) operands.push_back(b.Input("start", {chips::I32, {s.B}}, graph::DATA));
  const auto results =
      b.ApplyMulti("attention", operands, {{"scale", Attr(0.375)}, {"causal", Attr(s.causal)}});
  b.Output(results[0], "out", graph::REPLICATED);
  b.Output(results[1], "lse", graph::REPLICATED);
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

// Numbers in [-2, 2), of which one in `rare` is an infinity or a NaN.
HostTensor Wild(const graph::TensorType& type, uint32_t rare, std::mt19937* random) {
  constexpr double kOdd[] = {INFINITY, -INFINITY, NAN};
  std::vector<double> values(static_cast<size_t>(type.elements()));
  for (double& x : values) {
    x = static_cast<double>((*random)() % 4096) / 1024 - 2;
    if ((*random)() % rare == 0) x = kOdd[(*random)() % 3];
  }
  return HostTensor::FromDoubles(type.dtype, type.dims(), values);
}

std::vector<HostTensor> InputsOf(const Graph& graph, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    if (value.name() == "start") {
      std::vector<double> starts;
      for (int64_t i = 0; i < type.elements(); ++i)
        starts.push_back(static_cast<double>(random() % 8) - 3);
      inputs.push_back(HostTensor::FromDoubles(type.dtype, type.dims(), starts));
    } else {
      inputs.push_back(Wild(type, value.name() == "v" ? 6 : 40, &random));
    }
  }
  return inputs;
}

// The same kind of number, and near.
bool Agree(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= 1e-5 * (1 + std::fabs(b));
}

void ExpectSame(const Sizes& sizes, chips::DType dtype, uint32_t seed) {
  const Graph op = AttentionOf(sizes, dtype);
  Graph expanded = op;
  RegisterAllPasses();
  ASSERT_OK(RunPipeline({"attention_expansion"}, {}, &expanded));
  for (const graph::Node& node : expanded.nodes()) ASSERT_NE(node.op(), "attention");
  const std::vector<HostTensor> inputs = InputsOf(op, seed);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(op, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(expanded, inputs));
  for (size_t o = 0; o < want.size(); ++o) {
    ASSERT_EQ(got[o].TypeString(), want[o].TypeString());
    const std::vector<double> a = got[o].ToDoubles(), b = want[o].ToDoubles();
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_TRUE(Agree(a[i], b[i])) << "output " << o << ", element " << i << " is " << a[i]
                                     << "; expected " << b[i] << " (seed " << seed << ")";
    }
  }
}

TEST(AttentionExpansionTest, WhatIsHiddenDoesNotShow) {
  constexpr Sizes kSizes[] = {
      {2, 1, 2, 5, 1, 3, true, true},    // decoding into a cache
      {2, 4, 2, 6, 2, 3, true, true},    // a piece of a prompt into a cache
      {1, 5, 4, 5, 2, 2, true, false},   // a prompt
      {2, 2, 2, 7, 1, 3, true, false},   // the last two of seven
      {1, 6, 1, 3, 1, 2, true, false},   // three queries see no key
      {2, 3, 2, 4, 1, 3, false, false},  // all see all
      {2, 3, 2, 4, 1, 3, false, true},   // `start` says nothing
      {1, 3, 2, 0, 1, 2, true, false},   // no keys
  };
  for (const Sizes& sizes : kSizes) {
    SCOPED_TRACE(absl::StrCat("T ", sizes.T, ", S ", sizes.S, sizes.causal ? ", causal" : "",
                              sizes.start ? ", start" : ""));
    for (uint32_t seed = 0; seed < 60; ++seed) {
      ExpectSame(sizes, seed % 4 == 3 ? chips::F64 : chips::F32, seed);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace strata::compiler
