#include "distributed/collective/torus.h"

#include <vector>

#include "distributed/collective/blocks.h"
#include "distributed/collective/factors.h"
#include "distributed/collective/ring.h"

namespace strata::distributed {
namespace {

// The lines that this rank is on. The last dimension varies fastest with the rank.
class Grid {
 public:
  Grid(const Wire& wire, int dims) {
    int stride = wire.size();
    for (int side : Sides(wire.size(), dims)) {
      stride /= side;
      const int at = wire.rank() / stride % side;
      std::vector<int> line;
      for (int k = 0; k < side; ++k) line.push_back(wire.rank() + (k - at) * stride);
      lines_.push_back(wire.Among(line, at));
    }
  }

  size_t dims() const { return lines_.size(); }
  Wire& line(size_t dim) { return lines_[dim]; }

  // `data` in a part for each rank of the line.
  Segments Parts(size_t dim, Piece data, int64_t element_bytes) const {
    return Segments(data.data, data.bytes / element_bytes, element_bytes, lines_[dim].size());
  }

 private:
  std::vector<Wire> lines_;
};

// From dimension `dim` on; what is left in the end is whole.
absl::Status AllReduceFrom(Grid& grid, size_t dim, Piece data, int64_t element_bytes) {
  if (dim == grid.dims()) {
    grid.line(0).Finish(data);
    return absl::OkStatus();
  }
  Wire& line = grid.line(dim);
  const Segments parts = grid.Parts(dim, data, element_bytes);
  STRATA_RETURN_IF_ERROR(RingReduceScatter(line, parts));
  STRATA_RETURN_IF_ERROR(AllReduceFrom(grid, dim + 1, parts[line.rank()], element_bytes));
  return RingAllGather(line, parts);
}

template <int kDims>
absl::Status AllReduce(Wire& wire, const Call& call) {
  Grid grid(wire, kDims);
  const int64_t size = call.element_bytes();
  const int64_t block = wire.tuning().block_bytes / size * grid.line(0).size();
  return ForEachBlock(call.count, block, [&](int64_t at, int64_t count) {
    return AllReduceFrom(grid, 0, {call.output + at * size, count * size}, size);
  });
}

template <int kDims>
absl::Status ReduceScatter(Wire& wire, const Call& call) {
  Grid grid(wire, kDims);
  const int64_t b = call.bytes();
  Piece data = {wire.Memory(Workspace::kStaging, b * wire.size()), b * wire.size()};
  Wire::Copy(data.data, View(call.input, data.bytes));
  for (size_t dim = 0; dim < grid.dims() && b > 0; ++dim) {
    const Segments parts = grid.Parts(dim, data, b);  // whole blocks
    STRATA_RETURN_IF_ERROR(RingReduceScatter(grid.line(dim), parts));
    data = parts[grid.line(dim).rank()];
  }
  Wire::Copy(call.output, View(data.data, b));
  wire.Finish({call.output, b});
  return absl::OkStatus();
}

absl::Status AllGatherFrom(Grid& grid, size_t dim, Piece data, const Call& call) {
  if (dim == grid.dims()) {
    Wire::Copy(data.data, View(call.input, call.bytes()));
    return absl::OkStatus();
  }
  const Segments parts = grid.Parts(dim, data, call.bytes());
  STRATA_RETURN_IF_ERROR(AllGatherFrom(grid, dim + 1, parts[grid.line(dim).rank()], call));
  return RingAllGather(grid.line(dim), parts);
}

template <int kDims>
absl::Status AllGather(Wire& wire, const Call& call) {
  if (call.count == 0) return absl::OkStatus();
  Grid grid(wire, kDims);
  return AllGatherFrom(grid, 0, {call.output, call.bytes() * wire.size()}, call);
}

template <int kDims>
bool HasSides(int ranks, const Tuning&) {
  return Sides(ranks, kDims)[0] > 1;  // the smallest
}

int64_t AllReduceBytes(const CallShape& s) { return 2 * (s.ranks - 1) * s.bytes(); }
int64_t PerRankBytes(const CallShape& s) { return int64_t{s.ranks} * (s.ranks - 1) * s.bytes(); }

int Steps(const std::vector<int>& sides) {
  int steps = 0;
  for (int side : sides) steps += side - 1;
  return steps;
}

template <int kDims>
Cost AllReduceCost(const CallShape& s) {
  const std::vector<int> sides = Sides(s.ranks, kDims);
  const double blocks = static_cast<double>(Blocks(s.bytes(), s.tuning.block_bytes * sides[0]));
  const double share = (s.ranks - 1.0) / s.ranks * static_cast<double>(s.bytes());
  return {2 * blocks * Steps(sides), 2 * share, share};
}

template <int kDims>
Cost AllGatherCost(const CallShape& s) {
  return {1.0 * Steps(Sides(s.ranks, kDims)), (s.ranks - 1.0) * static_cast<double>(s.bytes()), 0};
}

template <int kDims>
Cost ReduceScatterCost(const CallShape& s) {
  Cost cost = AllGatherCost<kDims>(s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

}  // namespace

absl::Span<const Algorithm> TorusAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kAllReduce, "torus_2d", AllReduce<2>, HasSides<2>, AllReduceBytes, AllReduceCost<2>},
      {Verb::kReduceScatter, "torus_2d", ReduceScatter<2>, HasSides<2>, PerRankBytes,
       ReduceScatterCost<2>},
      {Verb::kAllGather, "torus_2d", AllGather<2>, HasSides<2>, PerRankBytes, AllGatherCost<2>},
      {Verb::kAllReduce, "torus_3d", AllReduce<3>, HasSides<3>, AllReduceBytes, AllReduceCost<3>},
      {Verb::kReduceScatter, "torus_3d", ReduceScatter<3>, HasSides<3>, PerRankBytes,
       ReduceScatterCost<3>},
      {Verb::kAllGather, "torus_3d", AllGather<3>, HasSides<3>, PerRankBytes, AllGatherCost<3>},
  };
  return kRows;
}

}  // namespace strata::distributed
