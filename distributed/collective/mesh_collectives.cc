#include "distributed/collective/mesh_collectives.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "distributed/collective/group_transport.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

std::string Describe(const std::vector<MeshAxis>& mesh) {
  return absl::StrCat("mesh {",
                      absl::StrJoin(mesh, ", ",
                                    [](std::string* out, const MeshAxis& axis) {
                                      absl::StrAppend(out, axis.name, ": ", axis.size);
                                    }),
                      "}");
}

absl::Status CheckMesh(const std::vector<MeshAxis>& mesh, int ranks) {
  std::set<std::string> names;
  int64_t product = 1;
  for (const MeshAxis& axis : mesh) {
    if (axis.name.empty() || axis.name.find_first_of(", ") != std::string::npos ||
        !names.insert(axis.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          Describe(mesh), ": give each axis a name of its own, without comma or blank"));
    }
    if (axis.size < 1 || __builtin_mul_overflow(product, axis.size, &product)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Describe(mesh), ": axis ", axis.name, " must have at least 1 rank"));
    }
  }
  if (product == ranks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(Describe(mesh), " has ", product,
                                                 " ranks, but the run has ", ranks,
                                                 "; the sizes' product must be that"));
}

}  // namespace

struct MeshCollectives::SubGroup {
  std::unique_ptr<GroupTransport> transport;
  std::unique_ptr<compiler::Collectives> collectives;
};

absl::StatusOr<std::unique_ptr<MeshCollectives>> MeshCollectives::Create(
    Transport& transport, std::vector<MeshAxis> mesh, const std::string& implementation) {
  STRATA_RETURN_IF_ERROR(CheckMesh(mesh, transport.size()));
  STRATA_ASSIGN_OR_RETURN(auto world, CollectivesRegistry().Create(implementation, transport));
  return std::unique_ptr<MeshCollectives>(
      new MeshCollectives(transport, std::move(mesh), implementation, std::move(world)));
}

absl::StatusOr<std::unique_ptr<MeshCollectives>> MeshCollectives::Create(
    Transport& transport, const parallel::ParallelPlan& plan, const std::string& implementation) {
  std::vector<MeshAxis> mesh;
  for (const parallel::MeshAxis& axis : plan.mesh()) mesh.push_back({axis.name(), axis.size()});
  return Create(transport, std::move(mesh), implementation);
}

MeshCollectives::MeshCollectives(Transport& transport, std::vector<MeshAxis> mesh,
                                 std::string implementation,
                                 std::unique_ptr<compiler::Collectives> world)
    : transport_(transport),
      mesh_(std::move(mesh)),
      strides_(mesh_.size()),
      implementation_(std::move(implementation)),
      world_(std::move(world)) {
  int64_t stride = 1;
  for (size_t axis = mesh_.size(); axis-- > 0; stride *= mesh_[axis].size) strides_[axis] = stride;
}

MeshCollectives::~MeshCollectives() = default;

absl::StatusOr<size_t> MeshCollectives::AxisAt(absl::string_view name) const {
  for (size_t axis = 0; axis < mesh_.size(); ++axis) {
    if (mesh_[axis].name == name) return axis;
  }
  return absl::InvalidArgumentError(absl::StrCat("no axis '", name, "' in the ", Describe(mesh_)));
}

int64_t MeshCollectives::CoordinateAt(size_t axis) const {
  return transport_.rank() / strides_[axis] % mesh_[axis].size;
}

absl::StatusOr<int64_t> MeshCollectives::Coordinate(absl::string_view axis) const {
  STRATA_ASSIGN_OR_RETURN(const size_t at, AxisAt(axis));
  return CoordinateAt(at);
}

// Counts through the axes as the digits of a number, from the group's origin.
absl::StatusOr<std::vector<int>> MeshCollectives::RanksOf(absl::string_view axes) const {
  std::vector<size_t> wanted;
  for (absl::string_view name : absl::StrSplit(axes, ',')) {
    STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisAt(absl::StripAsciiWhitespace(name)));
    if (std::find(wanted.begin(), wanted.end(), axis) != wanted.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("group '", axes, "': axis ", mesh_[axis].name, " is there twice"));
    }
    wanted.push_back(axis);
  }
  int64_t origin = transport_.rank();
  for (size_t axis : wanted) origin -= CoordinateAt(axis) * strides_[axis];
  std::vector<int> ranks = {static_cast<int>(origin)};
  for (size_t axis : wanted) {
    std::vector<int> longer;
    for (int rank : ranks) {
      for (int64_t at = 0; at < mesh_[axis].size; ++at)
        longer.push_back(rank + static_cast<int>(at * strides_[axis]));
    }
    ranks = std::move(longer);
  }
  return ranks;
}

absl::StatusOr<compiler::Collectives*> MeshCollectives::Group(absl::string_view axes) {
  if (absl::StripAsciiWhitespace(axes).empty()) return this;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = groups_.find(std::string(axes));
  if (known != groups_.end()) return known->second->collectives.get();
  STRATA_ASSIGN_OR_RETURN(std::vector<int> ranks, RanksOf(axes));
  bool all = static_cast<int>(ranks.size()) == size();
  for (size_t i = 0; i < ranks.size(); ++i) all = all && ranks[i] == static_cast<int>(i);
  if (all) return this;
  auto group = std::make_unique<SubGroup>();
  STRATA_ASSIGN_OR_RETURN(group->transport, GroupTransport::Create(transport_, std::move(ranks)));
  STRATA_ASSIGN_OR_RETURN(group->collectives,
                          CollectivesRegistry().Create(implementation_, *group->transport));
  return groups_.emplace(std::string(axes), std::move(group)).first->second->collectives.get();
}

}  // namespace strata::distributed
