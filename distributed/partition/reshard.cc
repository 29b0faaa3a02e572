#include "distributed/partition/reshard.h"

#include <algorithm>
#include <utility>

namespace strata::distributed {
namespace {

using Kind = ReshardStep::Kind;

bool Contains(const AxisList& axes, int axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

bool IsPrefix(const AxisList& a, const AxisList& b) {
  return a.size() <= b.size() && std::equal(a.begin(), a.end(), b.begin());
}

class Planner {
 public:
  Planner(const Sharding& from, const Sharding& to, const Mesh& mesh)
      : now_(from), to_(to), mesh_(mesh) {}

  std::vector<ReshardStep> Run() {
    Cut();
    Sum();
    Cut();
    while (now_.dims != to_.dims) {
      if (!Exchange()) Gather();
      Cut();
    }
    return std::move(steps_);
  }

 private:
  // The axis that dim d lacks next, or -1.
  int Wanted(size_t d) const {
    if (!IsPrefix(now_.dims[d], to_.dims[d]) || now_.dims[d].size() == to_.dims[d].size())
      return -1;
    return to_.dims[d][now_.dims[d].size()];
  }

  // Cuts whatever can be: by a slice, or where a sum is pending over the axis by a reduce_scatter.
  void Cut() {
    for (bool progress = true; progress;) {
      progress = false;
      for (size_t d = 0; d < now_.dims.size(); ++d) {
        const int axis = Wanted(d);
        if (axis < 0 || now_.Uses(axis)) continue;
        const bool pending = Contains(now_.pending, axis);
        now_.dims[d].push_back(axis);
        if (pending) std::erase(now_.pending, axis);
        Add(pending ? Kind::kReduceScatter : Kind::kShard, axis, d, 0);
        progress = true;
      }
    }
  }

  void Sum() {
    ReshardStep step;
    step.kind = Kind::kAllReduce;
    for (int axis : now_.pending) {
      if (!Contains(to_.pending, axis)) step.axes.push_back(axis);
    }
    if (step.axes.empty()) return;
    for (int axis : step.axes) std::erase(now_.pending, axis);
    step.result = now_;
    steps_.push_back(std::move(step));
  }

  // Moves the last axis of a dim that has too many to a dim that wants it next.
  bool Exchange() {
    for (size_t d = 0; d < now_.dims.size(); ++d) {
      if (IsPrefix(now_.dims[d], to_.dims[d])) continue;
      const int axis = now_.dims[d].back();
      for (size_t e = 0; e < now_.dims.size(); ++e) {
        if (e == d || Wanted(e) != axis) continue;
        now_.dims[d].pop_back();
        now_.dims[e].push_back(axis);
        Add(Kind::kAllToAll, axis, d, e);
        return true;
      }
    }
    return false;
  }

  void Gather() {
    for (size_t d = 0; d < now_.dims.size(); ++d) {
      if (IsPrefix(now_.dims[d], to_.dims[d])) continue;
      const int axis = now_.dims[d].back();
      now_.dims[d].pop_back();
      Add(Kind::kAllGather, axis, d, 0);
      return;
    }
  }

  // A step, joined with the one before where a collective over both axes does the same.
  void Add(Kind kind, int axis, size_t dim, size_t cut_dim) {
    if (!steps_.empty() && kind != Kind::kAllToAll) {
      ReshardStep& last = steps_.back();
      const bool zigzag = mesh_.axis(axis).zigzag || mesh_.AnyZigzag(last.axes);
      if (last.kind == kind && last.dim == dim && !zigzag) {
        last.axes.insert(kind == Kind::kAllGather ? last.axes.begin() : last.axes.end(), axis);
        last.result = now_;
        return;
      }
    }
    steps_.push_back({kind, {axis}, dim, cut_dim, now_});
  }

  Sharding now_;
  const Sharding& to_;
  const Mesh& mesh_;
  std::vector<ReshardStep> steps_;
};

}  // namespace

bool AlongSymbol(const graph::TensorType& global, const ReshardStep& step) {
  if (step.kind == Kind::kAllReduce) return false;
  return global.shape[step.dim].is_symbol() ||
         (step.kind == Kind::kAllToAll && global.shape[step.cut_dim].is_symbol());
}

std::vector<ReshardStep> PlanReshard(const Sharding& from, const Sharding& to, const Mesh& mesh) {
  return Planner(from, to, mesh).Run();
}

double LocalBytes(const graph::TensorType& global, const Sharding& sharding, const Mesh& mesh) {
  double bytes = static_cast<double>(chips::SizeOf(global.dtype));
  for (size_t d = 0; d < global.shape.size(); ++d) {
    bytes *=
        static_cast<double>(global.shape[d].is_symbol() ? kSymbolSize : global.shape[d].size());
    bytes /= static_cast<double>(mesh.Size(sharding.dims[d]));
  }
  return bytes;
}

double ReshardBytes(const graph::TensorType& global, const Sharding& from, const Sharding& to,
                    const Mesh& mesh) {
  double bytes = 0;
  Sharding before = from;
  for (const ReshardStep& step : PlanReshard(from, to, mesh)) {
    if (AlongSymbol(global, step)) bytes += kImpossible;
    const double others = static_cast<double>(mesh.Size(step.axes) - 1);
    const double piece = LocalBytes(global, before, mesh);
    const double share = piece / (others + 1);
    switch (step.kind) {
      case Kind::kShard:
        break;
      case Kind::kAllReduce:
        bytes += 2 * others * share;
        break;
      case Kind::kReduceScatter:
      case Kind::kAllToAll:
        bytes += others * share;
        break;
      case Kind::kAllGather:
        bytes += others * piece;
        break;
    }
    before = step.result;
  }
  return bytes;
}

}  // namespace strata::distributed
