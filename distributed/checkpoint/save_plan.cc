#include "distributed/checkpoint/save_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "distributed/checkpoint/manifest.h"

namespace strata::distributed {
namespace {

using checkpoint::Holding;

using Holders = std::vector<int>;  // ranks, rising

// What all ranks have of a tensor.
struct Held {
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  std::vector<int64_t> dims;
  int first_rank = 0;  // that has it
  std::map<Box, Holders> cells;
};

// A cell on its way to a writer.
struct Piece {
  int64_t bytes = 0;
  const Holders* holders = nullptr;
  PlannedCell* cell = nullptr;
};

// Cells smaller than this are not worth a cut.
constexpr int64_t kLeastCutBytes = 1 << 20;
// A cut leaves pieces of this part of a rank's even share, so that shares differ by no more.
constexpr int64_t kPiecesPerShare = 8;

absl::Status AddTensor(const checkpoint::Tensor& tensor, int rank, Held& held) {
  const std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  if (held.dtype == chips::DTYPE_UNSPECIFIED) {
    held.dtype = tensor.dtype();
    held.dims = dims;
    held.first_rank = rank;
  }
  if (held.dtype != tensor.dtype() || held.dims != dims) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, " has ", chips::DTypeName(tensor.dtype()),
                     WholeBox(dims).ToString(), ", rank ", held.first_rank, " ",
                     chips::DTypeName(held.dtype), WholeBox(held.dims).ToString()));
  }
  for (const checkpoint::Cell& cell : tensor.cells()) held.cells[BoxOf(cell)].push_back(rank);
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, Held>> Collect(absl::Span<const Holding> holdings) {
  std::map<std::string, Held> tensors;
  for (size_t r = 0; r < holdings.size(); ++r) {
    for (const checkpoint::Tensor& tensor : holdings[r].tensors()) {
      STRATA_RETURN_IF_ERROR(
          Annotate(AddTensor(tensor, static_cast<int>(r), tensors[tensor.name()]),
                   absl::StrCat("tensor '", tensor.name(), "'")));
    }
  }
  for (const auto& [name, held] : tensors) {
    std::vector<Box> boxes;
    for (const auto& [box, holders] : held.cells) boxes.push_back(box);
    STRATA_RETURN_IF_ERROR(Annotate(ValidateCover(boxes, held.dims),
                                    absl::StrCat("tensor '", name, "' of all ranks")));
  }
  return tensors;
}

int64_t BytesOf(const Box& box, chips::DType dtype) {
  return box.elements() * static_cast<int64_t>(chips::SizeOf(dtype));
}

int64_t TotalBytes(const std::map<std::string, Held>& tensors) {
  int64_t total = 0;
  for (const auto& [name, held] : tensors) {
    for (const auto& [box, holders] : held.cells) total += BytesOf(box, held.dtype);
  }
  return total;
}

// Along the first dim that can be cut, into parts of about `part_bytes`.
std::vector<Box> Cut(const Box& box, int64_t bytes, int64_t part_bytes) {
  const auto dim = std::find_if(box.dims.begin(), box.dims.end(), [](int64_t d) { return d > 1; });
  if (dim == box.dims.end() || bytes <= part_bytes) return {box};
  const size_t d = static_cast<size_t>(dim - box.dims.begin());
  const int64_t parts = std::min(*dim, (bytes + part_bytes - 1) / part_bytes);
  std::vector<Box> boxes;
  for (int64_t p = 0; p < parts; ++p) {
    const int64_t begin = *dim * p / parts, end = *dim * (p + 1) / parts;
    boxes.push_back(box);
    boxes.back().offset[d] += begin;
    boxes.back().dims[d] = end - begin;
  }
  return boxes;
}

// The largest first, each to the holder with the fewest bytes so far: no rank gets more than its even share and one piece,
// where every rank holds everything.
void AssignWriters(std::vector<Piece> pieces, size_t ranks) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.bytes > b.bytes; });
  std::vector<int64_t> load(ranks);
  const auto load_of = [&load](int rank) -> int64_t& { return load[static_cast<size_t>(rank)]; };
  for (const Piece& piece : pieces) {
    piece.cell->writer = *std::min_element(piece.holders->begin(), piece.holders->end(),
                                           [&](int a, int b) { return load_of(a) < load_of(b); });
    load_of(piece.cell->writer) += piece.bytes;
  }
}

}  // namespace

absl::StatusOr<Holding> MakeHolding(absl::Span<const ShardedTensor> state) {
  std::map<std::string, std::vector<const ShardedTensor*>> by_name;
  for (const ShardedTensor& tensor : state) {
    STRATA_RETURN_IF_ERROR(ValidateShardedTensor(tensor));
    by_name[tensor.name].push_back(&tensor);
  }
  Holding holding;
  for (const auto& [name, parts] : by_name) {
    checkpoint::Tensor* tensor = holding.add_tensors();
    tensor->set_name(name);
    tensor->set_dtype(parts[0]->local.dtype());
    tensor->mutable_dims()->Assign(parts[0]->global_dims.begin(), parts[0]->global_dims.end());
    std::set<Box> boxes;
    for (const ShardedTensor* part : parts) {
      if (part->local.dtype() != tensor->dtype() || part->global_dims != parts[0]->global_dims) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor '", name, "': its cells have unlike dtypes or global dims"));
      }
      if (part->local.elements() == 0) continue;
      if (!boxes.insert(BoxOf(*part)).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor '", name, "': cell ", BoxOf(*part).ToString(), " is there twice"));
      }
    }
    for (const Box& box : boxes) SetBox(box, tensor->add_cells());
  }
  return holding;
}

absl::StatusOr<std::vector<PlannedTensor>> PlanSave(absl::Span<const Holding> holdings) {
  STRATA_ASSIGN_OR_RETURN(const auto tensors, Collect(holdings));
  const int64_t share = TotalBytes(tensors) / static_cast<int64_t>(holdings.size());
  const int64_t cut_bytes = std::max(kLeastCutBytes, share / kPiecesPerShare);
  std::vector<PlannedTensor> plan;
  std::vector<std::vector<const Holders*>> holders_of_cells;
  for (const auto& [name, held] : tensors) {
    PlannedTensor& tensor = plan.emplace_back(PlannedTensor{name, held.dtype, held.dims, {}});
    std::vector<const Holders*>& cell_holders = holders_of_cells.emplace_back();
    for (const auto& [box, holders] : held.cells) {
      const int64_t bytes = BytesOf(box, held.dtype);
      for (const Box& part : Cut(box, bytes, holders.size() > 1 ? cut_bytes : bytes)) {
        tensor.cells.push_back({part, 0});
        cell_holders.push_back(&holders);
      }
    }
  }
  std::vector<Piece> pieces;
  for (size_t t = 0; t < plan.size(); ++t) {
    for (size_t c = 0; c < plan[t].cells.size(); ++c) {
      PlannedCell& cell = plan[t].cells[c];
      pieces.push_back({BytesOf(cell.box, plan[t].dtype), holders_of_cells[t][c], &cell});
    }
  }
  AssignWriters(std::move(pieces), holdings.size());
  return plan;
}

}  // namespace strata::distributed
