#include "inference/engine/lazy_zeros.h"

#include <algorithm>
#include <cstdint>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using graph::HostTensor;

TEST(LazyZerosTest, TensorsAreZeroAndApart) {
  const std::vector<int64_t> dims = {3, 7};
  EXPECT_EQ(LazyZeros::BytesOf(chips::F32, dims), 128);
  STRATA_ASSERT_OK_AND_ASSIGN(LazyZeros memory, LazyZeros::Create(256));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor a, memory.Take(chips::F32, dims));
  STRATA_ASSERT_OK_AND_ASSIGN(HostTensor b, memory.Take(chips::F32, dims));
  EXPECT_EQ(memory.left(), 0);
  std::fill_n(b.data<float>(), b.elements(), 1.0f);
  for (int64_t i = 0; i < a.elements(); ++i) EXPECT_EQ(a.data<float>()[i], 0);
  for (const HostTensor* tensor : {&a, static_cast<const HostTensor*>(&b)})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->raw()) % 64, 0u);
}

TEST(LazyZerosTest, TensorsKeepTheMemory) {
  HostTensor tensor;
  {
    STRATA_ASSERT_OK_AND_ASSIGN(LazyZeros memory, LazyZeros::Create(int64_t{5} << 20));
    STRATA_ASSERT_OK_AND_ASSIGN(tensor, memory.Take(chips::I8, {int64_t{5} << 20}));
  }
  tensor.data<int8_t>()[tensor.elements() - 1] = 3;
  EXPECT_EQ(tensor.data<int8_t>()[0], 0);
}

TEST(LazyZerosTest, WhatIsTooMuchIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(LazyZeros memory, LazyZeros::Create(64));
  EXPECT_THAT(memory.Take(chips::F32, {17}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       testing::HasSubstr("a tensor of 128 bytes; of 64 there are 64 left")));
  EXPECT_THAT(LazyZeros::Create(int64_t{1} << 60),
              StatusIs(absl::StatusCode::kResourceExhausted, testing::HasSubstr("no memory")));
  STRATA_ASSERT_OK_AND_ASSIGN(LazyZeros none, LazyZeros::Create(0));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor empty, none.Take(chips::F32, {0, 4}));
  EXPECT_EQ(empty.elements(), 0);
}

}  // namespace
}  // namespace strata::inference
