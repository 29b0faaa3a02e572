#include "compiler/device/launch_region.h"

#include <omp.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <vector>

#include "compiler/kernels/cpu/parallel.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

// buffers: {this call's Log}.
struct Log {
  struct Part {
    long begin, end;
    int thread, level;
  };
  std::vector<Part> parts{64};
  int size = 0;
};

void Record(void* const* buffers, long begin, long end) {
  Log* log = static_cast<Log*>(buffers[0]);
  int at = 0;
#pragma omp atomic capture
  at = log->size++;
  log->parts[static_cast<size_t>(at)] = {begin, end, omp_get_thread_num(), omp_get_active_level()};
}

// out[i] = in[i] + in[n - 1 - i]: an element of one thread's share needs one of another's.
struct Mirror {
  std::vector<int64_t>*in, *out;
};
void AddMirrored(void* const* buffers, long begin, long end) {
  const Mirror* m = static_cast<const Mirror*>(buffers[0]);
  const size_t n = m->in->size();
  for (long i = begin; i < end; ++i) {
    const size_t at = static_cast<size_t>(i);
    (*m->out)[at] = (*m->in)[at] + (*m->in)[n - 1 - at] % 1000003;
  }
}

LaunchRegion Region(int threads, const std::vector<ScheduledLaunch>& launches) {
  return {0, static_cast<int>(launches.size()), threads, launches};
}

// The parts that a launch of `extent` and `parts` was run in, sorted, with their threads.
std::vector<std::tuple<long, long, int>> PartsRun(int threads, int64_t extent, int64_t parts,
                                                  int first_thread) {
  Log log;
  void* buffers[] = {&log};
  const LaunchCall call{&Record, extent, buffers};
  RunLaunchRegion(Region(threads, {{0, parts, first_thread, false}}), {&call, 1}, nullptr);
  std::vector<std::tuple<long, long, int>> run;
  for (int i = 0; i < log.size; ++i) {
    const Log::Part& part = log.parts[static_cast<size_t>(i)];
    run.emplace_back(part.begin, part.end, part.thread);
    EXPECT_LE(part.level, 1);
  }
  std::sort(run.begin(), run.end());
  return run;
}

TEST(LaunchRegionTest, EachPartRunsOnceOnItsThreadWithTheRangeOfParallelFor) {
  for (int threads : {1, 2, 3, 4}) {
    for (int64_t extent : {0, 1, 2, 7, 64}) {
      for (int64_t grain : {1, 3, 100}) {
        const int64_t parts = ParallelParts(extent, grain, threads);
        for (int first = 0; first < (parts == 1 ? threads : 1); ++first) {
          std::vector<std::tuple<long, long, int>> want;
          for (int64_t p = 0; p < parts; ++p) {
            want.emplace_back(extent * p / parts, extent * (p + 1) / parts,
                              (first + static_cast<int>(p)) % threads);
          }
          EXPECT_EQ(PartsRun(threads, extent, parts, first), want)
              << threads << " " << extent << " " << grain;
        }
      }
    }
  }
}

TEST(LaunchRegionTest, MorePartsThanThreadsGoRound) {
  const auto run = PartsRun(/*threads=*/2, /*extent=*/10, /*parts=*/5, /*first_thread=*/1);
  ASSERT_EQ(run.size(), 5u);
  for (int p = 0; p < 5; ++p)
    EXPECT_EQ(run[static_cast<size_t>(p)], std::make_tuple(2 * p, 2 * p + 2, (p + 1) % 2));
}

TEST(LaunchRegionTest, ThreadsWaitForEachOtherWhereToldTo) {
  for (int threads : {1, 2, 3, 4}) {
    for (bool stamped : {false, true}) {
      constexpr int kSteps = 200;
      std::vector<int64_t> a(101), b(101);
      std::iota(a.begin(), a.end(), 1);
      std::vector<int64_t> want = a;
      for (int step = 0; step < kSteps; ++step) {
        std::vector<int64_t> next(want.size());
        for (size_t i = 0; i < want.size(); ++i)
          next[i] = want[i] + want[want.size() - 1 - i] % 1000003;
        want = next;
      }
      Mirror forth{&a, &b}, back{&b, &a};
      void *forth_buffers[] = {&forth}, *back_buffers[] = {&back};
      std::vector<LaunchCall> calls;
      std::vector<ScheduledLaunch> launches;
      for (int step = 0; step < kSteps; ++step) {
        calls.push_back({&AddMirrored, 101, step % 2 == 0 ? forth_buffers : back_buffers});
        launches.push_back({step, threads, 0, true});
      }
      std::vector<std::chrono::steady_clock::time_point> ends;
      RunLaunchRegion(Region(threads, launches), calls, stamped ? &ends : nullptr);
      EXPECT_EQ(a, want);
      EXPECT_EQ(ends.size(), stamped ? launches.size() : 0u);
      EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end()));
    }
  }
}

// Within a parallel region of the caller's, whatever its settings, no further threads are taken.
TEST(LaunchRegionTest, WithinAParallelRegionOneThreadDoesAllShares) {
  const int levels = omp_get_max_active_levels();
  omp_set_max_active_levels(3);
  std::vector<std::vector<std::tuple<long, long, int>>> run(2);
#pragma omp parallel num_threads(2)
  {
    Log log;
    void* buffers[] = {&log};
    const std::vector<LaunchCall> calls(2, {&Record, 12, buffers});
    RunLaunchRegion(Region(4, {{0, 4, 0, false}, {1, 1, 3, true}}), calls, nullptr);
    for (int i = 0; i < log.size; ++i) {
      const Log::Part& part = log.parts[static_cast<size_t>(i)];
      run[static_cast<size_t>(omp_get_thread_num())].emplace_back(part.begin, part.end, part.level);
    }
  }
  omp_set_max_active_levels(levels);
  const std::vector<std::tuple<long, long, int>> want = {
      {0, 3, 1}, {3, 6, 1}, {6, 9, 1}, {9, 12, 1}, {0, 12, 1}};
  EXPECT_EQ(run[0], want);
  EXPECT_EQ(run[1], want);
}

TEST(LaunchRegionTest, NoLaunchesDoNothing) {
  std::vector<std::chrono::steady_clock::time_point> ends(3);
  RunLaunchRegion(Region(2, {}), {}, &ends);
  EXPECT_TRUE(ends.empty());
}

}  // namespace
}  // namespace strata::compiler
