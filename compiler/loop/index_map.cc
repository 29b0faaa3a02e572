#include "compiler/loop/index_map.h"

#include <algorithm>

namespace strata::compiler::loop {

std::optional<IndexMap> Deal(const std::vector<int64_t>& dims, const std::vector<int>& ids,
                             const IterationDims& iteration, SplitRequest* split) {
  IndexMap map(dims.size());
  size_t next = ids.size();  // ids[next - 1] is dealt next, minor dims first
  for (size_t d = dims.size(); d-- > 0;) {
    int64_t left = dims[d];
    while (left != 1) {
      if (next == 0) return std::nullopt;
      const int id = ids[next - 1];
      const int64_t extent = iteration[static_cast<size_t>(id)].extent;
      if (left == 0 || extent == 0) {
        if (left != extent) return std::nullopt;
        map[d].atoms.insert(map[d].atoms.begin(), id);
        left = 1;
        --next;
      } else if (left % extent == 0) {
        map[d].atoms.insert(map[d].atoms.begin(), id);
        left /= extent;
        --next;
      } else if (extent % left == 0) {
        *split = {id, left};
        return std::nullopt;
      } else {
        return std::nullopt;
      }
    }
  }
  if (next != 0) return std::nullopt;
  return map;
}

bool IsFull(const DimIndex& index, int64_t size, const IterationDims& iteration) {
  int64_t extent = 1;
  for (int atom : index.atoms) extent *= iteration[static_cast<size_t>(atom)].extent;
  return index.offset == 0 && extent == size;
}

std::optional<IndexMap> ThroughReshape(const std::vector<int64_t>& from,
                                       const std::vector<int64_t>& to, const IndexMap& to_map,
                                       const IterationDims& iteration, SplitRequest* split) {
  IndexMap result(from.size());
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    // The smallest groups of dims with equal products.
    const size_t from_begin = i, to_begin = j;
    int64_t from_count = 1, to_count = 1;
    do {
      if (from_count <= to_count && i < from.size()) {
        from_count *= from[i++];
      } else if (j < to.size()) {
        to_count *= to[j++];
      } else if (i < from.size()) {
        from_count *= from[i++];
      }
    } while (from_count != to_count && (i < from.size() || j < to.size()));
    if (from_count != to_count) return std::nullopt;
    // Ones that follow belong to the group, so that a lone one does not start a group of its own.
    while (i < from.size() && from[i] == 1) ++i;
    while (j < to.size() && to[j] == 1) ++j;

    size_t from_wide = from_begin, to_wide = to_begin;
    int from_wides = 0, to_wides = 0;
    for (size_t d = from_begin; d < i; ++d) {
      if (from[d] != 1) from_wide = d, ++from_wides;
    }
    for (size_t d = to_begin; d < j; ++d) {
      if (to[d] != 1) to_wide = d, ++to_wides;
    }
    if (from_wides == 0) continue;
    if (from_wides == 1 && to_wides == 1) {
      result[from_wide] = to_map[to_wide];
      continue;
    }
    std::vector<int> ids;
    for (size_t d = to_begin; d < j; ++d) {
      if (to[d] == 1) continue;
      if (!IsFull(to_map[d], to[d], iteration)) return std::nullopt;
      ids.insert(ids.end(), to_map[d].atoms.begin(), to_map[d].atoms.end());
    }
    const std::vector<int64_t> group(from.begin() + static_cast<long>(from_begin),
                                     from.begin() + static_cast<long>(i));
    std::optional<IndexMap> dealt = Deal(group, ids, iteration, split);
    if (!dealt) return std::nullopt;
    std::copy(dealt->begin(), dealt->end(), result.begin() + static_cast<long>(from_begin));
  }
  return result;
}

}  // namespace strata::compiler::loop
