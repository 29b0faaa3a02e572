#include "chips/memsys/cache.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::chips::memsys {
namespace {

constexpr int64_t kMaxWays = 4096;
constexpr int64_t kMaxTreeWays = 64;

bool IsPowerOfTwo(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

absl::Status Check(const CacheConfig& config) {
  if (!IsPowerOfTwo(config.line_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("line_bytes: ", config.line_bytes, " is no power of two"));
  }
  if (config.ways < 1 || config.ways > kMaxWays) {
    return absl::InvalidArgumentError(
        absl::StrCat("ways: ", config.ways, " is outside [1, ", kMaxWays, "]"));
  }
  if (config.replacement == Replacement::kTreePlru &&
      (!IsPowerOfTwo(config.ways) || config.ways > kMaxTreeWays)) {
    return absl::InvalidArgumentError(absl::StrCat("ways: ", config.ways,
                                                   " is no power of two up to ", kMaxTreeWays,
                                                   ", which tree-PLRU needs; use LRU"));
  }
  const int64_t set_bytes = config.ways * config.line_bytes;
  if (config.bytes < set_bytes || config.bytes % set_bytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bytes: ", config.bytes, " is no whole number of sets of ", set_bytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cache> Cache::Make(const CacheConfig& config) {
  STRATA_RETURN_IF_ERROR(Check(config));
  return Cache(config, config.bytes / (config.ways * config.line_bytes));
}

Cache::Cache(const CacheConfig& config, int64_t sets)
    : config_(config), sets_(sets), lines_(static_cast<size_t>(sets * config.ways), kEmpty) {
  if (config.replacement == Replacement::kTreePlru) trees_.resize(static_cast<size_t>(sets));
}

int64_t Cache::Find(int64_t line) const {
  const int64_t* set = Set(line);
  return std::find(set, set + config_.ways, line) - set;
}

bool Cache::Contains(int64_t line) const { return Find(line) < config_.ways; }

bool Cache::Touch(int64_t line) {
  const int64_t way = Find(line);
  if (way == config_.ways) return false;
  Use(line, way);
  return true;
}

// Makes the line at `way` of `line`'s set the last used.
void Cache::Use(int64_t line, int64_t way) {
  if (config_.replacement == Replacement::kLru) {
    int64_t* set = Set(line);
    std::rotate(set, set + way, set + way + 1);
    return;
  }
  uint64_t& tree = trees_[static_cast<size_t>(line % sets_)];
  // The leaves are nodes ways ... 2 * ways - 1. A node's bit is 1 when its right half is the older.
  for (int64_t node = way + config_.ways; node > 1; node /= 2) {
    const uint64_t bit = uint64_t{1} << (node / 2);
    const bool from_right = node % 2 == 1;
    tree = from_right ? tree & ~bit : tree | bit;
  }
}

int64_t Cache::Victim(int64_t line) const {
  const int64_t* set = Set(line);
  const int64_t empty = std::find(set, set + config_.ways, kEmpty) - set;
  if (empty < config_.ways) return empty;
  if (config_.replacement == Replacement::kLru) return config_.ways - 1;
  const uint64_t tree = trees_[static_cast<size_t>(line % sets_)];
  int64_t node = 1;
  while (node < config_.ways) node = 2 * node + static_cast<int64_t>(tree >> node & 1);
  return node - config_.ways;
}

std::optional<int64_t> Cache::Insert(int64_t line) {
  const int64_t way = Victim(line);
  int64_t& place = Set(line)[way];
  const int64_t old = place;
  place = line;
  Use(line, way);
  if (old == kEmpty) return std::nullopt;
  return old;
}

bool Cache::Remove(int64_t line) {
  const int64_t way = Find(line);
  if (way == config_.ways) return false;
  int64_t* set = Set(line);
  set[way] = kEmpty;
  if (config_.replacement == Replacement::kLru) {
    std::rotate(set + way, set + way + 1, set + config_.ways);
  }
  return true;
}

}  // namespace strata::chips::memsys
