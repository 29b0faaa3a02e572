#include "compiler/device/launch_schedule.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/kernels/cpu/parallel.h"
#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

// A kernel that keeps each thread busy for longer than this many nanoseconds gains less than a
// fiftieth from a shared region, which saves about 0.5 us a kernel between two threads that are
// awake (//compiler/bench:launches: a ratio of 0.64 at 1.6 us a kernel, 0.97 at 12 us, 0.99 at 27).
constexpr double kLongShare = 25e3;
// What one thread gets done in a nanosecond, roughly: bytes through its caches (the same
// benchmark), and operations in vectors.
constexpr double kBytes = 100;
constexpr double kFlops = 20;
// Points where threads wait for each other, in a region of a kernel's own: its beginning and its
// end.
constexpr int kWaitsOfARegion = 2;

struct Range {
  int64_t storage = 0;  // -1: the arena, else a root buffer
  uint64_t begin = 0, end = 0;
};

Range RangeOf(const plan::Plan& plan, uint32_t id) {
  const uint32_t root = plan::RootBuffer(plan, id);
  const plan::Buffer& buffer = plan.buffers(static_cast<int>(root));
  if (buffer.kind() == plan::TEMPORARY)
    return {-1, buffer.offset(), buffer.offset() + buffer.size_bytes()};
  return {root, 0, buffer.size_bytes()};
}

// Nanoseconds of all parts of a step one after the other.
double WorkOf(const plan::Step& step) {
  return (step.bytes_read() + step.bytes_written()) / kBytes + step.flops() / kFlops;
}

int64_t PartsOf(const plan::Plan& plan, const plan::Step& step, int threads) {
  const plan::Kernel& kernel = plan.kernels(static_cast<int>(step.launch().kernel()));
  return ParallelParts(kernel.parallel_extent(), kernel.grain(), threads);
}

// Makes one region, launch by launch.
class RegionMaker {
 public:
  // Of `team` threads; kernels are split as for `threads`.
  RegionMaker(const plan::Plan& plan, int team, int threads)
      : plan_(plan), threads_(threads), busy_(static_cast<size_t>(team), 0) {
    region_.threads = team;
  }

  void Add(int step) {
    ScheduledLaunch launch;
    launch.step = step;
    launch.parts = PartsOf(plan_, plan_.steps(step), threads_);
    const int before = ThreadBefore(plan_.steps(step));
    if (before == kNone) {
      if (launch.parts == 1) launch.first_thread = LeastBusy();
    } else if (before != kSeveral && launch.parts == 1) {
      launch.first_thread = before;  // it comes after them there anyway
    } else {
      launch.waits = true;
      ++waits_;
      since_.clear();
      std::fill(busy_.begin(), busy_.end(), 0);
    }
    Note(plan_.steps(step), launch.parts == 1 ? launch.first_thread : kSeveral);
    Keep(launch, WorkOf(plan_.steps(step)));
    several_ += launch.parts > 1;
    region_.launches.push_back(launch);
  }

  LaunchRegion Take() {
    region_.begin = region_.launches.front().step;
    region_.end = region_.launches.back().step + 1;
    return std::move(region_);
  }

  // Whether threads wait for each other less often than with a region for each kernel of several
  // parts.
  bool Pays() const { return kWaitsOfARegion + waits_ < kWaitsOfARegion * several_; }

 private:
  static constexpr int kNone = -2, kSeveral = -1;

  struct Access {
    uint64_t begin, end;
    bool writes;
    int thread;  // or kSeveral
  };

  // The thread that runs all launches since the last barrier that must end before this one begins.
  int ThreadBefore(const plan::Step& step) const {
    int thread = kNone;
    for (uint32_t id : step.reads()) MeetAll(RangeOf(plan_, id), /*writes=*/false, &thread);
    for (uint32_t id : step.writes()) MeetAll(RangeOf(plan_, id), /*writes=*/true, &thread);
    return thread;
  }

  void MeetAll(const Range& range, bool writes, int* thread) const {
    const auto found = since_.find(range.storage);
    if (found == since_.end()) return;
    for (const Access& access : found->second) {
      if (access.begin >= range.end || range.begin >= access.end) continue;
      if (!writes && !access.writes) continue;
      *thread = *thread == kNone || *thread == access.thread ? access.thread : kSeveral;
    }
  }

  void Note(const plan::Step& step, int thread) {
    const auto note = [&](uint32_t id, bool writes) {
      const Range range = RangeOf(plan_, id);
      since_[range.storage].push_back({range.begin, range.end, writes, thread});
    };
    for (uint32_t id : step.reads()) note(id, false);
    for (uint32_t id : step.writes()) note(id, true);
  }

  int LeastBusy() const {
    return static_cast<int>(std::min_element(busy_.begin(), busy_.end()) - busy_.begin());
  }

  void Keep(const ScheduledLaunch& launch, double work) {
    for (int64_t p = 0; p < launch.parts; ++p) {
      const size_t thread = static_cast<size_t>(launch.first_thread + p) % busy_.size();
      busy_[thread] += work / static_cast<double>(launch.parts);
    }
  }

  const plan::Plan& plan_;
  int threads_;
  LaunchRegion region_;
  int waits_ = 0, several_ = 0;  // barriers; launches of several parts
  // Since the last barrier:
  std::map<int64_t, std::vector<Access>> since_;  // by storage
  std::vector<double> busy_;                      // nanoseconds, by thread
};

bool IsShort(const plan::Plan& plan, int step, int threads) {
  const int64_t parts = PartsOf(plan, plan.steps(step), threads);
  return WorkOf(plan.steps(step)) <= kLongShare * static_cast<double>(std::max<int64_t>(parts, 1));
}

// The region of steps [begin, end), on as many threads as the kernel of most parts has.
RegionMaker MakeRegionOf(const plan::Plan& plan, int begin, int end, int threads) {
  int64_t team = 1;
  for (int i = begin; i < end; ++i) team = std::max(team, PartsOf(plan, plan.steps(i), threads));
  RegionMaker maker(plan, static_cast<int>(team), threads);
  for (int i = begin; i < end; ++i) maker.Add(i);
  return maker;
}

// Adds the run of launches [begin, end), less the kernels of one part at its ends, where that pays.
void AddIfItPays(const plan::Plan& plan, int begin, int end, int threads,
                 std::vector<LaunchRegion>* regions) {
  const auto alone = [&](int i) { return PartsOf(plan, plan.steps(i), threads) <= 1; };
  while (begin < end && alone(begin)) ++begin;
  while (begin < end && alone(end - 1)) --end;
  if (end - begin < 2) return;
  RegionMaker maker = MakeRegionOf(plan, begin, end, threads);
  if (maker.Pays()) regions->push_back(maker.Take());
}

}  // namespace

std::vector<LaunchRegion> ScheduleLaunches(const plan::Plan& plan,
                                           const std::vector<bool>& is_kernel, int threads,
                                           LaunchSharing sharing) {
  std::vector<LaunchRegion> regions;
  if (threads <= 1 || sharing == LaunchSharing::kNever) return regions;
  const bool always = sharing == LaunchSharing::kAlways;
  const auto fits = [&](int i) {
    return is_kernel[static_cast<size_t>(i)] && plan.steps(i).wait_for().empty() &&
           (always || IsShort(plan, i, threads));
  };
  for (int begin = 0; begin < plan.steps_size(); ++begin) {
    int end = begin;
    while (end < plan.steps_size() && fits(end)) ++end;
    if (always && end - begin >= 2) {
      regions.push_back(MakeRegionOf(plan, begin, end, threads).Take());
    } else if (!always) {
      AddIfItPays(plan, begin, end, threads, &regions);
    }
    begin = end;
  }
  return regions;
}

}  // namespace strata::compiler
