#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/file.h"
#include "framework/data/safetensors.h"
#include "framework/data/safetensors_dtype.h"
#include "framework/data/strict_json.h"

namespace strata::framework {
namespace {

using nlohmann::json;

constexpr uint64_t kLongestHeader = 100'000'000;
constexpr size_t kLengthBytes = 8;

absl::Status Fault(absl::string_view message) { return absl::InvalidArgumentError(message); }

// The two parts of a file.
struct Parts {
  absl::string_view header;
  absl::string_view data;
};

absl::StatusOr<Parts> Split(absl::string_view content) {
  if (content.size() < kLengthBytes) {
    return Fault(absl::StrCat("is truncated: has ", content.size(),
                              " bytes; the header length alone takes 8"));
  }
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | static_cast<uint8_t>(content[i]);
  if (length > kLongestHeader) {
    return Fault(absl::StrCat("header length is ", length, "; at most ", kLongestHeader,
                              " is allowed (is this a safetensors file?)"));
  }
  content.remove_prefix(kLengthBytes);
  if (length > content.size()) {
    return Fault(absl::StrCat("is truncated: the header takes ", length, " bytes; ", content.size(),
                              " are there"));
  }
  Parts parts = {content.substr(0, length), content.substr(length)};
  if (parts.header.empty() || parts.header[0] != '{')
    return Fault("header does not start with '{'");
  return parts;
}

// A JSON list of numbers >= 0 that fit an int64.
absl::StatusOr<std::vector<int64_t>> ReadSizes(const json& entry, const char* field) {
  const auto it = entry.find(field);
  if (it == entry.end() || !it->is_array()) {
    return Fault(absl::StrCat(field, ": must be a list of numbers"));
  }
  std::vector<int64_t> sizes;
  for (const json& element : *it) {
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
    if (!element.is_number_unsigned() || element.get<uint64_t>() > kMost) {
      return Fault(absl::StrCat(field, "[", sizes.size(), "]: must be a whole number >= 0"));
    }
    sizes.push_back(element.get<int64_t>());
  }
  return sizes;
}

// Bytes of a tensor of `dims`; an error when they do not fit an int64 or do not fill whole bytes.
absl::StatusOr<int64_t> CountBytes(const std::vector<int64_t>& dims, int bits) {
  const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
  int64_t total = bits;
  for (int64_t dim : dims) {
    if (empty) return 0;
    if (__builtin_mul_overflow(total, dim, &total)) {
      return Fault("shape: the product of the dims overflows");
    }
  }
  if (total % 8 != 0) return Fault("shape: the elements do not fill whole bytes");
  return total / 8;
}

absl::StatusOr<SafetensorsEntry> ReadEntry(const json& value, absl::string_view data) {
  if (!value.is_object()) return Fault("must be an object with dtype, shape and data_offsets");
  const auto dtype = value.find("dtype");
  if (dtype == value.end() || !dtype->is_string()) return Fault("dtype: must be a string");
  SafetensorsEntry entry;
  entry.dtype = dtype->get<std::string>();
  const SafetensorsDType* row = FindSafetensorsDType(entry.dtype);
  if (row == nullptr) {
    return Fault(absl::StrCat("dtype: ", Quoted(entry.dtype), " is not a type of the format"));
  }
  STRATA_ASSIGN_OR_RETURN(entry.dims, ReadSizes(value, "shape"));
  STRATA_ASSIGN_OR_RETURN(const int64_t needed, CountBytes(entry.dims, row->bits));
  STRATA_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, ReadSizes(value, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return Fault("data_offsets: must be [begin, end] with begin <= end");
  }
  const int64_t begin = offsets[0], end = offsets[1];
  if (static_cast<uint64_t>(end) > data.size()) {
    return Fault(absl::StrCat("data_offsets: ends at byte ", end, "; the file has ", data.size(),
                              " bytes of data (is it truncated?)"));
  }
  if (end - begin != needed) {
    return Fault(
        absl::StrCat("data_offsets: spans ", end - begin, " bytes; dtype and shape need ", needed));
  }
  entry.bytes = data.substr(static_cast<size_t>(begin), static_cast<size_t>(needed));
  return entry;
}

// The tensors must cover the data exactly: no overlap, no hole, nothing after the last.
absl::Status CheckCoverage(const std::map<std::string, SafetensorsEntry>& entries,
                           absl::string_view data) {
  std::vector<std::pair<std::pair<size_t, size_t>, const std::string*>> spans;
  for (const auto& [name, entry] : entries) {
    const size_t begin = static_cast<size_t>(entry.bytes.data() - data.data());
    spans.push_back({{begin, begin + entry.bytes.size()}, &name});
  }
  std::sort(spans.begin(), spans.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  size_t covered = 0;
  for (const auto& [span, name] : spans) {
    if (span.first != covered) {
      return Fault(absl::StrCat("tensor ", Quoted(*name), ": starts at byte ", span.first,
                                span.first < covered
                                    ? ", inside the tensor before it, which ends at "
                                    : "; there is a hole after byte ",
                                covered));
    }
    covered = span.second;
  }
  if (covered == data.size()) return absl::OkStatus();
  return Fault(absl::StrCat("the tensors end at byte ", covered, "; the file has ", data.size(),
                            " bytes of data"));
}

absl::StatusOr<std::map<std::string, std::string>> ReadMetadata(const json& value) {
  if (!value.is_object()) return Fault("__metadata__: must be an object of strings");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return Fault(absl::StrCat("__metadata__: ", Quoted(key), ": must be a string"));
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

}  // namespace

absl::StatusOr<SafetensorsFile> SafetensorsFile::Parse(absl::string_view content,
                                                       std::shared_ptr<const void> owner,
                                                       const std::string& where) {
  SafetensorsFile file;
  file.where_ = where;
  const absl::Status status = [&]() -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const Parts parts, Split(content));
    absl::StatusOr<json> header = ParseStrictJson(parts.header);
    STRATA_RETURN_IF_ERROR(Annotate(header.status(), "header"));
    for (const auto& [name, value] : header->items()) {
      if (name == "__metadata__") {
        STRATA_ASSIGN_OR_RETURN(file.metadata_, ReadMetadata(value));
        continue;
      }
      absl::StatusOr<SafetensorsEntry> entry = ReadEntry(value, parts.data);
      STRATA_RETURN_IF_ERROR(Annotate(entry.status(), absl::StrCat("tensor ", Quoted(name))));
      entry->owner = owner;
      file.entries_[name] = *std::move(entry);
    }
    return CheckCoverage(file.entries_, parts.data);
  }();
  STRATA_RETURN_IF_ERROR(Annotate(status, where));
  return file;
}

absl::StatusOr<graph::HostTensor> SafetensorsFile::Get(const std::string& name) const {
  auto it = entries_.find(name);
  if (it == entries_.end()) {
    return absl::NotFoundError(
        absl::StrCat(where_, ": has no tensor ", Quoted(name), " among its ", entries_.size()));
  }
  const SafetensorsEntry& entry = it->second;
  const chips::DType dtype = FindSafetensorsDType(entry.dtype)->dtype;
  if (dtype == chips::DTYPE_UNSPECIFIED) {
    return absl::UnimplementedError(absl::StrCat(where_, ": tensor ", Quoted(name), ": dtype ",
                                                 entry.dtype,
                                                 " cannot be computed with; convert it"));
  }
  const auto address = reinterpret_cast<uintptr_t>(entry.bytes.data());
  if (address % chips::SizeOf(dtype) == 0) {
    return graph::HostTensor::Wrap(dtype, entry.dims, entry.bytes.data(), entry.owner);
  }
  graph::HostTensor copy = graph::HostTensor::Allocate(dtype, entry.dims);
  if (!entry.bytes.empty()) std::memcpy(copy.raw(), entry.bytes.data(), entry.bytes.size());
  return copy;
}

namespace {

absl::StatusOr<SafetensorsFile> OpenFile(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, MappedFile::Open(path));
  const absl::string_view content = mapped->data();
  return SafetensorsFile::Parse(content, std::move(mapped), path);
}

// A shard is a file beside the index, never a path that leads elsewhere.
bool IsPlainFileName(const std::string& name) {
  constexpr char kForbidden[] = {'/', '\\', '\0'};
  return !name.empty() && name[0] != '.' &&
         name.find_first_of(kForbidden, 0, sizeof(kForbidden)) == std::string::npos;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// Name of a tensor -> name of the shard that has it.
absl::StatusOr<std::map<std::string, std::string>> ReadWeightMap(const std::string& text) {
  STRATA_ASSIGN_OR_RETURN(const json index, ParseStrictJson(text));
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object()) {
    return Fault("weight_map: must be an object of tensor name to file name");
  }
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : weight_map->items()) {
    if (!shard.is_string() || !IsPlainFileName(shard.get<std::string>())) {
      return Fault(absl::StrCat("weight_map: ", Quoted(name), ": ",
                                shard.is_string() ? Quoted(shard.get<std::string>()) : "the value",
                                " is not the plain name of a file beside the index"));
    }
    shards[name] = shard.get<std::string>();
  }
  return shards;
}

}  // namespace

absl::StatusOr<SafetensorsFile> OpenIndex(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<std::map<std::string, std::string>> shard_of = ReadWeightMap(text);
  STRATA_RETURN_IF_ERROR(Annotate(shard_of.status(), path));
  SafetensorsFile whole;
  whole.where_ = path;
  std::map<std::string, SafetensorsFile> shards;
  for (const auto& [name, shard] : *shard_of) {
    auto it = shards.find(shard);
    if (it == shards.end()) {
      absl::StatusOr<SafetensorsFile> file = OpenFile(FolderOf(path) + shard);
      STRATA_RETURN_IF_ERROR(Annotate(file.status(), path));
      it = shards.emplace(shard, *std::move(file)).first;
      whole.metadata_.insert(it->second.metadata_.begin(), it->second.metadata_.end());
    }
    auto entry = it->second.entries_.find(name);
    if (entry == it->second.entries_.end()) {
      return Fault(absl::StrCat(path, ": weight_map: ", Quoted(name), ": is not in ", shard));
    }
    whole.entries_[name] = entry->second;
  }
  return whole;
}

absl::StatusOr<SafetensorsFile> OpenSafetensors(const std::string& path) {
  constexpr absl::string_view kIndex = ".index.json";
  if (path.size() > kIndex.size() && path.ends_with(std::string(kIndex))) return OpenIndex(path);
  const std::string single = JoinPath(path, "model.safetensors");
  if (FileExists(single)) return OpenFile(single);
  const std::string index = JoinPath(path, "model.safetensors.index.json");
  if (FileExists(index)) return OpenIndex(index);
  if (FileExists(JoinPath(path, "."))) {
    return absl::NotFoundError(
        absl::StrCat(path, ": has neither model.safetensors nor model.safetensors.index.json"));
  }
  return OpenFile(path);
}

}  // namespace strata::framework
