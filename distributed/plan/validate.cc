#include "distributed/plan/validate.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distributed/schedule/plan.h"
#include "distributed/schedule/validate.h"

namespace strata::parallel {
namespace {

constexpr uint32_t kVersion = 2;
constexpr int64_t kMaxRanks = std::numeric_limits<int32_t>::max();

template <typename... Parts>
absl::Status Fault(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckMesh(const ParallelPlan& plan) {
  if (plan.mesh().empty()) return Fault("mesh: is empty; give at least one axis");
  std::set<std::string> names;
  int64_t ranks = 1;
  int pipelines = 0;
  for (int i = 0; i < plan.mesh_size(); ++i) {
    const MeshAxis& axis = plan.mesh(i);
    const std::string where = absl::StrCat("mesh[", i, "]");
    if (axis.name().empty()) return Fault(where, ".name: is empty; an axis needs a name");
    if (axis.name().find_first_of(", ") != std::string::npos)
      return Fault(where, ".name: '", axis.name(), "' has a comma or a space");
    if (!names.insert(axis.name()).second) {
      return Fault(where, ".name: '", axis.name(), "' is taken by another axis");
    }
    if (axis.kind() == AXIS_KIND_UNSPECIFIED || !AxisKind_IsValid(axis.kind())) {
      return Fault(where, ".kind: is not set to a known kind");
    }
    if (axis.size() == 0) return Fault(where, ".size: is 0; an axis has at least one rank");
    ranks *= axis.size();
    if (ranks > kMaxRanks)
      return Fault(where, ".size: the mesh has more than ", kMaxRanks, " ranks");
    if (axis.kind() == PIPELINE_PARALLEL && ++pipelines > 1) {
      return Fault(where, ".kind: a mesh has at most one PIPELINE_PARALLEL axis");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSharding(const TensorSharding& sharding,
                           const std::map<std::string, AxisKind>& kinds) {
  std::set<std::string> used;
  for (int d = 0; d < sharding.axes_size(); ++d) {
    if (sharding.axes(d).empty()) continue;
    for (const absl::string_view part : absl::StrSplit(sharding.axes(d), ',')) {
      const std::string axis(part);
      const auto it = kinds.find(axis);
      if (it == kinds.end()) return Fault("axes[", d, "]: there is no mesh axis '", axis, "'");
      if (it->second == PIPELINE_PARALLEL) {
        return Fault("axes[", d, "]: '", axis,
                     "' is the pipeline's axis; it splits layers, not tensors");
      }
      if (!used.insert(axis).second)
        return Fault("axes[", d, "]: '", axis, "' splits a dim already");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShardings(const ParallelPlan& plan) {
  std::map<std::string, AxisKind> kinds;
  for (const MeshAxis& axis : plan.mesh()) kinds[axis.name()] = axis.kind();
  std::set<std::string> tensors;
  for (int i = 0; i < plan.shardings_size(); ++i) {
    const TensorSharding& sharding = plan.shardings(i);
    const std::string where = absl::StrCat("shardings[", i, "]");
    if (sharding.tensor().empty())
      return Fault(where, ".tensor: is empty; name a tensor of the graph");
    if (!tensors.insert(sharding.tensor()).second) {
      return Fault(where, ".tensor: '", sharding.tensor(), "' is sharded above already");
    }
    STRATA_RETURN_IF_ERROR(Annotate(CheckSharding(sharding, kinds), where));
  }
  return absl::OkStatus();
}

absl::Status CheckPipeline(const ParallelPlan& plan) {
  int64_t stages = 0;  // without a pipeline axis
  for (const MeshAxis& axis : plan.mesh()) {
    if (axis.kind() == PIPELINE_PARALLEL) stages = axis.size();
  }
  if (plan.pipeline_size() != stages) {
    return Fault("pipeline: has ", plan.pipeline_size(),
                 " stages; the mesh's PIPELINE_PARALLEL axis asks for ", stages);
  }
  if (stages == 0 && !plan.chunks().empty())
    return Fault("chunks: there are ", plan.chunks_size(),
                 "; the mesh has no PIPELINE_PARALLEL axis to put them on");
  if (stages == 0) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const schedule::Schedule read, schedule::ReadFromPlan(plan));
  return schedule::ValidateSchedule(read);
}

}  // namespace

absl::Status ValidateParallelPlan(const ParallelPlan& plan) {
  if (plan.version() != kVersion) {
    return Fault("version: is ", plan.version(), "; this build reads version ", kVersion);
  }
  STRATA_RETURN_IF_ERROR(CheckMesh(plan));
  STRATA_RETURN_IF_ERROR(CheckShardings(plan));
  if (plan.microbatches() == 0) return Fault("microbatches: is 0; a step has at least one");
  STRATA_RETURN_IF_ERROR(CheckPipeline(plan));
  if (!ZeroStage_IsValid(plan.zero()))
    return Fault("zero: ", static_cast<int>(plan.zero()), " is not a known stage");
  if (!ContextMethod_IsValid(plan.context()))
    return Fault("context: ", static_cast<int>(plan.context()), " is not a known method");
  if (plan.bucket_bytes() < 0) return Fault("bucket_bytes: is ", plan.bucket_bytes());
  return absl::OkStatus();
}

ParallelPlan DataParallelPlan(int ranks) {
  ParallelPlan plan;
  plan.set_version(kVersion);
  plan.set_name(absl::StrCat("dp", ranks));
  MeshAxis* axis = plan.add_mesh();
  axis->set_name("dp");
  axis->set_kind(DATA_PARALLEL);
  axis->set_size(static_cast<uint32_t>(std::max(ranks, 0)));
  plan.set_microbatches(1);
  return plan;
}

int64_t RankCount(const ParallelPlan& plan) {
  int64_t ranks = 1;
  for (const MeshAxis& axis : plan.mesh()) ranks *= axis.size();
  return ranks;
}

int64_t AxisSize(const ParallelPlan& plan, AxisKind kind) {
  int64_t size = 1;
  for (const MeshAxis& axis : plan.mesh()) {
    if (axis.kind() == kind) size *= axis.size();
  }
  return size;
}

}  // namespace strata::parallel
