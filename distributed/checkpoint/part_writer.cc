#include "distributed/checkpoint/part_writer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/file.h"
#include "distributed/checkpoint/block_hash.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/manifest.h"
#include "framework/data/safetensors.h"
#include "framework/data/safetensors_stream.h"

namespace strata::distributed {
namespace {

using checkpoint::Cell;
using checkpoint::File;
using checkpoint::Manifest;
using checkpoint::Part;
using checkpoint::Tensor;
using Hashes = std::vector<uint64_t>;

absl::string_view BytesOf(const ShardedTensor& cell) {
  return {static_cast<const char*>(cell.local.raw()), cell.local.size_bytes()};
}

std::string NameInFile(const ShardedTensor& cell) {
  if (BoxOf(cell) == WholeBox(cell.global_dims)) return cell.name;
  return absl::StrCat(cell.name, BoxOf(cell).ToString());
}

// The checkpoint before, and which of its files the new folder has got.
class Previous {
 public:
  Previous(const PartJob& job) : job_(job) {
    absl::StatusOr<Manifest> manifest = ReadManifest(job.previous);
    if (!manifest.ok() || manifest->block_bytes() != job.block_bytes) return;
    manifest_ = *std::move(manifest);
    for (const Tensor& tensor : manifest_.tensors()) {
      for (const Cell& cell : tensor.cells()) {
        cells_[{tensor.name(), BoxOf(cell)}] = {&tensor, &cell};
      }
    }
  }

  // Where the new folder has a cell of these bytes already; nullptr when it has not.
  const Cell* Find(const ShardedTensor& cell, const Hashes& hashes) {
    const auto it = cells_.find({cell.name, BoxOf(cell)});
    if (it == cells_.end()) return nullptr;
    const auto [tensor, stored] = it->second;
    const bool same =
        tensor->dtype() == cell.local.dtype() &&
        std::equal(hashes.begin(), hashes.end(), stored->xxh3().begin(), stored->xxh3().end());
    return same && Linked(stored->file()) ? stored : nullptr;
  }
  const File& file(const Cell& cell) const {
    return manifest_.files(static_cast<int>(cell.file()));
  }

 private:
  // A file that is gone, cut short or cannot be linked is as good as none: its cells are written again.
  bool Linked(uint32_t index) {
    const auto [it, is_new] = linked_.emplace(index, false);
    if (!is_new) return it->second;
    const File& file = manifest_.files(static_cast<int>(index));
    const std::string to = JoinPath(job_.folder, file.name());
    if (!HardLink(JoinPath(job_.previous, file.name()), to).ok()) return false;
    const absl::StatusOr<uint64_t> bytes = FileBytes(to);
    return it->second = bytes.ok() && *bytes == file.bytes();
  }

  const PartJob& job_;
  Manifest manifest_;
  std::map<std::pair<std::string, Box>, std::pair<const Tensor*, const Cell*>> cells_;
  std::map<uint32_t, bool> linked_;
};

// A part that grows.
class PartBuilder {
 public:
  // Index of the file in the part.
  uint32_t FileIndex(const File& file) {
    const auto [it, is_new] = files_.emplace(file.name(), part_.files_size());
    if (is_new) *part_.add_files() = file;
    return static_cast<uint32_t>(it->second);
  }

  void Add(const ShardedTensor& from, const File& file, uint64_t begin, const Hashes& hashes) {
    auto [it, is_new] = tensors_.emplace(from.name, part_.tensors_size());
    if (is_new) {
      Tensor* tensor = part_.add_tensors();
      tensor->set_name(from.name);
      tensor->set_dtype(from.local.dtype());
      tensor->mutable_dims()->Assign(from.global_dims.begin(), from.global_dims.end());
    }
    Cell* cell = part_.mutable_tensors(it->second)->add_cells();
    SetBox(BoxOf(from), cell);
    cell->set_file(FileIndex(file));
    cell->set_begin(begin);
    cell->mutable_xxh3()->Assign(hashes.begin(), hashes.end());
  }

  Part& part() { return part_; }

 private:
  Part part_;
  std::map<std::string, int> files_, tensors_;
};

struct HashedCell {
  const ShardedTensor* cell;
  Hashes hashes;
};

absl::Status WriteFile(const std::string& path, const std::vector<HashedCell>& cells) {
  std::vector<framework::SafetensorsOutput> outputs;
  for (const HashedCell& item : cells) {
    const ShardedTensor& cell = *item.cell;
    outputs.push_back({NameInFile(cell), cell.local.dtype(), cell.local.dims(),
                       [&cell](const framework::ByteSink& sink) { return sink(BytesOf(cell)); }});
  }
  return framework::StreamSafetensors(path, outputs, {{"format", "pt"}});
}

// Reads back where the writer put each cell, and the checksum of the header.
absl::Status AddFile(const PartJob& job, const std::vector<HashedCell>& cells,
                     PartBuilder& builder) {
  const std::string path = JoinPath(job.folder, job.file);
  STRATA_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> mapped, MappedFile::Open(path));
  const absl::string_view content = mapped->data();
  STRATA_ASSIGN_OR_RETURN(const auto stored,
                          framework::SafetensorsFile::Parse(content, mapped, path));
  uint64_t header = content.size();
  for (const auto& [name, entry] : stored.entries()) header -= entry.bytes.size();
  File file;
  file.set_name(job.file);
  file.set_bytes(content.size());
  file.set_header_bytes(header);
  file.set_header_xxh3(BlockHash(content.substr(0, header)));
  for (const HashedCell& item : cells) {
    const auto& entry = stored.entries().at(NameInFile(*item.cell));
    builder.Add(*item.cell, file, static_cast<uint64_t>(entry.bytes.data() - content.data()),
                item.hashes);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Part> WritePart(const PartJob& job) {
  STRATA_RETURN_IF_ERROR(MakeFolders(job.folder));
  PartBuilder builder;
  std::vector<HashedCell> changed;
  Previous previous(job);
  for (const ShardedTensor& cell : job.cells) {
    Hashes hashes = BlockHashes(BytesOf(cell), job.block_bytes);
    const Cell* stored = previous.Find(cell, hashes);
    if (stored == nullptr) {
      changed.push_back({&cell, std::move(hashes)});
      continue;
    }
    builder.Add(cell, previous.file(*stored), stored->begin(), hashes);
    builder.part().set_bytes_kept(builder.part().bytes_kept() + cell.local.size_bytes());
  }
  if (!changed.empty()) {
    STRATA_RETURN_IF_ERROR(WriteFile(JoinPath(job.folder, job.file), changed));
    STRATA_RETURN_IF_ERROR(AddFile(job, changed, builder));
    for (const HashedCell& item : changed) {
      builder.part().set_bytes_written(builder.part().bytes_written() +
                                       item.cell->local.size_bytes());
    }
  }
  STRATA_RETURN_IF_ERROR(SyncFolder(job.folder));
  return std::move(builder.part());
}

}  // namespace strata::distributed
