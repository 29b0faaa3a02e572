#include "distributed/simulator/clusters.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/textproto.h"
#include "chips/spec/validate.h"

namespace strata::distributed {
namespace {

struct Entry {
  const char* name;
  const char* text;
};

constexpr Entry kEntries[] = {
#include "distributed/simulator/clusters.inc"
};

absl::StatusOr<chips::Cluster> Checked(const chips::Cluster& cluster, const std::string& where) {
  STRATA_RETURN_IF_ERROR(Annotate(chips::ValidateCluster(cluster), where));
  return cluster;
}

}  // namespace

absl::StatusOr<chips::Cluster> FindCluster(const std::string& name_or_path) {
  chips::Cluster cluster;
  for (const Entry& entry : kEntries) {
    if (name_or_path != entry.name) continue;
    const std::string where = absl::StrCat("clusters/", entry.name);
    STRATA_RETURN_IF_ERROR(ParseTextProto(entry.text, where, &cluster));
    return Checked(cluster, where);
  }
  if (absl::StrContains(name_or_path, "/") || absl::EndsWith(name_or_path, ".textproto")) {
    STRATA_RETURN_IF_ERROR(ReadTextProto(name_or_path, &cluster));
    return Checked(cluster, name_or_path);
  }
  return absl::NotFoundError(absl::StrCat("no cluster named '", name_or_path,
                                          "'; there is: ", absl::StrJoin(ClusterNames(), ", "),
                                          "; or give the path of a .textproto"));
}

std::vector<std::string> ClusterNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata::distributed
