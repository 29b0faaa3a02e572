#include "distributed/partition/shard_tensors.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

// Copies the elements of stretches of every dim between a whole and a piece.
class Copier {
 public:
  Copier(const std::vector<int64_t>& whole, const std::vector<int64_t>& piece,
         std::vector<std::vector<Stretch>> stretches, size_t element_bytes)
      : whole_(whole), piece_(piece), stretches_(std::move(stretches)), bytes_(element_bytes) {}

  void ToPiece(const char* whole, char* piece) { Walk(0, const_cast<char*>(whole), piece, true); }
  void ToWhole(const char* piece, char* whole) { Walk(0, whole, const_cast<char*>(piece), false); }

 private:
  static size_t Inner(const std::vector<int64_t>& dims, size_t d) {
    size_t n = 1;
    for (size_t i = d + 1; i < dims.size(); ++i) n *= static_cast<size_t>(dims[i]);
    return n;
  }

  void Walk(size_t d, char* whole, char* piece, bool to_piece) {
    if (d == whole_.size()) {
      Move(whole, piece, bytes_, to_piece);
      return;
    }
    const size_t whole_row = Inner(whole_, d) * bytes_, piece_row = Inner(piece_, d) * bytes_;
    const bool dense = d + 1 == whole_.size() ||
                       std::equal(whole_.begin() + static_cast<int64_t>(d) + 1, whole_.end(),
                                  piece_.begin() + static_cast<int64_t>(d) + 1);
    for (const Stretch& s : stretches_[d]) {
      char* w = whole + static_cast<size_t>(s.global) * whole_row;
      char* p = piece + static_cast<size_t>(s.local) * piece_row;
      if (dense) {
        Move(w, p, static_cast<size_t>(s.size) * piece_row, to_piece);
        continue;
      }
      for (int64_t i = 0; i < s.size; ++i)
        Walk(d + 1, w + static_cast<size_t>(i) * whole_row, p + static_cast<size_t>(i) * piece_row,
             to_piece);
    }
  }

  static void Move(char* whole, char* piece, size_t bytes, bool to_piece) {
    if (bytes == 0) return;
    if (to_piece)
      std::memcpy(piece, whole, bytes);
    else
      std::memcpy(whole, piece, bytes);
  }

  const std::vector<int64_t>&whole_, &piece_;
  const std::vector<std::vector<Stretch>> stretches_;
  const size_t bytes_;
};

std::vector<std::vector<Stretch>> PieceOfDims(const std::vector<int64_t>& dims,
                                              const Sharding& sharding, const Mesh& mesh,
                                              int64_t rank) {
  std::vector<std::vector<Stretch>> stretches;
  for (size_t d = 0; d < dims.size(); ++d)
    stretches.push_back(PieceOfDim(sharding.dims[d], dims[d], mesh, rank));
  return stretches;
}

// [begin, begin + size) of the stretches' local places.
std::vector<Stretch> Within(const std::vector<Stretch>& stretches, int64_t begin, int64_t size,
                            int64_t at) {
  std::vector<Stretch> part;
  for (const Stretch& s : stretches) {
    const int64_t from = std::max(begin, s.local), to = std::min(begin + size, s.local + s.size);
    if (from < to) part.push_back({at + from - begin, s.global + from - s.local, to - from});
  }
  return part;
}

}  // namespace

std::vector<Stretch> PieceOfDim(const AxisList& axes, int64_t size, const Mesh& mesh,
                                int64_t rank) {
  std::vector<Stretch> piece = {{0, 0, size}};
  const std::vector<int64_t> coordinates = mesh.Coordinates(rank);
  for (int a : axes) {
    const int64_t ranks = mesh.axis(a).size, r = coordinates[static_cast<size_t>(a)];
    size /= ranks;
    if (!mesh.axis(a).zigzag) {
      piece = Within(piece, r * size, size, 0);
      continue;
    }
    const int64_t chunk = size / 2;
    std::vector<Stretch> both = Within(piece, r * chunk, chunk, 0);
    const std::vector<Stretch> second = Within(piece, (2 * ranks - 1 - r) * chunk, chunk, chunk);
    both.insert(both.end(), second.begin(), second.end());
    piece = std::move(both);
  }
  return piece;
}

absl::StatusOr<HostTensor> ShardTensor(const HostTensor& whole, const Sharding& sharding,
                                       const Mesh& mesh, int64_t rank) {
  if (whole.dims().size() != sharding.dims.size()) {
    return absl::InvalidArgumentError(absl::StrCat("is ", whole.TypeString(), "; its sharding has ",
                                                   sharding.dims.size(), " dims"));
  }
  if (sharding.replicated()) return whole;
  std::vector<int64_t> dims = whole.dims();
  for (size_t d = 0; d < dims.size(); ++d) {
    if (!Divides(sharding.dims[d], dims[d], mesh)) {
      return absl::InvalidArgumentError(
          absl::StrCat("is ", whole.TypeString(), ": dim ", d, " of ", dims[d],
                       " cannot be cut into equal pieces over '", mesh.Group(sharding.dims[d]),
                       "' (", mesh.Size(sharding.dims[d]), " ranks)"));
    }
    dims[d] /= mesh.Size(sharding.dims[d]);
  }
  HostTensor piece = HostTensor::Allocate(whole.dtype(), dims);
  Copier(whole.dims(), piece.dims(), PieceOfDims(whole.dims(), sharding, mesh, rank),
         chips::SizeOf(whole.dtype()))
      .ToPiece(whole.data<char>(), piece.data<char>());
  return piece;
}

absl::StatusOr<HostTensor> JoinTensor(absl::Span<const HostTensor> pieces, const Sharding& sharding,
                                      const Mesh& mesh) {
  if (static_cast<int64_t>(pieces.size()) != mesh.ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat(pieces.size(), " pieces for a mesh of ", mesh.ranks(), " ranks"));
  }
  std::vector<int64_t> dims = pieces[0].dims();
  if (dims.size() != sharding.dims.size()) {
    return absl::InvalidArgumentError(absl::StrCat("pieces are ", pieces[0].TypeString(),
                                                   "; their sharding has ", sharding.dims.size(),
                                                   " dims"));
  }
  for (size_t d = 0; d < dims.size(); ++d) dims[d] *= mesh.Size(sharding.dims[d]);
  HostTensor whole = HostTensor::Allocate(pieces[0].dtype(), dims);
  for (size_t r = 0; r < pieces.size(); ++r) {
    if (pieces[r].dims() != pieces[0].dims() || pieces[r].dtype() != pieces[0].dtype()) {
      return absl::InvalidArgumentError(absl::StrCat("piece ", r, " is ", pieces[r].TypeString(),
                                                     ", piece 0 is ", pieces[0].TypeString()));
    }
    Copier(whole.dims(), pieces[r].dims(),
           PieceOfDims(dims, sharding, mesh, static_cast<int64_t>(r)), chips::SizeOf(whole.dtype()))
        .ToWhole(pieces[r].data<char>(), whole.data<char>());
  }
  return whole;
}

absl::StatusOr<std::vector<HostTensor>> ShardInputs(const graph::Graph& graph,
                                                    absl::Span<const HostTensor> inputs,
                                                    const Mesh& mesh, int64_t rank) {
  if (static_cast<int>(inputs.size()) != graph.inputs_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "graph '", graph.name(), "': has ", graph.inputs_size(), " inputs, not ", inputs.size()));
  }
  std::vector<HostTensor> pieces;
  for (int i = 0; i < graph.inputs_size(); ++i) {
    graph::Value value = graph.values(static_cast<int>(graph.inputs(i).value()));
    const std::string where = absl::StrCat("inputs[", i, "] ('", value.name(), "')");
    // Only the axes are read: in a rank's graph the dims are those of the piece.
    for (graph::Dim& dim : *value.mutable_dims()) dim.set_symbol("any");
    STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(value, mesh));
    absl::StatusOr<HostTensor> piece =
        ShardTensor(inputs[static_cast<size_t>(i)], sharding, mesh, rank);
    if (!piece.ok()) return Annotate(piece.status(), where);
    pieces.push_back(*std::move(piece));
  }
  return pieces;
}

}  // namespace strata::distributed
