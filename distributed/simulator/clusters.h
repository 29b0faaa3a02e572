// Clusters by name, for simulation. The text protos under distributed/simulator/clusters/ are part of the binary.
//
//   STRATA_ASSIGN_OR_RETURN(chips::Cluster cluster, FindCluster("h100_roce"));        // of these
//   STRATA_ASSIGN_OR_RETURN(chips::Cluster mine, FindCluster("my/cluster.textproto"));  // from a file
//
// Every cluster handed out has passed ValidateCluster().
#ifndef STRATA_DISTRIBUTED_SIMULATOR_CLUSTERS_H_
#define STRATA_DISTRIBUTED_SIMULATOR_CLUSTERS_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/cluster.pb.h"

namespace strata::distributed {

// A name of ClusterNames(), or a path (it has a '/' or ends in ".textproto"). NOT_FOUND lists the names;
// INVALID_ARGUMENT of a file starts with its path.
absl::StatusOr<chips::Cluster> FindCluster(const std::string& name_or_path);

// Sorted.
std::vector<std::string> ClusterNames();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_CLUSTERS_H_
