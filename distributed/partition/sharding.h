// Mesh and Sharding: how tensors lie over ranks. A sharding says, a dim, which mesh axes cut it (the first is the major
// one), and over which axes a value is still a pending sum: each rank holds a term, the value is the sum of them.
//
//   STRATA_ASSIGN_OR_RETURN(Mesh mesh, Mesh::Create(plan));       // dp = 2, tp = 4
//   Sharding w = {{{}, {mesh.Find("tp")}}, {}};                    // [K, N] cut by columns: sharding("", "tp")
//   LocalShape({64, 256}, w, mesh)                                 // [64, 64]
//
// The names are those of GSPMD (Xu et al. 2021, arXiv:2105.04663): "tiled" dims, "partial" sums. Axes of size 1 cut
// nothing and are left out of every Sharding. A pipeline's axis never is in one.
#ifndef STRATA_DISTRIBUTED_PARTITION_SHARDING_H_
#define STRATA_DISTRIBUTED_PARTITION_SHARDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/types.h"

namespace strata::distributed {

using AxisList =
    std::vector<int>;  // indices of mesh axes; where order matters the first is the major one

struct Axis {
  std::string name;
  parallel::AxisKind kind = parallel::AXIS_KIND_UNSPECIFIED;
  int64_t size = 1;
  // A dim cut over this axis of n ranks lies in 2n chunks; rank r holds chunks r and 2n-1-r, so that causal attention
  // costs every rank the same.
  bool zigzag = false;
};

class Mesh {
 public:
  // The mesh of a valid plan.
  static absl::StatusOr<Mesh> Create(const parallel::ParallelPlan& plan);

  int axes() const { return static_cast<int>(axes_.size()); }
  const Axis& axis(int i) const { return axes_[static_cast<size_t>(i)]; }
  int Find(absl::string_view name) const;          // -1: there is no such axis
  AxisList OfKind(parallel::AxisKind kind) const;  // of more than one rank, in mesh order
  int64_t Size(const AxisList& axes) const;        // product of their sizes
  std::string Group(const AxisList& axes) const;   // "dp,cp"; the name of a group of Collectives
  int64_t ranks() const;
  std::vector<int64_t> Coordinates(
      int64_t rank) const;  // one an axis; the last axis varies fastest
  // The index of `rank` in its group of `axes`: the order of the axes named, first is major.
  int64_t IndexIn(const AxisList& axes, int64_t rank) const;
  bool AnyZigzag(const AxisList& axes) const;

 private:
  std::vector<Axis> axes_;
};

struct Sharding {
  std::vector<AxisList> dims;  // as long as the value's rank
  AxisList pending;            // ascending

  bool operator==(const Sharding& other) const = default;
  bool Uses(int axis) const;  // in dims
  bool replicated() const;    // nothing cut, nothing pending
};

Sharding Replicated(size_t rank);

// The annotation of a value; unset is replicated. INVALID_ARGUMENT with "sharding.axes[d]: ...": an axis that the mesh
// does not have, a pipeline's, one that is named twice, or one that does not divide the dim.
absl::StatusOr<Sharding> ShardingOf(const graph::Value& value, const Mesh& mesh);
// Axes as they are written in a plan or a value, one string a dim, for a tensor of `shape`.
absl::StatusOr<Sharding> ParseSharding(const std::vector<std::string>& axes,
                                       const graph::Shape& shape, const Mesh& mesh);
// Writes `dims`, nothing where none is cut; a pending sum has no annotation and must have been made whole.
void SetSharding(const Sharding& sharding, const Mesh& mesh, graph::Value* value);

// Whether `size` can be cut by `axes`. A symbol can: whoever binds it sees to it.
bool Divides(const AxisList& axes, const graph::Size& size, const Mesh& mesh);
// Of a rank's piece. Symbols stay: in a rank's graph they stand for the piece's size.
graph::Shape LocalShape(const graph::Shape& shape, const Sharding& sharding, const Mesh& mesh);

std::string ToString(const Sharding& sharding, const Mesh& mesh);  // ("dp", "tp") pending "cp"

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_SHARDING_H_
