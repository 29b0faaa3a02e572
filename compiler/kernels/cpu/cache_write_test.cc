// cache_write and cache_write_q8 against their reference kernels, bit for bit.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/kernels/cpu/apply_routine.h"
#include "framework/graph/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

std::vector<double> Draw(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<double> x(static_cast<size_t>(n));
  for (double& e : x) e = uniform(random);
  return x;
}

class CacheWriteTest : public ::testing::TestWithParam<chips::DType> {};

TEST_P(CacheWriteTest, AgreesWithTheReferenceBitForBit) {
  for (int64_t D : {1, 5, 16, 64, 80}) {
    for (int64_t R : {0, 1, 3, 40, 200}) {
      const int64_t slots = 301, KV = 3;
      std::vector<int32_t> slot(static_cast<size_t>(slots - 1));
      std::iota(slot.begin(), slot.end(), 1);
      std::shuffle(slot.begin(), slot.end(), std::mt19937(3));
      slot.resize(static_cast<size_t>(R));
      for (size_t r = 2; r < slot.size(); r += 5) slot[r] = 0;
      const HostTensor fresh = HostTensor::FromDoubles(chips::F32, {R, KV, D}, Draw(R * KV * D, 1));
      const bool q8 = GetParam() == chips::I8;
      std::vector<double> old = Draw(slots * KV * D, 2);
      for (double& x : old) x *= q8 ? 100 : 1;
      Tensors inputs = {HostTensor::FromDoubles(GetParam(), {slots, KV, D}, old)};
      if (q8) {
        inputs.push_back(HostTensor::FromDoubles(chips::F32, {slots, KV}, Draw(slots * KV, 3)));
      }
      inputs.push_back(fresh);
      inputs.push_back(I32s({R}, slot));
      graph::Node node;
      node.set_op(q8 ? "cache_write_q8" : "cache_write");
      STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, graph::EvaluateNode(node, inputs));
      for (int threads : {1, 3}) {
        STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, Apply(node.op(), {}, inputs, threads));
        for (size_t i = 0; i < want.size(); ++i) {
          EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].size_bytes()), 0)
              << "D " << D << " R " << R << " output " << i;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes, CacheWriteTest,
                         ::testing::Values(chips::F32, chips::F16, chips::BF16, chips::I8),
                         [](const auto& info) {
                           return std::string(chips::DTypeName(info.param));
                         });

TEST(CacheWriteTest, ZerosAndLargeNumbersInEightBits) {
  const HostTensor fresh = HostTensor::FromVector<float>(
      {3, 1, 4}, {0, 0, 0, 0, 1e-30f, -3e38f, 3e38f, 1, -1, 0.5f, -0.25f, 1.5f / 127});
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, Apply("cache_write_q8", {},
                                                       {HostTensor::Zeros(chips::I8, {4, 1, 4}),
                                                        HostTensor::Zeros(chips::F32, {4, 1}),
                                                        fresh, I32s({3}, {1, 2, 3})}));
  EXPECT_EQ(got[0].ToDoubles(),
            (std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, 0, -127, 127, 0, -127, 64, -32, 2}));
  EXPECT_EQ(got[1].data<float>()[1], 0);
  EXPECT_EQ(got[1].data<float>()[3], 1.0f / 127);
}

TEST(CacheWriteTest, WhatDoesNotFitIsNamed) {
  const HostTensor cache = HostTensor::Zeros(chips::F32, {4, 1, 2}),
                   fresh = HostTensor::Zeros(chips::F32, {3, 1, 2});
  const auto status = [&](const std::vector<int32_t>& slot) {
    return Apply("cache_write", {}, {cache, fresh, I32s({3}, slot)}).status();
  };
  EXPECT_OK(status({0, 0, 0}));
  EXPECT_THAT(status({1, 4, 2}), StatusIs(absl::StatusCode::kOutOfRange,
                                          HasSubstr("slot: row 1 writes slot 4 of a cache of 4")));
  EXPECT_THAT(status({1, 2, -1}), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("slot -1")));
  EXPECT_THAT(status({2, 0, 2}), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("two rows write slot 2; give each its own")));
}

}  // namespace
}  // namespace strata::compiler
