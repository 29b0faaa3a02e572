#include "distributed/checkpoint/box_copy.h"

#include <cstring>
#include <vector>

namespace strata::distributed {
namespace {

// Elements from one index of a dim to the next.
std::vector<int64_t> Strides(const Box& box) {
  std::vector<int64_t> strides(box.dims.size(), 1);
  for (size_t d = box.dims.size(); d-- > 1;) strides[d - 1] = strides[d] * box.dims[d];
  return strides;
}

int64_t IndexOf(const std::vector<int64_t>& place, const Box& box,
                const std::vector<int64_t>& strides) {
  int64_t index = 0;
  for (size_t d = 0; d < place.size(); ++d) index += (place[d] - box.offset[d]) * strides[d];
  return index;
}

// A run takes whole dims from `first` on but for `first` itself, of which it takes what `common` has.
size_t FirstDimOfRun(const Box& common, const Box& from, const Box& to) {
  size_t first = common.dims.size() - 1;
  while (first > 0 && common.dims[first] == from.dims[first] &&
         common.dims[first] == to.dims[first])
    --first;
  return first;
}

// To the next place with dims from `end` on unchanged; false after the last.
bool Advance(const Box& common, size_t end, std::vector<int64_t>& place) {
  for (size_t d = end; d-- > 0;) {
    if (++place[d] < common.offset[d] + common.dims[d]) return true;
    place[d] = common.offset[d];
  }
  return false;
}

}  // namespace

absl::Status ForEachRun(const Box& common, const Box& from, const Box& to,
                        const std::function<absl::Status(const BoxRun&)>& body) {
  if (common.elements() == 0) return absl::OkStatus();
  if (common.dims.empty()) return body({0, 0, 1});
  const size_t first = FirstDimOfRun(common, from, to);
  const std::vector<int64_t> from_strides = Strides(from), to_strides = Strides(to);
  const int64_t count = common.dims[first] * from_strides[first];
  std::vector<int64_t> place = common.offset;
  do {
    STRATA_RETURN_IF_ERROR(
        body({IndexOf(place, from, from_strides), IndexOf(place, to, to_strides), count}));
  } while (Advance(common, first, place));
  return absl::OkStatus();
}

void CopyBox(const Box& common, const Box& from, const void* source, const Box& to, void* target,
             size_t element_bytes) {
  const auto bytes = [element_bytes](int64_t elements) {
    return static_cast<size_t>(elements) * element_bytes;
  };
  ForEachRun(common, from, to, [&](const BoxRun& run) {
    std::memcpy(static_cast<char*>(target) + bytes(run.to),
                static_cast<const char*>(source) + bytes(run.from), bytes(run.count));
    return absl::OkStatus();
  }).IgnoreError();  // the body has none
}

}  // namespace strata::distributed
