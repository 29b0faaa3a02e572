#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>

#include "chips/spec/host/rate_kernels.h"
#include "chips/spec/host/read_kernel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

TEST(RateKernels, DoAsManyMultiplyAddsAsTheyAreCountedFor) {
  for (const RateKernel& kernel : RateKernels()) {
    if (!kernel.available()) continue;
    for (const int64_t iterations : {0, 1, 2, 3, 7, 64, 1001}) {
      EXPECT_EQ(kernel.run(iterations), static_cast<double>(iterations * kernel.multiply_adds))
          << kernel.how << " of " << DType_Name(kernel.dtype) << ", " << iterations
          << " iterations";
    }
  }
}

TEST(RateKernels, EveryMachineHasF32AndF64) {
  std::set<DType> dtypes;
  for (const RateKernel& kernel : RateKernels()) {
    if (kernel.available()) dtypes.insert(kernel.dtype);
  }
  EXPECT_THAT(dtypes, testing::IsSupersetOf({F32, F64}));
}

TEST(ReadAll, ReadsEachWordOnce) {
  constexpr size_t kMaxBytes = 64 * kReadBlock;
  constexpr size_t kWords = kMaxBytes / sizeof(uint64_t);
  std::unique_ptr<uint64_t, void (*)(void*)> data(
      static_cast<uint64_t*>(std::aligned_alloc(64, kMaxBytes)), std::free);
  uint64_t word = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < kWords; ++i) {
    data.get()[i] = word;
    word = word * 6364136223846793005u + 1442695040888963407u;
  }
  for (size_t bytes = 0; bytes <= kMaxBytes; bytes += kReadBlock) {
    uint64_t expected = 0;
    for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i) expected ^= data.get()[i];
    EXPECT_EQ(ReadAll(data.get(), bytes), expected) << bytes << " bytes";
  }
}

}  // namespace
}  // namespace strata::chips
