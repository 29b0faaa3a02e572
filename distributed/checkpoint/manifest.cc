#include "distributed/checkpoint/manifest.h"

#include <set>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/textproto.h"
#include "chips/numerics/dtype.h"

namespace strata::distributed {
namespace {

using checkpoint::Cell;
using checkpoint::File;
using checkpoint::Manifest;
using checkpoint::Tensor;

constexpr uint64_t kLeastBlock = 1 << 12, kMostBlock = 1 << 30;

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

std::vector<int64_t> ToVector(const google::protobuf::RepeatedField<int64_t>& field) {
  return {field.begin(), field.end()};
}

bool IsPlainFileName(absl::string_view name) {
  return !name.empty() && name[0] != '.' && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

absl::Status CheckFiles(const Manifest& manifest) {
  std::set<absl::string_view> names;
  for (int f = 0; f < manifest.files_size(); ++f) {
    const File& file = manifest.files(f);
    const std::string where = absl::StrCat("files[", f, "]");
    if (!IsPlainFileName(file.name())) {
      return Fault(absl::StrCat(where, ".name: must be a file's name without a path"));
    }
    if (!names.insert(file.name()).second) {
      return Fault(absl::StrCat(where, ".name: '", file.name(), "' is there twice"));
    }
    if (file.header_bytes() < 8 || file.bytes() < file.header_bytes()) {
      return Fault(absl::StrCat(where, ": a header of ", file.header_bytes(),
                                " bytes in a file of ", file.bytes()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCell(const Manifest& manifest, const Tensor& tensor, const Cell& cell) {
  STRATA_RETURN_IF_ERROR(ValidateBox(BoxOf(cell), ToVector(tensor.dims())));
  if (cell.file() >= static_cast<uint64_t>(manifest.files_size())) {
    return Fault(absl::StrCat("file: there is no files[", cell.file(), "]"));
  }
  const File& file = manifest.files(static_cast<int>(cell.file()));
  const uint64_t bytes = static_cast<uint64_t>(CellBytes(tensor, cell));
  if (cell.begin() < file.header_bytes() || cell.begin() > file.bytes() ||
      bytes > file.bytes() - cell.begin()) {
    return Fault(absl::StrCat("begin: ", bytes, " bytes at ", cell.begin(),
                              " are not inside the data of ", file.name()));
  }
  const uint64_t blocks = (bytes + manifest.block_bytes() - 1) / manifest.block_bytes();
  if (blocks != static_cast<uint64_t>(cell.xxh3_size())) {
    return Fault(
        absl::StrCat("xxh3: ", cell.xxh3_size(), " checksums for ", blocks, " blocks of bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckTensor(const Manifest& manifest, const Tensor& tensor) {
  const std::vector<int64_t> dims = ToVector(tensor.dims());
  const int64_t element_bytes = static_cast<int64_t>(chips::SizeOf(tensor.dtype()));
  if (element_bytes == 0) return Fault("dtype: is not one of this build's");
  STRATA_RETURN_IF_ERROR(Annotate(ValidateBox(WholeBox(dims), dims), "dims"));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(WholeBox(dims).elements(), element_bytes, &bytes)) {
    return Fault("dims: the tensor has too many bytes");
  }
  std::vector<Box> boxes;
  for (int c = 0; c < tensor.cells_size(); ++c) {
    STRATA_RETURN_IF_ERROR(
        Annotate(CheckCell(manifest, tensor, tensor.cells(c)), absl::StrCat("cells[", c, "]")));
    boxes.push_back(BoxOf(tensor.cells(c)));
  }
  return Annotate(ValidateCover(boxes, dims), "cells");
}

absl::Status CheckScalars(const Manifest& manifest) {
  if (manifest.step() < 0) return Fault("step: is below 0");
  if (manifest.sequence() == 0) return Fault("sequence: must be at least 1");
  if (manifest.ranks() == 0) return Fault("ranks: must be at least 1");
  const uint64_t block = manifest.block_bytes();
  if (block < kLeastBlock || block > kMostBlock || (block & (block - 1)) != 0) {
    return Fault(absl::StrCat("block_bytes: ", block, " is no power of two in [", kLeastBlock, ", ",
                              kMostBlock, "]"));
  }
  for (int a = 0; a < manifest.mesh_size(); ++a) {
    if (manifest.mesh(a).name().empty() || manifest.mesh(a).size() == 0) {
      return Fault(absl::StrCat("mesh[", a, "]: needs a name and a size of at least 1"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Box BoxOf(const Cell& cell) { return {ToVector(cell.offset()), ToVector(cell.dims())}; }

void SetBox(const Box& box, Cell* cell) {
  cell->mutable_offset()->Assign(box.offset.begin(), box.offset.end());
  cell->mutable_dims()->Assign(box.dims.begin(), box.dims.end());
}

int64_t CellBytes(const Tensor& tensor, const Cell& cell) {
  return BoxOf(cell).elements() * static_cast<int64_t>(chips::SizeOf(tensor.dtype()));
}

absl::Status ValidateManifest(const Manifest& manifest) {
  STRATA_RETURN_IF_ERROR(CheckScalars(manifest));
  STRATA_RETURN_IF_ERROR(CheckFiles(manifest));
  const std::string* last = nullptr;
  for (int t = 0; t < manifest.tensors_size(); ++t) {
    const Tensor& tensor = manifest.tensors(t);
    const std::string where = absl::StrCat("tensors[", t, "] '", tensor.name(), "'");
    if (tensor.name().empty()) return Fault(absl::StrCat(where, ".name: is missing"));
    if (last != nullptr && *last >= tensor.name()) {
      return Fault(absl::StrCat(where, ".name: must come after '", *last, "'"));
    }
    last = &tensor.name();
    STRATA_RETURN_IF_ERROR(Annotate(CheckTensor(manifest, tensor), where));
  }
  return absl::OkStatus();
}

std::string PrintManifest(const Manifest& manifest) {
  return Seal(kManifestText, PrintTextProto(manifest));
}

absl::StatusOr<Manifest> ParseManifest(const std::string& text, const std::string& where) {
  STRATA_RETURN_IF_ERROR(CheckSeal(kManifestText, text, where));
  Manifest manifest;
  STRATA_RETURN_IF_ERROR(ParseTextProto(text, where, &manifest));
  STRATA_RETURN_IF_ERROR(Annotate(ValidateManifest(manifest), where));
  return manifest;
}

absl::StatusOr<Manifest> ReadManifest(const std::string& folder) {
  const std::string path = JoinPath(folder, kManifestName);
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseManifest(text, path);
}

}  // namespace strata::distributed
