#include "distributed/partition/sharding.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "distributed/plan/validate.h"

namespace strata::distributed {

absl::StatusOr<Mesh> Mesh::Create(const parallel::ParallelPlan& plan) {
  STRATA_RETURN_IF_ERROR(Annotate(parallel::ValidateParallelPlan(plan), "parallel plan"));
  Mesh mesh;
  for (const parallel::MeshAxis& axis : plan.mesh()) {
    const bool zigzag = axis.kind() == parallel::CONTEXT_PARALLEL && axis.size() > 1 &&
                        plan.context() != parallel::ULYSSES;
    mesh.axes_.push_back({axis.name(), axis.kind(), static_cast<int64_t>(axis.size()), zigzag});
  }
  return mesh;
}

int Mesh::Find(absl::string_view name) const {
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).name == name) return i;
  }
  return -1;
}

AxisList Mesh::OfKind(parallel::AxisKind kind) const {
  AxisList found;
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).kind == kind && axis(i).size > 1) found.push_back(i);
  }
  return found;
}

int64_t Mesh::Size(const AxisList& axes) const {
  int64_t size = 1;
  for (int a : axes) size *= axis(a).size;
  return size;
}

std::string Mesh::Group(const AxisList& axes) const {
  return absl::StrJoin(axes, ",",
                       [&](std::string* out, int a) { absl::StrAppend(out, axis(a).name); });
}

int64_t Mesh::ranks() const {
  int64_t ranks = 1;
  for (const Axis& axis : axes_) ranks *= axis.size;
  return ranks;
}

std::vector<int64_t> Mesh::Coordinates(int64_t rank) const {
  std::vector<int64_t> coordinates(axes_.size());
  for (size_t i = axes_.size(); i-- > 0;) {
    coordinates[i] = rank % axes_[i].size;
    rank /= axes_[i].size;
  }
  return coordinates;
}

int64_t Mesh::IndexIn(const AxisList& axes, int64_t rank) const {
  const std::vector<int64_t> coordinates = Coordinates(rank);
  int64_t index = 0;
  for (int a : axes) index = index * axis(a).size + coordinates[static_cast<size_t>(a)];
  return index;
}

bool Mesh::AnyZigzag(const AxisList& axes) const {
  return std::any_of(axes.begin(), axes.end(), [&](int a) { return axis(a).zigzag; });
}

bool Sharding::Uses(int axis) const {
  return std::any_of(dims.begin(), dims.end(), [&](const AxisList& axes) {
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
  });
}

bool Sharding::replicated() const {
  return pending.empty() &&
         std::all_of(dims.begin(), dims.end(), [](const AxisList& axes) { return axes.empty(); });
}

Sharding Replicated(size_t rank) { return {std::vector<AxisList>(rank), {}}; }

bool Divides(const AxisList& axes, const graph::Size& size, const Mesh& mesh) {
  if (axes.empty() || size.is_symbol()) return true;
  return size.size() % (mesh.Size(axes) * (mesh.AnyZigzag(axes) ? 2 : 1)) == 0;
}

absl::StatusOr<Sharding> ParseSharding(const std::vector<std::string>& axes,
                                       const graph::Shape& shape, const Mesh& mesh) {
  if (axes.size() != shape.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "axes: has ", axes.size(), "; the tensor is of rank ", shape.size(), ": one a dim"));
  }
  Sharding sharding = Replicated(shape.size());
  std::set<std::string> used;
  for (size_t d = 0; d < axes.size(); ++d) {
    const auto fault = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat("axes[", d, "]: ", what));
    };
    for (const std::string& name :
         std::vector<std::string>(absl::StrSplit(axes[d], ',', absl::SkipEmpty()))) {
      const int axis = mesh.Find(name);
      if (axis < 0) return fault(absl::StrCat("there is no mesh axis '", name, "'"));
      if (mesh.axis(axis).kind == parallel::PIPELINE_PARALLEL)
        return fault(
            absl::StrCat("'", name, "' is the pipeline's axis; it splits layers, not tensors"));
      if (!used.insert(name).second) return fault(absl::StrCat("'", name, "' is named twice"));
      if (mesh.axis(axis).size > 1) sharding.dims[d].push_back(axis);
    }
    if (!Divides(sharding.dims[d], shape[d], mesh)) {
      return fault(absl::StrCat("'", axes[d], "' of ", mesh.Size(sharding.dims[d]),
                                " ranks does not divide the dim of ", shape[d].ToString()));
    }
  }
  return sharding;
}

absl::StatusOr<Sharding> ShardingOf(const graph::Value& value, const Mesh& mesh) {
  if (!value.has_sharding()) return Replicated(static_cast<size_t>(value.dims_size()));
  const auto& axes = value.sharding().axes();
  absl::StatusOr<Sharding> sharding =
      ParseSharding({axes.begin(), axes.end()}, graph::TypeOf(value).shape, mesh);
  if (!sharding.ok())
    return Annotate(sharding.status(), absl::StrCat("value '", value.name(), "': sharding"));
  return sharding;
}

void SetSharding(const Sharding& sharding, const Mesh& mesh, graph::Value* value) {
  value->clear_sharding();
  if (sharding.replicated()) return;
  for (const AxisList& axes : sharding.dims) value->mutable_sharding()->add_axes(mesh.Group(axes));
}

graph::Shape LocalShape(const graph::Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  graph::Shape local = shape;
  for (size_t d = 0; d < local.size(); ++d) {
    if (!local[d].is_symbol()) local[d] = local[d].size() / mesh.Size(sharding.dims[d]);
  }
  return local;
}

std::string ToString(const Sharding& sharding, const Mesh& mesh) {
  const std::string dims =
      absl::StrJoin(sharding.dims, ", ", [&](std::string* out, const AxisList& axes) {
        absl::StrAppend(out, "\"", mesh.Group(axes), "\"");
      });
  const std::string pending = sharding.pending.empty()
                                  ? ""
                                  : absl::StrCat(" pending \"", mesh.Group(sharding.pending), "\"");
  return absl::StrCat("(", dims, ")", pending);
}

}  // namespace strata::distributed
