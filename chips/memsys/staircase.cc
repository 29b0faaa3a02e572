#include "chips/memsys/staircase.h"

#include <algorithm>
#include <cmath>

namespace strata::chips::memsys {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kTranslationPages = 256;
constexpr int64_t kPageStep = kStairPage + kStairLine;  // a line a page, not all in one set

absl::StatusOr<ChaseResult> Simulate(int64_t bytes, const CacheHierarchyConfig& config) {
  STRATA_ASSIGN_OR_RETURN(CacheHierarchy hierarchy, CacheHierarchy::Make(config));
  return SimulateChase(RandomCycle(bytes / kStairLine, kSeed), kStairLine, &hierarchy);
}

// Small ones find any page anywhere; larger ones have sets of at most 16.
CacheConfig TlbShape(int64_t entries) {
  int64_t ways = entries;
  if (entries > 128) {
    ways = 16;
    while (entries % ways != 0) --ways;
  }
  return {entries * kStairPage, ways, kStairPage};
}

class Calibrator {
 public:
  Calibrator(const StaircaseOptions& options, const MeasureLatency& measure)
      : options_(options), measure_(measure) {}

  absl::StatusOr<Staircase> Run(const Chip& chip) {
    STRATA_RETURN_IF_ERROR(Translations());
    STRATA_RETURN_IF_ERROR(Latencies(chip));
    stairs_.share = stairs_.spec;
    STRATA_RETURN_IF_ERROR(Share());
    return stairs_;
  }

 private:
  absl::Status Translations() {
    CacheHierarchyConfig& tlb = stairs_.tlb;
    tlb.levels = {{.cache = TlbShape(options_.first_tlb)},
                  {.cache = TlbShape(options_.second_tlb)}};
    STRATA_RETURN_IF_ERROR(CacheHierarchy::Make(tlb).status());
    // The same number of lines without gaps: they lie in the same cache, and in few pages.
    const int64_t far_pages = 4 * options_.second_tlb;
    STRATA_ASSIGN_OR_RETURN(tlb.levels[1].latency, ExtraForPages(kTranslationPages));
    STRATA_ASSIGN_OR_RETURN(tlb.memory_latency, ExtraForPages(far_pages));
    tlb.memory_latency = std::max(tlb.memory_latency, tlb.levels[1].latency);
    return absl::OkStatus();
  }

  absl::StatusOr<double> ExtraForPages(int64_t pages) {
    STRATA_ASSIGN_OR_RETURN(const double apart, measure_(pages, kPageStep));
    STRATA_ASSIGN_OR_RETURN(const double together, measure_(pages, kStairLine));
    return std::max(apart - together, 0.0);
  }

  // Of the lines alone.
  absl::StatusOr<double> LatencyAt(int64_t bytes) {
    STRATA_ASSIGN_OR_RETURN(const double whole, measure_(bytes / kStairLine, kStairLine));
    STRATA_ASSIGN_OR_RETURN(const ChaseResult translation, Simulate(bytes, stairs_.tlb));
    return std::max(whole - translation.mean_latency, 0.0);
  }

  absl::StatusOr<double> CalibrateAt(int64_t bytes) {
    stairs_.calibrated.push_back(bytes);
    return LatencyAt(bytes);
  }

  absl::Status Latencies(const Chip& chip) {
    CacheHierarchyConfig& spec = stairs_.spec;
    int64_t last = 0;
    for (const MemoryLevel& memory : chip.memories()) {
      if (memory.kind() != CACHE) continue;
      const size_t i = std::min(spec.levels.size(), options_.ways.size() - 1);
      const int64_t bytes = static_cast<int64_t>(memory.capacity_bytes().value());
      CacheLevelConfig level;
      level.cache = {bytes, options_.ways[i], kStairLine, options_.replacement};
      STRATA_RETURN_IF_ERROR(Annotate(Cache::Make(level.cache).status(), memory.name()));
      STRATA_ASSIGN_OR_RETURN(level.latency, CalibrateAt(last == 0 ? bytes / 2 : last / 2 * 3));
      spec.levels.push_back(level);
      last = bytes;
    }
    if (last == 0) return absl::NotFoundError("memories: the spec has no caches");
    STRATA_ASSIGN_OR_RETURN(spec.memory_latency, CalibrateAt(4 * last));
    return absl::OkStatus();
  }

  // The largest working set, between the last two caches, that is still nearer to the last cache's latency
  // than to the memory's (in ratio), to within 1/8; in whole sets.
  absl::Status Share() {
    const std::vector<CacheLevelConfig>& levels = stairs_.spec.levels;
    if (levels.size() < 2) return absl::OkStatus();
    const CacheLevelConfig& last = levels.back();
    const double middle = std::sqrt(last.latency * stairs_.spec.memory_latency);
    int64_t fits = levels[levels.size() - 2].cache.bytes / 2 * 3, too_large = last.cache.bytes;
    STRATA_ASSIGN_OR_RETURN(const double whole, LatencyAt(too_large));
    if (whole < middle) return absl::OkStatus();
    while (too_large - fits > fits / 8) {
      const int64_t half = (fits + too_large) / 2 / kStairLine * kStairLine;
      STRATA_ASSIGN_OR_RETURN(const double latency, LatencyAt(half));
      (latency < middle ? fits : too_large) = half;
    }
    const int64_t set_bytes = last.cache.ways * kStairLine;
    stairs_.share.levels.back().cache.bytes = fits / set_bytes * set_bytes;
    return absl::OkStatus();
  }

  const StaircaseOptions& options_;
  const MeasureLatency& measure_;
  Staircase stairs_;
};

}  // namespace

absl::StatusOr<Prediction> Staircase::Predict(int64_t bytes) const {
  STRATA_ASSIGN_OR_RETURN(const ChaseResult translation, Simulate(bytes, tlb));
  STRATA_ASSIGN_OR_RETURN(const ChaseResult by_spec, Simulate(bytes, spec));
  STRATA_ASSIGN_OR_RETURN(const ChaseResult by_share, Simulate(bytes, share));
  Prediction prediction;
  prediction.translation = translation.mean_latency;
  prediction.spec = by_spec.mean_latency + translation.mean_latency;
  prediction.share = by_share.mean_latency + translation.mean_latency;
  prediction.level = by_share.share;
  return prediction;
}

absl::StatusOr<Staircase> Calibrate(const Chip& chip, const StaircaseOptions& options,
                                    const MeasureLatency& measure) {
  if (options.ways.empty()) return absl::InvalidArgumentError("ways: none; give one a cache");
  if (options.first_tlb < 1 || options.second_tlb <= options.first_tlb) {
    return absl::InvalidArgumentError("tlb: give at least 1 entry, and more in the second");
  }
  return Calibrator(options, measure).Run(chip);
}

}  // namespace strata::chips::memsys
