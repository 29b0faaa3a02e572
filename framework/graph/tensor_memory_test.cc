#include "framework/graph/tensor_memory.h"

#include <optional>
#include <thread>

#include "framework/graph/host_tensor.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

HostTensor Floats(int64_t n) { return HostTensor::Zeros(chips::F32, {n}); }

TEST(TensorMemoryTest, CountsWhatLives) {
  TensorMemory memory;
  const HostTensor before = Floats(1000);
  std::optional<HostTensor> kept;
  {
    const TensorMemory::Scope scope(memory);
    const HostTensor a = Floats(10);
    const HostTensor shared = a.Reshaped({2, 5});
    kept = Floats(5);
    EXPECT_EQ(memory.live(), 60);
    { const HostTensor brief = Floats(100); }
    EXPECT_EQ(memory.live(), 60);
  }
  EXPECT_EQ(memory.live(), 20);
  EXPECT_EQ(memory.peak(), 460);
  const HostTensor after = Floats(1000);
  memory.ResetPeak();
  EXPECT_EQ(memory.peak(), 20);
  kept.reset();
  EXPECT_EQ(memory.live(), 0);
}

TEST(TensorMemoryTest, ScopesNestAndThreadsAreApart) {
  TensorMemory outer, inner;
  const TensorMemory::Scope scope(outer);
  HostTensor in_inner;
  {
    const TensorMemory::Scope nested(inner);
    in_inner = Floats(1);
  }
  const HostTensor in_outer = Floats(2);
  std::thread([] { Floats(100); }).join();
  EXPECT_EQ(inner.live(), 4);
  EXPECT_EQ(outer.peak(), 8);
  std::thread([&] { in_inner = HostTensor(); }).join();  // freed elsewhere
  EXPECT_EQ(inner.live(), 0);
}

TEST(TensorMemoryTest, TensorsMayOutliveTheMeter) {
  HostTensor tensor;
  {
    TensorMemory memory;
    const TensorMemory::Scope scope(memory);
    tensor = Floats(3);
  }
  EXPECT_EQ(tensor.data<float>()[2], 0);
}

}  // namespace
}  // namespace strata::graph
