#include "chips/spec/host/host.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "chips/spec/host/best_rate.h"
#include "chips/spec/host/cpu_info.h"
#include "chips/spec/host/rate_kernels.h"
#include "chips/spec/host/read_kernel.h"
#include "chips/spec/validate.h"

namespace strata::chips {
namespace {

constexpr double kMiB = 1 << 20;

constexpr Effort kFull = {20, 0.002, 0.120, 400, 8, int64_t{1} << 30};
constexpr Effort kQuick = {6, 0.001, 0.020, 100, 4, int64_t{256} << 20};
constexpr int kSlices = 8;
constexpr int64_t kGrain = kSlices * kReadBlock;
constexpr int64_t kMinBuffer = int64_t{32} << 20;

// Where results go that nobody wants, so that the work is not optimised away.
std::atomic<double> sink_rate;
std::atomic<uint64_t> sink_read;

std::string Threads(int threads) {
  return absl::StrCat(threads, threads == 1 ? " thread" : " threads");
}

void SetFigure(Figure* figure, double value, absl::string_view how) {
  figure->set_value(value);
  figure->set_source(absl::StrCat("measured: ", how));
}

void MeasureRates(const Effort& effort, int threads, Chip* chip) {
  std::map<DType, bool> done;
  for (const RateKernel& kernel : RateKernels()) {
    if (done[kernel.dtype] || !kernel.available()) continue;
    done[kernel.dtype] = true;
    const double rate = BestRate(effort, threads, Sharing::kNone, [&](int, int64_t iterations) {
      sink_rate.store(kernel.run(iterations), std::memory_order_relaxed);
    });
    ComputeRate* entry = chip->add_rates();
    entry->set_dtype(kernel.dtype);
    entry->set_matrix_unit(kernel.matrix_unit);
    SetFigure(entry->mutable_flops_per_second(), 2.0 * kernel.multiply_adds * rate,
              absl::StrCat("independent chains of ", kernel.how, ", ", Threads(threads)));
  }
}

// Pages that every thread of the team has written its own part of.
class Buffer {
 public:
  static absl::StatusOr<Buffer> Make(int64_t part_bytes, int threads) {
    const size_t bytes = static_cast<size_t>(part_bytes) * threads;
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return absl::ResourceExhaustedError(
          absl::StrCat("host: cannot map ", bytes, " bytes to measure the ",
                       "read bandwidth; free memory or raise the limit"));
    }
    Buffer buffer(static_cast<char*>(data), part_bytes, bytes);
    madvise(data, bytes, MADV_HUGEPAGE);  // fewer faults where it is allowed
    TimeTeam(threads, [&](int thread) { std::memset(buffer.part(thread), 1, part_bytes); });
    return buffer;
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        part_bytes_(other.part_bytes_),
        bytes_(other.bytes_) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  char* part(int thread) const { return data_ + thread * part_bytes_; }
  size_t bytes() const { return bytes_; }
  int64_t part_bytes() const { return part_bytes_; }

 private:
  Buffer(char* data, int64_t part_bytes, size_t bytes)
      : data_(data), part_bytes_(part_bytes), bytes_(bytes) {}
  char* data_;
  int64_t part_bytes_;
  size_t bytes_;
};

// Bytes a second when each thread reads the first `slices` x `bytes` of its part round and round, a
// slice at a time: short trials, and yet what is read has long left the caches when its turn comes.
double ReadBandwidth(const Effort& effort, int threads, const Buffer& buffer, int64_t bytes,
                     int slices) {
  std::vector<int64_t> turns(threads);
  const double rate = BestRate(effort, threads, Sharing::kAll, [&](int thread, int64_t iterations) {
    uint64_t sum = 0;
    int64_t slice = turns[thread];
    for (int64_t i = 0; i < iterations; ++i) {
      sum ^= ReadAll(buffer.part(thread) + slice * bytes, bytes);
      slice = slice + 1 == slices ? 0 : slice + 1;
    }
    turns[thread] = slice;
    sink_read.store(sum, std::memory_order_relaxed);
  });
  return rate * static_cast<double>(bytes);
}

// To a multiple of what ReadAll() takes, sliced or not.
int64_t RoundDown(int64_t bytes) { return bytes / kGrain * kGrain; }

// What of a cache one thread has to itself.
int64_t ShareOf(const CacheInfo& cache, int threads) {
  return cache.bytes * std::min<int64_t>(cache.instances, threads) / threads;
}

int64_t TotalBytes(const CacheInfo& cache) { return cache.bytes * cache.instances; }

absl::StatusOr<Buffer> MakeBuffer(const Effort& effort, int threads,
                                  const std::vector<CacheInfo>& caches, int64_t memory) {
  int64_t bytes = caches.empty() ? 0 : TotalBytes(caches.back()) * effort.caches_to_buffer;
  bytes = std::clamp(bytes, kMinBuffer, effort.max_buffer);
  if (memory > 0) bytes = std::min(bytes, memory / 4);
  return Buffer::Make(std::max<int64_t>(RoundDown(bytes / threads), kGrain), threads);
}

// Outwards in: a level gets a bandwidth when a working set can be made that the level before does
// not hold, and when noise did not make it slower than the level behind.
void MeasureMemories(const Effort& effort, int threads, const std::vector<CacheInfo>& caches,
                     int64_t memory, const Buffer& buffer, Chip* chip) {
  const double main =
      ReadBandwidth(effort, threads, buffer, buffer.part_bytes() / kSlices, kSlices);
  std::vector<MemoryLevel> levels;
  double further = main;
  for (size_t i = caches.size(); i-- > 0;) {
    const CacheInfo& cache = caches[i];
    MemoryLevel level;
    level.set_name(absl::StrCat("L", cache.level));
    level.set_kind(CACHE);
    level.set_instances(cache.instances);
    SetFigure(level.mutable_capacity_bytes(), cache.bytes, cache.how);
    const int64_t set = std::min(RoundDown(ShareOf(cache, threads) / 2), buffer.part_bytes());
    const int64_t nearer = i == 0 ? 0 : ShareOf(caches[i - 1], threads);
    if (set >= kGrain && set > 2 * nearer) {
      const double bandwidth = ReadBandwidth(effort, threads, buffer, set, 1);
      if (bandwidth >= further) {
        further = bandwidth;
        SetFigure(level.mutable_bandwidth_bytes_per_second(), bandwidth,
                  absl::StrCat("reads of ", set / 1024, " KiB a thread, ", Threads(threads)));
      }
    }
    levels.insert(levels.begin(), std::move(level));
  }
  for (MemoryLevel& level : levels) *chip->add_memories() = std::move(level);
  MemoryLevel* dram = chip->add_memories();
  dram->set_name("DRAM");
  dram->set_kind(MAIN_MEMORY);
  dram->set_instances(1);
  SetFigure(dram->mutable_capacity_bytes(), std::max<int64_t>(memory, buffer.bytes()), "sysconf");
  SetFigure(dram->mutable_bandwidth_bytes_per_second(), main,
            absl::StrCat("reads of ", buffer.bytes() / kMiB, " MiB, ", Threads(threads)));
}

// Median time of an empty parallel region: waking the team and waiting for it.
void MeasureLaunch(const Effort& effort, int threads, Chip* chip) {
  std::vector<double> seconds;
  double spent = 0;
  while (static_cast<int>(seconds.size()) < effort.launches &&
         (seconds.size() < 10 || spent < effort.budget_seconds)) {
    const double start = Now();
#pragma omp parallel num_threads(threads)
    { sink_read.store(0, std::memory_order_relaxed); }
    seconds.push_back(std::max(Now() - start, kTick));
    spent += seconds.back();
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  SetFigure(
      chip->mutable_launch_overhead_seconds(), seconds[seconds.size() / 2],
      absl::StrCat("median of ", seconds.size(), " empty OpenMP regions, ", Threads(threads)));
}

// What OpenMP really starts when asked for `wanted`.
int TeamSize(int wanted) {
  int size = 1;
#pragma omp parallel num_threads(wanted)
  {
#pragma omp master
    size = omp_get_num_threads();
  }
  return size;
}

absl::StatusOr<Chip> Measure(const Effort& effort, int wanted) {
  const int threads = TeamSize(wanted);
  const std::vector<CacheInfo> caches = CpuCaches();
  const int64_t memory = PhysicalMemoryBytes();
  STRATA_ASSIGN_OR_RETURN(Buffer buffer, MakeBuffer(effort, threads, caches, memory));

  Chip chip;
  chip.set_version(kChipVersion);
  chip.set_name("host");
  chip.set_title(CpuModelName());
  chip.set_cores(threads);
  MeasureRates(effort, threads, &chip);
  MeasureMemories(effort, threads, caches, memory, buffer, &chip);
  MeasureLaunch(effort, threads, &chip);
  STRATA_RETURN_IF_ERROR(ValidateChip(chip));
  return chip;
}

}  // namespace

absl::StatusOr<Chip> MeasureHost(const HostOptions& options) {
  if (options.threads < 0 || options.threads > kMaxHostThreads) {
    return absl::InvalidArgumentError(absl::StrCat(
        "host: threads: is ", options.threads, "; give 1 to ", kMaxHostThreads, ", or 0 for all"));
  }
  static std::mutex mutex;
  static auto* const known = new std::map<std::pair<int, bool>, Chip>();  // by threads, quick
  const std::lock_guard<std::mutex> lock(mutex);
  const int threads = options.threads > 0 ? options.threads : omp_get_max_threads();
  const auto full = known->find({threads, false});
  if (full != known->end()) return full->second;
  const auto same = known->find({threads, options.quick});
  if (same != known->end()) return same->second;
  STRATA_ASSIGN_OR_RETURN(Chip chip, Measure(options.quick ? kQuick : kFull, threads));
  known->emplace(std::make_pair(threads, options.quick), chip);
  return chip;
}

}  // namespace strata::chips
