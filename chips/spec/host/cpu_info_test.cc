#include "chips/spec/host/cpu_info.h"

#include <sched.h>

#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

TEST(ParseCacheSize, ReadsTheSuffixesOfSysfs) {
  EXPECT_EQ(ParseCacheSize("32K"), 32768);
  EXPECT_EQ(ParseCacheSize("8M"), 8 << 20);
  EXPECT_EQ(ParseCacheSize("512"), 512);
  for (const char* bad : {"", "K", "x", "-1K", "0K", "1.5M", "9223372036854775807K"}) {
    EXPECT_EQ(ParseCacheSize(bad), 0) << "'" << bad << "'";
  }
}

void WriteCache(const std::string& root, int cpu, int index, const char* level, const char* type,
                const char* size, const char* shared) {
  const std::string folder = absl::StrCat(root, "/cpu", cpu, "/cache/index", index);
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "level"), level));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "type"), type));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "size"), size));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "shared_cpu_list"), shared));
}

TEST(CpuCaches, SkipsInstructionCachesAndWhatIsMalformed) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof(usable), &usable), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &usable)) ++cpu;
  const std::string root = JoinPath(testing::TempDir(), "cpu");
  WriteCache(root, cpu, 0, "1\n", "Data\n", "48K\n", "0\n");
  WriteCache(root, cpu, 1, "1\n", "Instruction\n", "32K\n", "0\n");
  WriteCache(root, cpu, 2, "2\n", "Unified\n", "2048K\n", "0\n");
  WriteCache(root, cpu, 3, "x\n", "Unified\n", "1K\n", "0\n");
  const std::vector<CacheInfo> caches = CpuCaches(root);
  ASSERT_EQ(caches.size(), 2u);
  EXPECT_EQ(caches[0].level, 1);
  EXPECT_EQ(caches[0].bytes, 48 << 10);
  EXPECT_EQ(caches[0].instances, 1u);
  EXPECT_EQ(caches[1].level, 2);
  EXPECT_EQ(caches[1].bytes, 2 << 20);
  EXPECT_EQ(caches[1].how, "sysfs cpu/cache/index2/size");
}

TEST(CpuCaches, WithoutSysfsAsksSysconf) {
  for (const CacheInfo& cache : CpuCaches("/no/such/folder")) {
    EXPECT_GT(cache.bytes, 0);
    EXPECT_EQ(cache.how, "sysconf");
  }
}

TEST(CpuInfo, ThisMachineHasANameAndMemory) {
  EXPECT_FALSE(CpuModelName().empty());
  EXPECT_GT(PhysicalMemoryBytes(), 0);
}

}  // namespace
}  // namespace strata::chips
