#include "distributed/checkpoint/save_job.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/textproto.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/sealed_text.h"
#include "distributed/checkpoint/store.h"

namespace strata::distributed {
namespace {

using checkpoint::Manifest;
using checkpoint::Part;
using Clock = std::chrono::steady_clock;

constexpr TextKind kPartText = {"checkpoint part", 1};
constexpr auto kFirstPause = std::chrono::milliseconds(1),
               kLongestPause = std::chrono::milliseconds(50);

std::string RootOf(const std::string& folder) {
  return std::filesystem::path(folder).parent_path().string();
}

std::string PartPath(const std::string& folder, uint32_t rank) {
  return JoinPath(folder, absl::StrFormat("rank-%05d.part", rank));
}

absl::StatusOr<Part> ReadPart(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  STRATA_RETURN_IF_ERROR(CheckSeal(kPartText, text, path));
  Part part;
  STRATA_RETURN_IF_ERROR(ParseTextProto(text, path, &part));
  return part;
}

// Adds the files and cells of a part to a manifest that has all tensors.
absl::Status Merge(const Part& part, std::map<std::string, int>& files, Manifest& manifest) {
  std::vector<uint32_t> index_of;
  for (const checkpoint::File& file : part.files()) {
    const auto [it, is_new] = files.emplace(file.name(), manifest.files_size());
    if (is_new) *manifest.add_files() = file;
    index_of.push_back(static_cast<uint32_t>(it->second));
  }
  for (const checkpoint::Tensor& tensor : part.tensors()) {
    const auto it =
        std::lower_bound(manifest.mutable_tensors()->begin(), manifest.mutable_tensors()->end(),
                         tensor, [](const auto& a, const auto& b) { return a.name() < b.name(); });
    if (it == manifest.mutable_tensors()->end() || it->name() != tensor.name()) {
      return absl::InternalError(absl::StrCat("tensor '", tensor.name(), "' is not planned"));
    }
    for (const checkpoint::Cell& cell : tensor.cells()) {
      if (cell.file() >= index_of.size()) return absl::InternalError("names no file");
      checkpoint::Cell* added = it->add_cells();
      *added = cell;
      added->set_file(index_of[cell.file()]);
    }
  }
  return absl::OkStatus();
}

void SortCells(Manifest& manifest) {
  for (checkpoint::Tensor& tensor : *manifest.mutable_tensors()) {
    std::sort(tensor.mutable_cells()->begin(), tensor.mutable_cells()->end(),
              [](const auto& a, const auto& b) { return BoxOf(a) < BoxOf(b); });
  }
}

}  // namespace

SaveJob::SaveJob(Input input) : input_(std::move(input)), thread_([this] { Run(); }) {}

SaveJob::~SaveJob() {
  Cancel();
  if (thread_.joinable()) thread_.join();
}

void SaveJob::ExpectAllParts(std::chrono::milliseconds patience) {
  deadline_ = (Clock::now() + patience).time_since_epoch().count();
}

absl::Status SaveJob::Finish() {
  if (thread_.joinable()) thread_.join();
  return committed_;
}

void SaveJob::Run() {
  const auto start = Clock::now();
  Written written;
  const absl::Status status = WritePartAndSayIt(&written);
  written.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (input_.rank == 0) committed_ = status;
  if (status.ok()) {
    written_.set_value(written);
  } else {
    written_.set_value(status);
  }
  if (!status.ok() || input_.rank != 0) return;
  committed_ = Commit();
  if (committed_.ok()) cleanup_ = RetainNewest(RootOf(input_.part.folder), input_.keep);
}

absl::Status SaveJob::WritePartAndSayIt(Written* written) {
  STRATA_ASSIGN_OR_RETURN(const Part part, WritePart(input_.part));
  written->bytes_written = part.bytes_written();
  written->bytes_kept = part.bytes_kept();
  return WriteFileAtomic(PartPath(input_.part.folder, static_cast<uint32_t>(input_.rank)),
                         Seal(kPartText, PrintTextProto(part)));
}

absl::Status SaveJob::TooLate() const {
  if (cancelled_) return absl::CancelledError("the save was given up");
  if (Clock::now().time_since_epoch().count() < deadline_) return absl::OkStatus();
  return absl::DeadlineExceededError(
      "was written but does not appear; is the folder on a file system that all ranks share?");
}

absl::StatusOr<Part> SaveJob::AwaitPart(uint32_t rank) const {
  const std::string path = PartPath(input_.part.folder, rank);
  auto pause = kFirstPause;
  while (true) {
    const absl::StatusOr<Part> part = ReadPart(path);
    if (!absl::IsNotFound(part.status())) return part;
    STRATA_RETURN_IF_ERROR(Annotate(TooLate(), path));
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

absl::Status SaveJob::Commit() {
  const std::string& folder = input_.part.folder;
  Manifest manifest = input_.manifest;
  std::map<std::string, int> files;
  for (uint32_t rank = 0; rank < manifest.ranks(); ++rank) {
    STRATA_ASSIGN_OR_RETURN(const Part part, AwaitPart(rank));
    STRATA_RETURN_IF_ERROR(Annotate(Merge(part, files, manifest), PartPath(folder, rank)));
  }
  SortCells(manifest);
  STRATA_RETURN_IF_ERROR(Annotate(ValidateManifest(manifest), folder));
  STRATA_RETURN_IF_ERROR(CheckFilesAreThere(folder, manifest));
  for (uint32_t rank = 0; rank < manifest.ranks(); ++rank) {
    STRATA_RETURN_IF_ERROR(RemoveFile(PartPath(folder, rank)));
  }
  STRATA_RETURN_IF_ERROR(SyncFolder(RootOf(folder)));  // the folder's own name
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(JoinPath(folder, kManifestName), PrintManifest(manifest)));
  return SyncFolder(folder);
}

}  // namespace strata::distributed
