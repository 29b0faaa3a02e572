#include "framework/graph/tensor_arena.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace strata::graph {
namespace {

TEST(TensorArena, TensorsLieBehindEachOtherAndDoNotOverlap) {
  TensorArena arena;
  std::vector<HostTensor> tensors;
  for (int64_t n : {0, 1, 63, 64, 65, 1000}) {
    tensors.push_back(arena.Allocate(chips::F32, {n, 3}));
    EXPECT_EQ(tensors.back().dims(), (std::vector<int64_t>{n, 3}));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors.back().raw()) % 64, 0u);
  }
  for (size_t i = 0; i < tensors.size(); ++i)
    std::memset(tensors[i].raw(), static_cast<int>(i + 1), tensors[i].size_bytes());
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (size_t b = 0; b < tensors[i].size_bytes(); ++b)
      ASSERT_EQ(tensors[i].data<uint8_t>()[b], i + 1) << i << " at " << b;
    if (i == 0) continue;
    const auto gap = tensors[i].data<uint8_t>() - tensors[i - 1].data<uint8_t>();
    EXPECT_EQ(gap, static_cast<int64_t>((tensors[i - 1].size_bytes() + 64) / 64 * 64));
  }
}

TEST(TensorArena, WhatFitsNoBlockHasItsOwn) {
  TensorArena arena;
  const HostTensor small = arena.Allocate(chips::U8, {1});
  HostTensor large =
      arena.Allocate(chips::U8, {static_cast<int64_t>(TensorArena::kBlockBytes) + 1});
  large.data<uint8_t>()[TensorArena::kBlockBytes] = 7;
  EXPECT_NE(small.raw(), large.raw());
}

TEST(TensorArena, TensorsOutliveTheArena) {
  HostTensor a, b;
  {
    TensorArena arena;
    a = arena.Allocate(chips::I32, {4});
    b = arena.Allocate(chips::I32, {4});
  }
  a = HostTensor();
  for (int i = 0; i < 4; ++i) b.data<int32_t>()[i] = i;
  EXPECT_EQ(b.data<int32_t>()[3], 3);
}

}  // namespace
}  // namespace strata::graph
