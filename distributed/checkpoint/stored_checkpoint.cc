#include "distributed/checkpoint/stored_checkpoint.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/file.h"
#include "distributed/checkpoint/block_hash.h"
#include "distributed/checkpoint/box_copy.h"
#include "distributed/checkpoint/cell_reader.h"
#include "distributed/checkpoint/exchange.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/store.h"

namespace strata::distributed {
namespace {

using checkpoint::Cell;
using checkpoint::File;
using checkpoint::Manifest;
using checkpoint::Tensor;

absl::Status CheckWanted(const Tensor& stored, const ShardedTensor& wanted) {
  const std::vector<int64_t> dims(stored.dims().begin(), stored.dims().end());
  if (stored.dtype() == wanted.local.dtype() && dims == wanted.global_dims) {
    return absl::OkStatus();
  }
  const auto type = [](chips::DType dtype, const std::vector<int64_t>& d) {
    return absl::StrCat(chips::DTypeName(dtype), "[", absl::StrJoin(d, ", "), "]");
  };
  return absl::InvalidArgumentError(absl::StrCat("is ", type(stored.dtype(), dims), ", not ",
                                                 type(wanted.local.dtype(), wanted.global_dims)));
}

absl::Status LoadTensor(const Manifest& manifest, const Tensor& stored, OpenFiles& files,
                        ShardedTensor& wanted) {
  const Box want = BoxOf(wanted);
  const uint64_t element = chips::SizeOf(stored.dtype());
  char* to = wanted.local.data<char>();
  for (const Cell& cell : stored.cells()) {
    const Box from = BoxOf(cell), common = Intersect(from, want);
    if (common.elements() == 0) continue;
    STRATA_ASSIGN_OR_RETURN(const RandomReader* file, files.Get(cell.file()));
    CellReader reader(*file, stored, cell, manifest.block_bytes());
    STRATA_RETURN_IF_ERROR(ForEachRun(common, from, want, [&](const BoxRun& run) {
      return reader.Read(static_cast<uint64_t>(run.from) * element,
                         static_cast<uint64_t>(run.count) * element,
                         to + static_cast<uint64_t>(run.to) * element);
    }));
  }
  return absl::OkStatus();
}

absl::Status VerifyHeader(const RandomReader& reader, const File& file) {
  std::string header(file.header_bytes(), '\0');
  STRATA_RETURN_IF_ERROR(reader.Read(0, header.data(), header.size()));
  if (BlockHash(header) == file.header_xxh3()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(reader.path(), ": bytes 0 .. ", header.size(),
                                          ", the header, do not match their checksum"));
}

std::string Reasons(const std::vector<absl::Status>& reasons) {
  std::string text;
  for (const absl::Status& reason : reasons) absl::StrAppend(&text, "; ", reason.message());
  return text;
}

absl::Status VerifyFolder(const std::string& folder, int part, int parts) {
  STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(folder));
  return stored.Verify(part, parts);
}

// The first that `verify` finds right. `reasons`: why others are not among the folders.
absl::StatusOr<GoodCheckpoint> FirstGood(
    const std::string& root, const std::vector<std::string>& folders,
    std::vector<absl::Status> reasons,
    const std::function<absl::Status(const std::string&)>& verify) {
  for (const std::string& folder : folders) {
    const absl::Status status = verify(folder);
    if (status.ok()) return GoodCheckpoint{folder, std::move(reasons)};
    reasons.push_back(status);
  }
  if (reasons.empty()) {
    return absl::NotFoundError(absl::StrCat(root, ": holds no checkpoint"));
  }
  return absl::DataLossError(
      absl::StrCat(root, ": holds no checkpoint that can be loaded", Reasons(reasons),
                   "; put a good copy there, or start over in another folder"));
}

checkpoint::Candidates MakeCandidates(const std::string& root) {
  checkpoint::Candidates candidates;
  const absl::StatusOr<Commits> commits = ListCommits(root);
  *candidates.mutable_verdict() = ToVerdict(commits.status());
  if (!commits.ok()) return candidates;
  for (const Commit& commit : commits->whole) {
    candidates.add_folders(commit.name);
  }
  for (const absl::Status& reason : commits->reasons) {
    *candidates.add_passed_over() = ToVerdict(reason);
  }
  return candidates;
}

}  // namespace

absl::StatusOr<StoredCheckpoint> StoredCheckpoint::Open(const std::string& folder) {
  STRATA_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(folder));
  STRATA_RETURN_IF_ERROR(CheckFilesAreThere(folder, manifest));
  return StoredCheckpoint(folder, std::move(manifest));
}

std::map<std::string, std::string> StoredCheckpoint::extra() const {
  return {manifest_.extra().begin(), manifest_.extra().end()};
}

absl::StatusOr<const Tensor*> StoredCheckpoint::Find(const std::string& name) const {
  const auto& tensors = manifest_.tensors();
  const auto it =
      std::lower_bound(tensors.begin(), tensors.end(), name,
                       [](const Tensor& t, const std::string& n) { return t.name() < n; });
  if (it != tensors.end() && it->name() == name) return &*it;
  return absl::NotFoundError(absl::StrCat(folder_, ": has no tensor '", name, "' among its ",
                                          tensors.size(), " (see ", kManifestName, ")"));
}

absl::Status StoredCheckpoint::Load(absl::Span<ShardedTensor> tensors) const {
  OpenFiles files(folder_, manifest_);
  for (ShardedTensor& wanted : tensors) {
    STRATA_RETURN_IF_ERROR(ValidateShardedTensor(wanted));
    STRATA_ASSIGN_OR_RETURN(const Tensor* stored, Find(wanted.name));
    STRATA_RETURN_IF_ERROR(Annotate(CheckWanted(*stored, wanted),
                                    absl::StrCat(folder_, ": tensor '", wanted.name, "'")));
    STRATA_RETURN_IF_ERROR(LoadTensor(manifest_, *stored, files, wanted));
  }
  return absl::OkStatus();
}

absl::StatusOr<graph::HostTensor> StoredCheckpoint::LoadWhole(const std::string& name) const {
  STRATA_ASSIGN_OR_RETURN(const Tensor* stored, Find(name));
  ShardedTensor whole = WholeTensor(
      name,
      graph::HostTensor::Allocate(stored->dtype(), {stored->dims().begin(), stored->dims().end()}));
  STRATA_RETURN_IF_ERROR(Load(absl::MakeSpan(&whole, 1)));
  return whole.local;
}

absl::Status StoredCheckpoint::Verify(int part, int parts) const {
  OpenFiles files(folder_, manifest_);
  int64_t next = 0;
  const auto mine = [&] { return next++ % parts == part; };
  for (int f = 0; f < manifest_.files_size(); ++f) {
    if (!mine()) continue;
    STRATA_ASSIGN_OR_RETURN(const RandomReader* file, files.Get(static_cast<uint32_t>(f)));
    STRATA_RETURN_IF_ERROR(VerifyHeader(*file, manifest_.files(f)));
  }
  for (const Tensor& tensor : manifest_.tensors()) {
    for (const Cell& cell : tensor.cells()) {
      if (!mine()) continue;
      STRATA_ASSIGN_OR_RETURN(const RandomReader* file, files.Get(cell.file()));
      STRATA_RETURN_IF_ERROR(CellReader(*file, tensor, cell, manifest_.block_bytes()).Verify());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<GoodCheckpoint> LatestGood(const std::string& root) {
  STRATA_ASSIGN_OR_RETURN(Commits commits, ListCommits(root));
  std::vector<std::string> folders;
  for (const Commit& commit : commits.whole) folders.push_back(commit.folder);
  return FirstGood(root, folders, std::move(commits.reasons),
                   [](const std::string& folder) { return VerifyFolder(folder, 0, 1); });
}

absl::StatusOr<GoodCheckpoint> LatestGood(const std::string& root, compiler::Collectives& ranks) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<checkpoint::Candidates> all,
                          AllGatherMessages(ranks, ranks.rank() == 0 ? MakeCandidates(root)
                                                                     : checkpoint::Candidates()));
  const checkpoint::Candidates& candidates = all[0];
  STRATA_RETURN_IF_ERROR(FromVerdict(candidates.verdict()));
  std::vector<std::string> folders;
  for (const std::string& name : candidates.folders()) folders.push_back(JoinPath(root, name));
  std::vector<absl::Status> reasons;
  for (const auto& verdict : candidates.passed_over()) reasons.push_back(FromVerdict(verdict));
  return FirstGood(root, folders, std::move(reasons), [&](const std::string& folder) {
    return Agree(ranks, VerifyFolder(folder, ranks.rank(), ranks.size()));
  });
}

}  // namespace strata::distributed
