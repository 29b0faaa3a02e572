#include "framework/data/safetensors_stream.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/atomic_file.h"
#include "base/file.h"
#include "framework/data/safetensors_dtype.h"
#include "framework/data/strict_json.h"

namespace strata::framework {
namespace {

using nlohmann::json;
using Items = std::vector<const SafetensorsOutput*>;

// The data starts at a multiple of this, so that a mapped file is aligned for vectors.
constexpr size_t kAlignment = 64;

uint64_t OutputBytes(const SafetensorsOutput& tensor) {
  uint64_t elements = 1;
  for (int64_t dim : tensor.dims) elements *= static_cast<uint64_t>(dim);
  return elements * chips::SizeOf(tensor.dtype);
}

// By name, each checked.
absl::StatusOr<Items> Sorted(const std::vector<SafetensorsOutput>& tensors) {
  Items items;
  std::set<absl::string_view> names;
  for (const SafetensorsOutput& tensor : tensors) {
    if (tensor.name == "__metadata__") {
      return absl::InvalidArgumentError("a tensor cannot be named '__metadata__'");
    }
    if (FindSafetensorsDType(tensor.dtype) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", Quoted(tensor.name), ": has no dtype"));
    }
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", Quoted(tensor.name), ": is there twice"));
    }
    items.push_back(&tensor);
  }
  std::sort(items.begin(), items.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  return items;
}

void SortBySize(Items& items) {
  std::stable_sort(items.begin(), items.end(), [](const auto* a, const auto* b) {
    return chips::SizeOf(a->dtype) > chips::SizeOf(b->dtype);
  });
}

absl::StatusOr<std::string> Dump(const json& value, int indent) {
  try {
    return value.dump(indent);
  } catch (const json::exception&) {
    return absl::InvalidArgumentError("a name or a metadata text is not UTF-8");
  }
}

// The length and the header, padded with spaces.
absl::StatusOr<std::string> MakeHead(const Items& items,
                                     const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const SafetensorsOutput* item : items) {
    const uint64_t end = offset + OutputBytes(*item);
    header[item->name] = {{"dtype", FindSafetensorsDType(item->dtype)->name},
                          {"shape", item->dims},
                          {"data_offsets", {offset, end}}};
    offset = end;
  }
  STRATA_ASSIGN_OR_RETURN(std::string text, Dump(header, -1));
  while ((8 + text.size()) % kAlignment != 0) text.push_back(' ');
  std::string head;
  for (int i = 0; i < 8; ++i) head.push_back(static_cast<char>(text.size() >> (8 * i) & 0xff));
  return head + text;
}

absl::Status AppendTensor(const SafetensorsOutput& tensor, AtomicFile& file) {
  const uint64_t end = file.size() + OutputBytes(tensor);
  STRATA_RETURN_IF_ERROR(tensor.write([&](absl::string_view piece) -> absl::Status {
    if (piece.size() <= end - file.size()) return file.Append(piece);
    return absl::InvalidArgumentError("gives more bytes than its dims and dtype say");
  }));
  if (file.size() == end) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("gives ", end - file.size(), " bytes less than its dims and dtype say"));
}

using Written = std::function<void(const SafetensorsOutput&)>;

// All of the file, but for the commit.
absl::StatusOr<std::unique_ptr<AtomicFile>> WriteAside(
    const std::string& path, Items items, const std::map<std::string, std::string>& metadata,
    const Written& written) {
  SortBySize(items);
  const absl::StatusOr<std::string> head = MakeHead(items, metadata);
  STRATA_RETURN_IF_ERROR(Annotate(head.status(), path));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  STRATA_RETURN_IF_ERROR(file->Append(*head));
  for (const SafetensorsOutput* item : items) {
    STRATA_RETURN_IF_ERROR(
        Annotate(AppendTensor(*item, *file), absl::StrCat(path, ": tensor ", Quoted(item->name))));
    if (written) written(*item);
  }
  return file;
}

// Tensors in order, as many in a shard as fit.
std::vector<Items> Shards(const Items& items, uint64_t most_bytes) {
  std::vector<Items> shards(1);
  uint64_t bytes = 0;
  for (const SafetensorsOutput* item : items) {
    const uint64_t more = OutputBytes(*item);
    if (most_bytes != 0 && !shards.back().empty() && bytes + more > most_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(item);
    bytes += more;
  }
  return shards;
}

absl::Status WriteIndex(const std::string& path, const std::vector<Items>& shards,
                        const std::vector<std::string>& names) {
  uint64_t total = 0;
  json weight_map = json::object();
  for (size_t s = 0; s < shards.size(); ++s) {
    for (const SafetensorsOutput* item : shards[s]) {
      total += OutputBytes(*item);
      weight_map[item->name] = names[s];
    }
  }
  const json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  STRATA_ASSIGN_OR_RETURN(const std::string text, Dump(index, 2));
  return WriteFileAtomic(path, text + "\n");
}

}  // namespace

absl::Status StreamSafetensors(const std::string& path,
                               const std::vector<SafetensorsOutput>& tensors,
                               const std::map<std::string, std::string>& metadata,
                               const Written& written) {
  absl::StatusOr<Items> items = Sorted(tensors);
  STRATA_RETURN_IF_ERROR(Annotate(items.status(), path));
  STRATA_ASSIGN_OR_RETURN(auto file, WriteAside(path, *std::move(items), metadata, written));
  return file->Commit();
}

absl::StatusOr<std::vector<std::string>> WriteSafetensorsFolder(
    const std::string& folder, const std::vector<SafetensorsOutput>& tensors,
    const SafetensorsFolderOptions& options) {
  absl::StatusOr<Items> items = Sorted(tensors);
  STRATA_RETURN_IF_ERROR(Annotate(items.status(), folder));
  STRATA_RETURN_IF_ERROR(MakeDirectories(folder));
  const std::vector<Items> shards = Shards(*items, options.shard_bytes);
  const std::string single = JoinPath(folder, "model.safetensors");
  const std::string index = JoinPath(folder, "model.safetensors.index.json");
  const bool whole = shards.size() == 1;
  std::vector<std::string> names, paths;
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (size_t s = 0; s < shards.size(); ++s) {
    names.push_back(whole
                        ? "model.safetensors"
                        : absl::StrFormat("model-%05d-of-%05d.safetensors", s + 1, shards.size()));
    paths.push_back(JoinPath(folder, names.back()));
    STRATA_ASSIGN_OR_RETURN(auto file,
                            WriteAside(paths.back(), shards[s], options.metadata, options.written));
    files.push_back(std::move(file));
  }
  for (auto& file : files) STRATA_RETURN_IF_ERROR(file->Commit());
  if (!whole) {
    STRATA_RETURN_IF_ERROR(WriteIndex(index, shards, names));
    paths.push_back(index);
  }
  std::error_code error;
  std::filesystem::remove(whole ? index : single, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat(whole ? index : single, ": cannot take away: ", error.message()));
  }
  return paths;
}

}  // namespace strata::framework
