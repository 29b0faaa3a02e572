#include "distributed/simulator/network.h"

#include <algorithm>

#include "chips/spec/catalogue.h"
#include "chips/spec/validate.h"

namespace strata::distributed {
namespace {

constexpr double kBytesMovedToCombineOne = 3;

}  // namespace

absl::StatusOr<Network> Network::Of(const chips::Cluster& cluster) {
  STRATA_RETURN_IF_ERROR(chips::ValidateCluster(cluster));
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::FindChip(cluster.chip()));
  Network network;
  network.name_ = cluster.name();
  const chips::MemoryLevel& main_memory = *chip.memories().rbegin();  // of a valid chip
  network.gamma_ = kBytesMovedToCombineOne / main_memory.bandwidth_bytes_per_second().value();
  int64_t ranks = 1;
  for (const chips::NetworkLevel& level : cluster.levels()) {
    ranks *= level.size();
    network.levels_.push_back({level.name(), ranks, level.latency_seconds().value(),
                               1 / level.bandwidth_bytes_per_second().value()});
  }
  if (network.levels_.empty()) network.levels_.push_back({"alone", 1, 0, 0});
  return network;
}

Network Network::Uniform(const LinkModel& link, int ranks) {
  Network network;
  network.name_ = "uniform";
  network.gamma_ = link.gamma_seconds_per_byte;
  network.levels_.push_back({"link", ranks, link.alpha_seconds, link.beta_seconds_per_byte});
  return network;
}

int Network::LevelBetween(int a, int b) const {
  int level = 0;
  while (level + 1 < level_count() && a / At(level).ranks != b / At(level).ranks) ++level;
  return level;
}

double Network::MessageSeconds(int from, int to, int64_t bytes) const {
  const Level& level = At(LevelBetween(from, to));
  return level.alpha + level.beta * static_cast<double>(bytes);
}

LinkModel Network::SlowestLink(int ranks) const {
  LinkModel link = {0, 0, gamma_};
  for (const Level& level : levels_) {
    link.alpha_seconds = std::max(link.alpha_seconds, level.alpha);
    link.beta_seconds_per_byte = std::max(link.beta_seconds_per_byte, level.beta);
    if (level.ranks >= ranks) break;
  }
  return link;
}

}  // namespace strata::distributed
