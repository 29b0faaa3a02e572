// IndexMap: how the dims of a value are indexed by the iteration dims of a kernel, through views.
//
// The index along one dim of a value is `offset` plus the mixed-radix number of `atoms`: iteration dims, most significant
// first. A dim without atoms stays at `offset` (a broadcast). Example: a value [B, T*C] in the iteration space
// (b, t, c) has the map { {b}, 0 }, { {t, c}, 0 }.
#ifndef STRATA_COMPILER_LOOP_INDEX_MAP_H_
#define STRATA_COMPILER_LOOP_INDEX_MAP_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace strata::compiler::loop {

struct DimIndex {
  std::vector<int> atoms;
  int64_t offset = 0;
  bool operator==(const DimIndex& other) const = default;
};
using IndexMap = std::vector<DimIndex>;

// The iteration dims: extents that may yet be split when a view needs finer ones.
struct IterationDim {
  int64_t extent = 1;
  bool reduced = false;
  std::vector<int64_t> cuts;  // sorted; where pad and concat change their mind
};
using IterationDims = std::vector<IterationDim>;

// "Split iteration dim `dim` so that its minor part has extent `minor`", then lower again.
struct SplitRequest {
  int dim = -1;
  int64_t minor = 0;
};

// Deals out the iteration dims `ids` (row-major) to the dims of a value of as many elements. nullopt: they do not fit, or
// `split` has been set and the caller must split and start again.
std::optional<IndexMap> Deal(const std::vector<int64_t>& dims, const std::vector<int>& ids,
                             const IterationDims& iteration, SplitRequest* split);

// The map of x for y = reshape(x), from the map of y. Dims that the reshape leaves alone keep any map; the others must be
// walked in full. nullopt as in Deal.
std::optional<IndexMap> ThroughReshape(const std::vector<int64_t>& from,
                                       const std::vector<int64_t>& to, const IndexMap& to_map,
                                       const IterationDims& iteration, SplitRequest* split);

// True when the dim of size `size` is walked once from end to end.
bool IsFull(const DimIndex& index, int64_t size, const IterationDims& iteration);

}  // namespace strata::compiler::loop

#endif  // STRATA_COMPILER_LOOP_INDEX_MAP_H_
