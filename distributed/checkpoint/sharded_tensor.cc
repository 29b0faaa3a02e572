#include "distributed/checkpoint/sharded_tensor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

namespace strata::distributed {
namespace {

using Boxes = std::vector<const Box*>;

std::string Text(const std::vector<int64_t>& dims) {
  return absl::StrCat("[", absl::StrJoin(dims, ", "), "]");
}

int64_t End(const Box& box, size_t dim) { return box.offset[dim] + box.dims[dim]; }

// Where the boxes begin and end along `dim`, and where the tensor does.
std::vector<int64_t> Borders(const Boxes& boxes, size_t dim, int64_t size) {
  std::vector<int64_t> borders = {0, size};
  for (const Box* box : boxes) {
    borders.push_back(box->offset[dim]);
    borders.push_back(End(*box, dim));
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  return borders;
}

// The tensor cut at all borders of dim 0; each slab, which every box crosses or misses, cut at those of dim 1; and so
// on. What is left in the end lies in exactly one box. `corner`: where the slab begins in the dims cut already.
absl::Status CheckSlab(const Boxes& boxes, const std::vector<int64_t>& dims,
                       std::vector<int64_t>& corner) {
  const size_t dim = corner.size();
  if (boxes.empty()) {
    corner.resize(dims.size(), 0);
    return absl::InvalidArgumentError(
        absl::StrCat("no cell holds element ", Text(corner), " of ", Text(dims)));
  }
  if (dim == dims.size()) {
    if (boxes.size() == 1) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("cells ", boxes[0]->ToString(), " and ",
                                                   boxes[1]->ToString(), " overlap at element ",
                                                   Text(corner)));
  }
  const std::vector<int64_t> borders = Borders(boxes, dim, dims[dim]);
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    Boxes crossing;
    for (const Box* box : boxes) {
      if (box->offset[dim] <= borders[i] && End(*box, dim) > borders[i]) crossing.push_back(box);
    }
    corner.resize(dim);
    corner.push_back(borders[i]);
    STRATA_RETURN_IF_ERROR(CheckSlab(crossing, dims, corner));
  }
  return absl::OkStatus();
}

}  // namespace

ShardedTensor WholeTensor(std::string name, graph::HostTensor tensor) {
  std::vector<int64_t> dims = tensor.dims();
  std::vector<int64_t> offset(dims.size(), 0);
  return {std::move(name), std::move(dims), std::move(offset), std::move(tensor)};
}

int64_t Box::elements() const {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

std::string Box::ToString() const {
  std::vector<std::string> slices;
  for (size_t d = 0; d < offset.size(); ++d) {
    slices.push_back(absl::StrCat(offset[d], ":", End(*this, d)));
  }
  return absl::StrCat("[", absl::StrJoin(slices, ", "), "]");
}

Box BoxOf(const ShardedTensor& tensor) { return {tensor.offset, tensor.local.dims()}; }

Box WholeBox(const std::vector<int64_t>& global_dims) {
  return {std::vector<int64_t>(global_dims.size(), 0), global_dims};
}

Box Intersect(const Box& a, const Box& b) {
  Box common;
  for (size_t d = 0; d < a.dims.size(); ++d) {
    const int64_t begin = std::max(a.offset[d], b.offset[d]);
    common.offset.push_back(begin);
    common.dims.push_back(std::max<int64_t>(0, std::min(End(a, d), End(b, d)) - begin));
  }
  return common;
}

absl::Status ValidateBox(const Box& box, const std::vector<int64_t>& global_dims) {
  if (box.offset.size() != global_dims.size() || box.dims.size() != global_dims.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset has ", box.offset.size(), " and the cell ", box.dims.size(),
                     " dims; the global dims ", Text(global_dims), " are ", global_dims.size()));
  }
  int64_t elements = 1;
  for (size_t d = 0; d < global_dims.size(); ++d) {
    if (global_dims[d] < 0 || box.dims[d] < 0 || box.offset[d] < 0 ||
        box.dims[d] > global_dims[d] || box.offset[d] > global_dims[d] - box.dims[d]) {
      return absl::InvalidArgumentError(
          absl::StrCat("dim ", d, ": cell of ", box.dims[d], " elements at ", box.offset[d],
                       " is not inside the ", global_dims[d], " of the global tensor"));
    }
    if (global_dims[d] != 0 && __builtin_mul_overflow(elements, global_dims[d], &elements)) {
      return absl::InvalidArgumentError(
          absl::StrCat("global dims ", Text(global_dims), " have too many elements"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateShardedTensor(const ShardedTensor& tensor) {
  if (tensor.name.empty()) return absl::InvalidArgumentError("a sharded tensor has no name");
  const absl::Status status = [&]() -> absl::Status {
    if (chips::SizeOf(tensor.local.dtype()) == 0) {
      return absl::InvalidArgumentError("has no dtype; allocate its local tensor");
    }
    STRATA_RETURN_IF_ERROR(ValidateBox(BoxOf(tensor), tensor.global_dims));
    if (tensor.local.raw() == nullptr && tensor.local.elements() != 0) {
      return absl::InvalidArgumentError("has no storage");
    }
    return absl::OkStatus();
  }();
  return Annotate(status, absl::StrCat("tensor '", tensor.name, "'"));
}

absl::Status ValidateCover(absl::Span<const Box> boxes, const std::vector<int64_t>& global_dims) {
  if (WholeBox(global_dims).elements() == 0) return absl::OkStatus();
  Boxes filled;
  for (const Box& box : boxes) {
    if (box.elements() != 0) filled.push_back(&box);
  }
  std::vector<int64_t> corner;
  return CheckSlab(filled, global_dims, corner);
}

}  // namespace strata::distributed
