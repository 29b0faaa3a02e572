#include "compiler/device/launch_schedule.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

// A plan of launches, written by hand: a kernel of 100 iterations for each.
class PlanMaker {
 public:
  uint32_t Temporary(uint64_t offset, uint64_t size) {
    const uint32_t id = Buffer(plan::TEMPORARY, size);
    plan_.mutable_buffers(static_cast<int>(id))->set_offset(offset);
    return id;
  }
  uint32_t Input(uint64_t size = 64) { return Buffer(plan::INPUT, size); }
  uint32_t InPlaceOf(uint32_t root) {
    const uint32_t id = Buffer(plan::OUTPUT, plan_.buffers(static_cast<int>(root)).size_bytes());
    plan_.mutable_buffers(static_cast<int>(id))->set_in_place_of(root);
    return id;
  }

  // `grain` 1 is as many parts as there are threads, 100 is one part.
  void Launch(const std::vector<uint32_t>& reads, const std::vector<uint32_t>& writes,
              int64_t grain = 1, double bytes = 0) {
    plan::Kernel* kernel = plan_.add_kernels();
    kernel->set_parallel_extent(100);
    kernel->set_grain(grain);
    plan::Step* step = plan_.add_steps();
    step->mutable_launch()->set_kernel(static_cast<uint32_t>(plan_.kernels_size() - 1));
    for (uint32_t id : reads) step->add_reads(id);
    for (uint32_t id : writes) step->add_writes(id);
    step->set_bytes_written(bytes);
  }
  void HostCall() { plan_.add_steps()->mutable_host_call(); }

  const plan::Plan& plan() const { return plan_; }

  std::vector<LaunchRegion> Schedule(int threads,
                                     LaunchSharing sharing = LaunchSharing::kAlways) const {
    std::vector<bool> is_kernel;
    for (const plan::Step& step : plan_.steps()) is_kernel.push_back(step.has_launch());
    return ScheduleLaunches(plan_, is_kernel, threads, sharing);
  }

 private:
  uint32_t Buffer(plan::BufferKind kind, uint64_t size) {
    plan::Buffer* buffer = plan_.add_buffers();
    buffer->set_kind(kind);
    buffer->set_size_bytes(size);
    return static_cast<uint32_t>(plan_.buffers_size() - 1);
  }

  plan::Plan plan_;
};

std::vector<bool> Waits(const LaunchRegion& region) {
  std::vector<bool> waits;
  for (const ScheduledLaunch& launch : region.launches) waits.push_back(launch.waits);
  return waits;
}

TEST(LaunchScheduleTest, AReaderWaitsForItsWriterAndOthersDoNot) {
  PlanMaker p;
  const uint32_t x = p.Input(), a = p.Temporary(0, 64), b = p.Temporary(64, 64),
                 c = p.Temporary(128, 64);
  p.Launch({x}, {a});
  p.Launch({x}, {b});  // reads what the first reads
  p.Launch({a}, {c});
  const auto regions = p.Schedule(2);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].begin, 0);
  EXPECT_EQ(regions[0].end, 3);
  EXPECT_EQ(Waits(regions[0]), (std::vector<bool>{false, false, true}));
}

TEST(LaunchScheduleTest, AWriterWaitsForThoseThatReadOrWroteItsBytes) {
  PlanMaker p;
  const uint32_t x = p.Input(), a = p.Temporary(0, 128), b = p.Temporary(192, 64),
                 over_a = p.Temporary(64, 64), beside_a = p.Temporary(128, 64);
  p.Launch({x}, {a});
  p.Launch({x}, {beside_a});
  p.Launch({x}, {over_a});  // after a write of the same bytes
  p.Launch({over_a}, {b});
  p.Launch({x}, {over_a});  // after a read of them
  const auto regions = p.Schedule(2);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(Waits(regions[0]), (std::vector<bool>{false, false, true, true, true}));
}

TEST(LaunchScheduleTest, ABufferInPlaceOfAnotherIsTheSameBytes) {
  PlanMaker p;
  const uint32_t w = p.Input(), v = p.Input();
  const uint32_t new_w = p.InPlaceOf(w), new_v = p.InPlaceOf(v), y = p.Temporary(0, 64);
  p.Launch({w}, {new_w});
  p.Launch({v}, {new_v});
  p.Launch({new_w}, {y});
  const auto regions = p.Schedule(2);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(Waits(regions[0]), (std::vector<bool>{false, false, true}));
}

TEST(LaunchScheduleTest, KernelsOfOnePartStayOnTheThreadTheyDependOn) {
  PlanMaker p;
  const uint32_t x = p.Input(), a = p.Temporary(0, 64), b = p.Temporary(64, 64),
                 c = p.Temporary(128, 64), d = p.Temporary(192, 64), e = p.Temporary(256, 64);
  p.Launch({x}, {a}, 100, 1000);
  p.Launch({x}, {b}, 100, 1000);  // on the other thread
  p.Launch({b}, {c}, 100, 1000);  // with b
  p.Launch({a}, {d}, 100, 1000);  // with a
  p.Launch({a, b}, {e}, 100);     // waits for both threads
  p.Launch({x}, {p.Temporary(512, 64)});
  const auto regions = p.Schedule(2);
  ASSERT_EQ(regions.size(), 1u);
  std::vector<int> threads;
  for (const ScheduledLaunch& launch : regions[0].launches) threads.push_back(launch.first_thread);
  EXPECT_EQ(threads, (std::vector<int>{0, 1, 1, 0, 0, 0}));
  EXPECT_EQ(Waits(regions[0]), (std::vector<bool>{false, false, false, false, true, false}));
}

TEST(LaunchScheduleTest, OtherStepsEndARegion) {
  PlanMaker p;
  const uint32_t x = p.Input();
  for (int i = 0; i < 3; ++i) p.Launch({x}, {});
  p.HostCall();
  p.Launch({x}, {});
  p.HostCall();
  for (int i = 0; i < 2; ++i) p.Launch({x}, {});
  const auto regions = p.Schedule(2);
  ASSERT_EQ(regions.size(), 2u);
  EXPECT_EQ(regions[0].begin, 0);
  EXPECT_EQ(regions[0].end, 3);
  EXPECT_EQ(regions[1].begin, 6);
  EXPECT_EQ(regions[1].end, 8);
}

TEST(LaunchScheduleTest, OneThreadAndNeverShareNothing) {
  PlanMaker p;
  for (int i = 0; i < 8; ++i) p.Launch({p.Input()}, {});
  EXPECT_TRUE(p.Schedule(1).empty());
  EXPECT_TRUE(p.Schedule(2, LaunchSharing::kNever).empty());
  EXPECT_TRUE(PlanMaker().Schedule(2).empty());
}

// A chain, each launch reading what the one before wrote.
PlanMaker Chain(int count, int64_t grain, double bytes) {
  PlanMaker p;
  const uint32_t even = p.Temporary(0, 64), odd = p.Temporary(64, 64);
  for (int i = 0; i < count; ++i)
    p.Launch({i % 2 == 0 ? even : odd}, {i % 2 == 0 ? odd : even}, grain, bytes);
  return p;
}

TEST(LaunchScheduleTest, ShortKernelsShareWhereItPays) {
  constexpr LaunchSharing kPays = LaunchSharing::kWhereItPays;
  EXPECT_EQ(Chain(2, 1, 1e4).Schedule(2, kPays).size(), 1u);
  EXPECT_TRUE(Chain(1, 1, 1e4).Schedule(2, kPays).empty());
  // One part each: there is nothing to fork for.
  EXPECT_TRUE(Chain(20, 100, 1e3).Schedule(2, kPays).empty());
  // Long ones gain too little.
  EXPECT_TRUE(Chain(20, 1, 1e8).Schedule(2, kPays).empty());
  EXPECT_EQ(Chain(20, 1, 1e8).Schedule(2, LaunchSharing::kAlways).size(), 1u);
}

TEST(LaunchScheduleTest, KernelsOfOnePartAtTheEndsStayOutside) {
  PlanMaker p;
  const uint32_t a = p.Temporary(0, 64), b = p.Temporary(64, 64);
  p.Launch({a}, {b}, 100);
  p.Launch({b}, {a});
  p.Launch({a}, {b});
  p.Launch({b}, {a}, 100);
  const auto regions = p.Schedule(2, LaunchSharing::kWhereItPays);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].begin, 1);
  EXPECT_EQ(regions[0].end, 3);
}

TEST(LaunchScheduleTest, ARegionHasNoMoreThreadsThanItsKernelsHaveParts) {
  PlanMaker p;
  for (int i = 0; i < 3; ++i) p.Launch({p.Input()}, {}, /*grain=*/34);  // 3 parts of 100
  const auto regions = p.Schedule(8);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].threads, 3);
}

// ---- against what must hold, on random plans

struct Bytes {
  bool arena;
  uint64_t id, begin, end;
  bool Meets(const Bytes& o) const {
    return arena == o.arena && id == o.id && begin < o.end && o.begin < end;
  }
};

Bytes BytesOf(const plan::Plan& plan, uint32_t id) {
  const plan::Buffer* buffer = &plan.buffers(static_cast<int>(id));
  while (buffer->has_in_place_of()) {
    id = buffer->in_place_of();
    buffer = &plan.buffers(static_cast<int>(id));
  }
  if (buffer->kind() == plan::TEMPORARY)
    return {true, 0, buffer->offset(), buffer->offset() + buffer->size_bytes()};
  return {false, id, 0, buffer->size_bytes()};
}

bool Conflict(const plan::Plan& plan, const plan::Step& a, const plan::Step& b) {
  const auto meet = [&](const auto& first, const auto& second) {
    for (uint32_t i : first) {
      for (uint32_t j : second) {
        if (BytesOf(plan, i).Meets(BytesOf(plan, j))) return true;
      }
    }
    return false;
  };
  return meet(a.writes(), b.reads()) || meet(a.reads(), b.writes()) || meet(a.writes(), b.writes());
}

PlanMaker RandomPlan(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  PlanMaker p;
  std::vector<uint32_t> buffers;
  for (int i = 0; i < 12; ++i) {
    switch (pick(3)) {
      case 0:
        buffers.push_back(p.Input());
        break;
      case 1:
        buffers.push_back(p.Temporary(64 * pick(12), 64 * (1 + pick(3))));
        break;
      default:
        buffers.push_back(buffers.empty()
                              ? p.Input()
                              : p.InPlaceOf(buffers[pick(static_cast<uint32_t>(buffers.size()))]));
    }
  }
  const auto any = [&] { return buffers[pick(static_cast<uint32_t>(buffers.size()))]; };
  for (int i = 0; i < 25; ++i) {
    if (pick(12) == 0) {
      p.HostCall();
    } else {
      p.Launch({any(), any()}, {any()}, pick(2) == 0 ? 1 : pick(2) == 0 ? 40 : 100, pick(3000));
    }
  }
  return p;
}

TEST(LaunchScheduleTest, NoTwoThreadsAreEverAtTheSameBytesWhenOneWrites) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const PlanMaker p = RandomPlan(seed);
    for (int threads : {2, 3, 4}) {
      for (const LaunchRegion& region : p.Schedule(threads)) {
        ASSERT_EQ(region.launches.size(), static_cast<size_t>(region.end - region.begin));
        for (size_t i = 0; i < region.launches.size(); ++i) {
          const ScheduledLaunch& later = region.launches[i];
          ASSERT_EQ(later.step, region.begin + static_cast<int>(i));
          ASSERT_LT(later.first_thread, region.threads);
          bool waited = later.waits;
          for (size_t j = i; j-- > 0 && !waited; waited = region.launches[j].waits) {
            const ScheduledLaunch& earlier = region.launches[j];
            if (!Conflict(p.plan(), p.plan().steps(earlier.step), p.plan().steps(later.step)))
              continue;
            EXPECT_EQ(earlier.parts, 1);
            EXPECT_EQ(later.parts, 1);
            EXPECT_EQ(earlier.first_thread, later.first_thread);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace strata::compiler
