#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "inference/import/gguf.h"
#include "inference/import/gguf_cursor.h"
#include "inference/import/gguf_parse.h"

namespace strata::inference {
namespace {

absl::StatusOr<uint32_t> ReadVersion(GgufCursor& cursor) {
  STRATA_ASSIGN_OR_RETURN(const absl::string_view magic, cursor.Bytes(4, "the magic number"));
  if (magic != "GGUF") return cursor.Fault("does not begin with GGUF; is this a GGUF file?");
  STRATA_ASSIGN_OR_RETURN(const uint32_t version, cursor.Number<uint32_t>("the version"));
  if (version == 2 || version == 3) return version;
  if (version != 0 && (version & 0xffff) == 0) {
    return cursor.Fault("is a big-endian file; convert it to little-endian");
  }
  return cursor.Fault(absl::StrCat("is of version ", version, "; versions 2 and 3 are read"));
}

absl::StatusOr<uint64_t> Alignment(const GgufMetadata& metadata) {
  if (metadata.count(kGgufAlignmentKey) == 0) return kGgufAlignment;
  STRATA_ASSIGN_OR_RETURN(const int64_t alignment, GetInteger(metadata, kGgufAlignmentKey));
  constexpr int64_t kMost = int64_t{1} << 30;
  if (alignment > 0 && alignment % 8 == 0 && alignment <= kMost) {
    return static_cast<uint64_t>(alignment);
  }
  return absl::InvalidArgumentError(absl::StrCat(kGgufAlignmentKey, ": is ", alignment,
                                                 "; must be a multiple of 8 up to ", kMost));
}

// What the three split keys say; one part when there are none.
struct SplitKeys {
  int64_t part = 0;
  int64_t parts = 1;
  int64_t tensors = -1;  // of all parts; -1: not said
};

absl::StatusOr<SplitKeys> ReadSplitKeys(const GgufMetadata& metadata) {
  SplitKeys keys;
  if (metadata.count(kGgufSplitCountKey) == 0) return keys;
  STRATA_ASSIGN_OR_RETURN(keys.parts, GetInteger(metadata, kGgufSplitCountKey));
  STRATA_ASSIGN_OR_RETURN(keys.part, GetInteger(metadata, kGgufSplitPartKey));
  if (metadata.count(kGgufSplitTensorsKey) != 0) {
    STRATA_ASSIGN_OR_RETURN(keys.tensors, GetInteger(metadata, kGgufSplitTensorsKey));
  }
  if (keys.parts < 0 || keys.parts > 65535 || keys.part < 0 ||
      keys.part >= std::max<int64_t>(keys.parts, 1)) {
    return absl::InvalidArgumentError(absl::StrCat(kGgufSplitPartKey, ": part ", keys.part, " of ",
                                                   keys.parts, " makes no sense"));
  }
  keys.parts = std::max<int64_t>(keys.parts, 1);
  return keys;
}

absl::StatusOr<GgufFile> OpenPart(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, MappedFile::Open(path));
  const absl::string_view content = mapped->data();
  return GgufFile::Parse(content, std::move(mapped), path);
}

// "dir/model-00001-of-00003.gguf" -> "dir/model"
absl::StatusOr<std::string> SplitStem(const std::string& path, const SplitKeys& keys) {
  const std::string ending = GgufPartPath("", keys.part + 1, keys.parts);
  if (path.size() > ending.size() && path.ends_with(ending)) {
    return path.substr(0, path.size() - ending.size());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": is part ", keys.part + 1, " of ", keys.parts,
      " by its metadata; its name must end in ", ending, ", so that the others can be found"));
}

}  // namespace

int64_t GgufTensor::elements() const {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

std::string GgufPartPath(absl::string_view stem, int64_t part, int64_t parts) {
  return absl::StrFormat("%s-%05d-of-%05d.gguf", stem, part, parts);
}

absl::StatusOr<GgufFile> GgufFile::Parse(absl::string_view content,
                                         std::shared_ptr<const void> owner,
                                         const std::string& where) {
  GgufFile file;
  file.where_ = where;
  const absl::Status status = [&]() -> absl::Status {
    GgufCursor cursor(content);
    STRATA_ASSIGN_OR_RETURN(file.version_, ReadVersion(cursor));
    STRATA_ASSIGN_OR_RETURN(const uint64_t tensors, cursor.Count(kLeastGgufTensor, "tensors"));
    STRATA_ASSIGN_OR_RETURN(const uint64_t entries,
                            cursor.Count(kLeastGgufEntry, "entries of metadata"));
    STRATA_ASSIGN_OR_RETURN(file.metadata_, ParseGgufMetadata(cursor, entries, owner));
    STRATA_ASSIGN_OR_RETURN(const uint64_t alignment, Alignment(file.metadata_));
    STRATA_ASSIGN_OR_RETURN(file.tensors_, ParseGgufTensors(cursor, tensors, alignment, owner));
    return absl::OkStatus();
  }();
  STRATA_RETURN_IF_ERROR(Annotate(status, where));
  return file;
}

absl::StatusOr<const GgufTensor*> GgufFile::Tensor(const std::string& name) const {
  auto it = tensors_.find(name);
  if (it != tensors_.end()) return &it->second;
  return absl::NotFoundError(
      absl::StrCat(where_, ": has no tensor '", name, "' among its ", tensors_.size()));
}

absl::StatusOr<graph::HostTensor> GgufFile::Decode(const std::string& name) const {
  STRATA_ASSIGN_OR_RETURN(const GgufTensor* tensor, Tensor(name));
  if (tensor->format == nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        where_, ": tensor '", name, "': ", tensor->type->name, " is not decoded; convert it"));
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(tensor->bytes.data());
  if (tensor->format->ggml_type == 0 && reinterpret_cast<uintptr_t>(bytes) % sizeof(float) == 0) {
    return graph::HostTensor::Wrap(chips::F32, tensor->dims, bytes, tensor->owner);
  }
  graph::HostTensor values = graph::HostTensor::Allocate(chips::F32, tensor->dims);
  chips::DecodeRow(*tensor->format, bytes, tensor->elements(), values.data<float>());
  return values;
}

absl::Status GgufFile::AddPart(const GgufFile& part) {
  for (const auto& [name, tensor] : part.tensors_) {
    if (!tensors_.emplace(name, tensor).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(part.where_, ": tensor '", name,
                       "' is in an earlier part too; are these parts of one model?"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<GgufFile> OpenGguf(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(GgufFile whole, OpenPart(path));
  absl::StatusOr<SplitKeys> keys = ReadSplitKeys(whole.metadata());
  STRATA_RETURN_IF_ERROR(Annotate(keys.status(), path));
  if (keys->parts == 1) return whole;
  STRATA_ASSIGN_OR_RETURN(const std::string stem, SplitStem(path, *keys));
  if (keys->part != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is part ", keys->part + 1, " of ",
                                                   keys->parts, "; open the first, ",
                                                   GgufPartPath(stem, 1, keys->parts)));
  }
  for (int64_t p = 1; p < keys->parts; ++p) {
    const std::string part_path = GgufPartPath(stem, p + 1, keys->parts);
    absl::StatusOr<GgufFile> part = OpenPart(part_path);
    if (absl::IsNotFound(part.status())) {
      return absl::NotFoundError(absl::StrCat(part_path, ": is missing; all ", keys->parts,
                                              " parts must lie beside ", path));
    }
    STRATA_RETURN_IF_ERROR(Annotate(part.status(), path));
    absl::StatusOr<SplitKeys> found = ReadSplitKeys(part->metadata());
    STRATA_RETURN_IF_ERROR(Annotate(found.status(), part_path));
    if (found->part != p || found->parts != keys->parts) {
      return absl::InvalidArgumentError(
          absl::StrCat(part_path, ": says it is part ", found->part + 1, " of ", found->parts,
                       "; it is a copy or was renamed: put the right one in its place"));
    }
    STRATA_RETURN_IF_ERROR(whole.AddPart(*part));
  }
  if (keys->tensors >= 0 && static_cast<size_t>(keys->tensors) != whole.tensors().size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", kGgufSplitTensorsKey, " says ", keys->tensors, "; the parts have ",
                     whole.tensors().size(), "; are these parts of one model?"));
  }
  return whole;
}

}  // namespace strata::inference
