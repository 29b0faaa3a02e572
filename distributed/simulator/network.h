// Network: what a message costs between two ranks of a Cluster.
//
//   STRATA_ASSIGN_OR_RETURN(const Network network, Network::Of(cluster));
//   network.MessageSeconds(0, 9, 1 << 20);   // alpha + beta 2^20 of the level that joins nodes 0 and 1
//
// Rank r is chip r: ranks fill a node, then the next. Two ranks talk over the innermost level that joins them; each
// chip has that level's bandwidth for itself, in each direction.
#ifndef STRATA_DISTRIBUTED_SIMULATOR_NETWORK_H_
#define STRATA_DISTRIBUTED_SIMULATOR_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/cluster.pb.h"
#include "distributed/collective/link_model.h"

namespace strata::distributed {

class Network {
 public:
  // gamma of the cluster's chip: combining a byte reads two and writes one of its main memory. INVALID_ARGUMENT when
  // the cluster is not valid, NOT_FOUND when its chip is not in the catalogue.
  static absl::StatusOr<Network> Of(const chips::Cluster& cluster);
  // All links alike.
  static Network Uniform(const LinkModel& link, int ranks);

  const std::string& name() const { return name_; }
  int64_t ranks() const { return levels_.back().ranks; }
  double gamma() const { return gamma_; }
  // Of the levels, innermost first.
  int level_count() const { return static_cast<int>(levels_.size()); }
  const std::string& level_name(int level) const { return At(level).name; }
  // How many ranks one group of the level joins: of a node, of all nodes under a switch, ...
  int64_t level_ranks(int level) const { return At(level).ranks; }

  // a != b.
  int LevelBetween(int a, int b) const;
  double MessageSeconds(int from, int to, int64_t bytes) const;

  // What the textbook model with one link makes of the first `ranks` chips: of the levels that join them the greatest
  // alpha and the greatest beta.
  LinkModel SlowestLink(int ranks) const;

 private:
  struct Level {
    std::string name;
    int64_t ranks;
    double alpha, beta;
  };

  Network() = default;
  const Level& At(int level) const { return levels_[static_cast<size_t>(level)]; }

  std::string name_;
  std::vector<Level> levels_;
  double gamma_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_NETWORK_H_
