#include "framework/graph/host_tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace strata::graph {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(HostTensor, CopiesShareAndClonesDoNot) {
  HostTensor x = HostTensor::FromVector<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  HostTensor copy = x, clone = x.Clone(), view = x.Reshaped({3, 2});
  x.data<float>()[0] = 9;
  EXPECT_EQ(copy.data<float>()[0], 9);
  EXPECT_EQ(view.data<float>()[0], 9);
  EXPECT_EQ(clone.data<float>()[0], 1);
  EXPECT_EQ(x.TypeString(), "f32[2, 3]");
  EXPECT_EQ(view.TypeString(), "f32[3, 2]");
}

TEST(HostTensor, StorageIsAlignedAndNeverNull) {
  for (const std::vector<int64_t>& dims :
       std::vector<std::vector<int64_t>>{{}, {0}, {1}, {17}, {3, 0, 5}, {64}}) {
    const HostTensor x = HostTensor::Zeros(chips::I8, dims);
    ASSERT_NE(x.raw(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.raw()) % 64, 0u);
    for (double value : x.ToDoubles()) EXPECT_EQ(value, 0);
  }
}

TEST(HostTensor, EveryDTypeRoundsAsItMust) {
  struct Row {
    DType dtype;
    std::vector<double> in, out;
  };
  const Row rows[] = {
      {chips::F64, {0.1, -kInf, 1e300}, {0.1, -kInf, 1e300}},
      {chips::F32, {0.1, 16777217}, {0.1f, 16777216}},
      {chips::BF16, {1.00390625, 3.0}, {1.0, 3.0}},  // 1 + 2^-8 is a tie, to even
      {chips::F8_E4M3, {1.0625, 17, 449, -0.001953125}, {1, 16, 448, -0.001953125}},
      {chips::F8_E5M2, {1.125, 57344, 61440, 1e-9}, {1, 57344, kInf, 0}},
      {chips::F16, {65504, 65520, 0.1}, {65504, kInf, 0.0999755859375}},
      {chips::I8, {1.9, -1.9, 200, -200, std::nan("")}, {1, -1, 127, -128, 0}},
      {chips::U8, {255.5, -1, 256}, {255, 0, 255}},
      {chips::I32, {3e9, -3e9, kInf}, {2147483647, -2147483648.0, 2147483647}},
      {chips::I64, {1e19, -1e19, 5}, {9223372036854775807.0, -9223372036854775808.0, 5}},
      {chips::BOOL, {0, 2, -1, 0.5}, {0, 1, 1, 1}},
  };
  for (const Row& row : rows) {
    const HostTensor x =
        HostTensor::FromDoubles(row.dtype, {static_cast<int64_t>(row.in.size())}, row.in);
    EXPECT_EQ(x.ToDoubles(), row.out) << x.TypeString();
  }
}

TEST(HostTensor, CastsAndWraps) {
  const HostTensor x = HostTensor::FromVector<float>({3}, {1.5f, -2.5f, 0});
  EXPECT_EQ(x.Cast(chips::I32).ToDoubles(), (std::vector<double>{1, -2, 0}));
  EXPECT_EQ(x.Cast(chips::F32).raw(), x.raw());
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2});
  const HostTensor wrapped = HostTensor::Wrap(chips::F32, {2}, owner->data(), owner);
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(wrapped.ToDoubles(), (std::vector<double>{1, 2}));
}

}  // namespace
}  // namespace strata::graph
