#include "inference/import/gguf_writer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/atomic_file.h"
#include "inference/engine/utf8.h"
#include "inference/import/gguf.h"

namespace strata::inference {
namespace {

template <typename T>
void AppendNumber(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

uint64_t AlignUp(uint64_t size, uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

uint64_t OutputBytes(const GgufOutput& tensor) {
  int64_t elements = 1;
  for (int64_t dim : tensor.dims) elements *= dim;
  return static_cast<uint64_t>(chips::RowBytes(*tensor.format, elements));
}

bool IsUtf8(const std::string& text) { return ValidUtf8Prefix(text) == text.size(); }

absl::Status CheckOutput(const GgufOutput& tensor) {
  if (tensor.name.empty() || tensor.name.size() > 64 || !IsUtf8(tensor.name)) {
    return absl::InvalidArgumentError("a name must be 1 to 64 bytes of UTF-8");
  }
  if (tensor.dims.size() > 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", tensor.dims.size(), " dims; the format allows 4"));
  }
  const int64_t row = tensor.dims.empty() ? 1 : tensor.dims.back();
  if (row % tensor.format->block != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows of ", row, " elements are no whole blocks of ", tensor.format->name,
                     " (", tensor.format->block, ")"));
  }
  return absl::OkStatus();
}

bool IsUtf8(const GgufValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return IsUtf8(*text);
  const auto* array = std::get_if<GgufArray>(&value);
  if (array == nullptr || array->type() != GgufType::kString) return true;
  const std::vector<std::string> texts = array->Texts();
  return std::all_of(texts.begin(), texts.end(), [](const std::string& t) { return IsUtf8(t); });
}

absl::Status Check(const GgufMetadata& metadata, const std::vector<GgufOutput>& tensors) {
  for (const auto& [key, value] : metadata) {
    const bool printable =
        std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (key.empty() || key.size() > 65535 || !printable) {
      return absl::InvalidArgumentError(
          absl::StrCat("key '", key, "': must be 1 to 65535 printable ASCII characters"));
    }
    if (!IsUtf8(value)) return absl::InvalidArgumentError(absl::StrCat(key, ": is not UTF-8"));
  }
  std::set<absl::string_view> names;
  for (const GgufOutput& tensor : tensors) {
    STRATA_RETURN_IF_ERROR(
        Annotate(CheckOutput(tensor), absl::StrCat("tensor '", tensor.name, "'")));
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", tensor.name, "' is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Alignment(const GgufMetadata& metadata) {
  if (metadata.count(kGgufAlignmentKey) == 0) return kGgufAlignment;
  STRATA_ASSIGN_OR_RETURN(const int64_t alignment, GetInteger(metadata, kGgufAlignmentKey));
  if (alignment > 0 && alignment % 8 == 0 && alignment <= int64_t{1} << 30) return alignment;
  return absl::InvalidArgumentError(
      absl::StrCat(kGgufAlignmentKey, ": must be a multiple of 8 up to 2^30"));
}

using Part = std::vector<const GgufOutput*>;

// Consecutive tensors, as many in a part as fit.
std::vector<Part> Split(const std::vector<GgufOutput>& tensors, uint64_t alignment,
                        uint64_t most_bytes) {
  std::vector<Part> parts(1);
  uint64_t bytes = 0;
  for (const GgufOutput& tensor : tensors) {
    const uint64_t more = AlignUp(OutputBytes(tensor), alignment);
    if (most_bytes != 0 && !parts.back().empty() && bytes + more > most_bytes) {
      parts.emplace_back();
      bytes = 0;
    }
    parts.back().push_back(&tensor);
    bytes += more;
  }
  return parts;
}

// The first part has all entries; each part of several says which it is.
GgufMetadata PartMetadata(const GgufMetadata& metadata, size_t part, size_t parts, size_t tensors) {
  GgufMetadata keys = part == 0 ? metadata : GgufMetadata();
  if (metadata.count(kGgufAlignmentKey) != 0) {
    keys[kGgufAlignmentKey] = metadata.at(kGgufAlignmentKey);
  }
  for (const char* key : {kGgufSplitPartKey, kGgufSplitCountKey, kGgufSplitTensorsKey}) {
    keys.erase(key);
  }
  if (parts == 1) return keys;
  keys[kGgufSplitPartKey] = static_cast<uint16_t>(part);
  keys[kGgufSplitCountKey] = static_cast<uint16_t>(parts);
  keys[kGgufSplitTensorsKey] = static_cast<int32_t>(tensors);
  return keys;
}

// Everything before the data.
std::string MakeHead(const GgufMetadata& metadata, const Part& part, uint64_t alignment) {
  std::string head = "GGUF";
  AppendNumber<uint32_t>(3, &head);
  AppendNumber<uint64_t>(part.size(), &head);
  AppendNumber<uint64_t>(metadata.size(), &head);
  for (const auto& [key, value] : metadata) {
    AppendGgufText(key, &head);
    AppendNumber(static_cast<uint32_t>(TypeOf(value)), &head);
    AppendGgufValue(value, &head);
  }
  uint64_t offset = 0;
  for (const GgufOutput* tensor : part) {
    AppendGgufText(tensor->name, &head);
    AppendNumber(static_cast<uint32_t>(tensor->dims.size()), &head);
    for (size_t d = tensor->dims.size(); d-- > 0;) AppendNumber(tensor->dims[d], &head);
    AppendNumber(tensor->format->ggml_type, &head);
    AppendNumber(offset, &head);
    offset = AlignUp(offset + OutputBytes(*tensor), alignment);
  }
  head.resize(AlignUp(head.size(), alignment));
  return head;
}

absl::Status AppendTensor(const GgufOutput& tensor, uint64_t alignment, AtomicFile& file) {
  const uint64_t end = file.size() + OutputBytes(tensor);
  STRATA_RETURN_IF_ERROR(tensor.write([&](absl::string_view piece) -> absl::Status {
    if (piece.size() > end - file.size()) {
      return absl::InvalidArgumentError("gives more bytes than its dims and format say");
    }
    return file.Append(piece);
  }));
  if (file.size() != end) {
    return absl::InvalidArgumentError(
        absl::StrCat("gives ", end - file.size(), " bytes less than its dims and format say"));
  }
  return file.Append(std::string(AlignUp(end, alignment) - end, '\0'));
}

}  // namespace

GgufOutput BytesOutput(std::string name, const chips::WeightFormat& format,
                       std::vector<int64_t> dims, absl::string_view bytes) {
  return {std::move(name), &format, std::move(dims),
          [bytes](const ByteSink& sink) { return sink(bytes); }};
}

absl::StatusOr<std::vector<std::string>> WriteGguf(const std::string& path,
                                                   const GgufMetadata& metadata,
                                                   const std::vector<GgufOutput>& tensors,
                                                   const GgufWriteOptions& options) {
  STRATA_RETURN_IF_ERROR(Annotate(Check(metadata, tensors), path));
  absl::StatusOr<uint64_t> given = Alignment(metadata);
  STRATA_RETURN_IF_ERROR(Annotate(given.status(), path));
  const uint64_t alignment = *given;
  const std::vector<Part> parts = Split(tensors, alignment, options.split_bytes);
  if (parts.size() > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": would be ", parts.size(), " parts; give a larger split size"));
  }
  const absl::string_view stem = absl::StripSuffix(path, ".gguf");
  std::vector<std::string> paths;
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (size_t p = 0; p < parts.size(); ++p) {
    paths.push_back(parts.size() == 1 ? path : GgufPartPath(stem, p + 1, parts.size()));
    const GgufMetadata keys = PartMetadata(metadata, p, parts.size(), tensors.size());
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file, AtomicFile::Create(paths.back()));
    STRATA_RETURN_IF_ERROR(file->Append(MakeHead(keys, parts[p], alignment)));
    for (const GgufOutput* tensor : parts[p]) {
      STRATA_RETURN_IF_ERROR(Annotate(AppendTensor(*tensor, alignment, *file),
                                      absl::StrCat(paths.back(), ": tensor '", tensor->name, "'")));
      if (options.written) options.written(*tensor);
    }
    files.push_back(std::move(file));
  }
  for (size_t p = files.size(); p-- > 0;) STRATA_RETURN_IF_ERROR(files[p]->Commit());
  return paths;
}

}  // namespace strata::inference
