#include "distributed/checkpoint/store.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "distributed/checkpoint/manifest.h"

namespace strata::distributed {
namespace {

using checkpoint::Manifest;

constexpr size_t kIdDigits = 8;
constexpr auto kLockRetry = std::chrono::milliseconds(20);

bool AllDigits(absl::string_view text, bool (*is_digit)(unsigned char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [is_digit](char c) {
    return is_digit(static_cast<unsigned char>(c));
  });
}

bool IsCheckpointFolderName(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "step-")) return false;
  const size_t dot = name.find('.');
  if (dot == name.npos || name.size() != dot + 1 + kIdDigits) return false;
  return AllDigits(name.substr(0, dot), [](unsigned char c) { return absl::ascii_isdigit(c); }) &&
         AllDigits(name.substr(dot + 1), [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

// The folders with a checkpoint's name, with the root before them.
absl::StatusOr<std::vector<std::string>> CheckpointFolders(const std::string& root) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(root));
  std::vector<std::string> folders;
  for (const std::string& name : names) {
    if (IsCheckpointFolderName(name)) folders.push_back(JoinPath(root, name));
  }
  return folders;
}

bool HasManifest(const std::string& folder) { return FileExists(JoinPath(folder, kManifestName)); }

// What a dead save left in a folder that was committed later or before: parts, files beside their name.
absl::Status RemoveUnnamed(const std::string& folder, const Manifest& manifest) {
  std::set<std::string> named = {kManifestName};
  for (const checkpoint::File& file : manifest.files()) named.insert(file.name());
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder));
  for (const std::string& name : names) {
    const bool ours = absl::StartsWith(name, "rank-") || absl::StrContains(name, ".tmp.");
    if (ours && named.count(name) == 0) {
      STRATA_RETURN_IF_ERROR(RemoveFile(JoinPath(folder, name)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string CheckpointFolderName(int64_t step, absl::string_view id) {
  return absl::StrFormat("step-%08d.%s", step, id);
}

absl::Status CheckFilesAreThere(const std::string& folder, const Manifest& manifest) {
  for (const checkpoint::File& file : manifest.files()) {
    const std::string path = JoinPath(folder, file.name());
    const absl::StatusOr<uint64_t> bytes = FileBytes(path);
    if (absl::IsNotFound(bytes.status())) {
      return absl::DataLossError(absl::StrCat(path, ": is missing; the manifest names it"));
    }
    STRATA_RETURN_IF_ERROR(bytes.status());
    if (*bytes != file.bytes()) {
      return absl::DataLossError(absl::StrCat(path, ": has ", *bytes, " bytes, not the ",
                                              file.bytes(), " of the manifest (is it truncated?)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Commits> ListCommits(const std::string& root) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> folders, CheckpointFolders(root));
  Commits commits;
  for (const std::string& folder : folders) {
    if (!HasManifest(folder)) continue;
    const absl::StatusOr<Manifest> manifest = ReadManifest(folder);
    if (!manifest.ok()) {
      commits.reasons.push_back(manifest.status());
      continue;
    }
    const Commit commit = {std::filesystem::path(folder).filename().string(), folder,
                           manifest->step(), manifest->sequence(), manifest->saves_since_full()};
    const absl::Status whole = CheckFilesAreThere(folder, *manifest);
    (whole.ok() ? commits.whole : commits.broken).push_back(commit);
    if (!whole.ok()) commits.reasons.push_back(whole);
  }
  for (std::vector<Commit>* list : {&commits.whole, &commits.broken}) {
    std::stable_sort(list->begin(), list->end(),
                     [](const Commit& a, const Commit& b) { return a.sequence > b.sequence; });
  }
  return commits;
}

absl::StatusOr<std::unique_ptr<FileLock>> LockRoot(const std::string& root,
                                                   std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                            FileLock::TryAcquire(JoinPath(root, ".lock")));
    if (lock != nullptr) return lock;
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::FailedPreconditionError(
          absl::StrCat(root,
                       ": another run saves checkpoints here (it holds .lock); stop it or "
                       "give another folder"));
    }
    std::this_thread::sleep_for(kLockRetry);
  }
}

absl::Status RemoveDeadSaves(const std::string& root) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> folders, CheckpointFolders(root));
  for (const std::string& folder : folders) {
    if (!HasManifest(folder)) {
      STRATA_RETURN_IF_ERROR(RemoveFolder(folder));
      continue;
    }
    const absl::StatusOr<Manifest> manifest = ReadManifest(folder);
    if (manifest.ok()) STRATA_RETURN_IF_ERROR(RemoveUnnamed(folder, *manifest));
  }
  return absl::OkStatus();
}

absl::Status RetainNewest(const std::string& root, int keep) {
  STRATA_ASSIGN_OR_RETURN(const Commits commits, ListCommits(root));
  if (commits.whole.size() <= static_cast<size_t>(keep)) return absl::OkStatus();
  const uint64_t oldest_kept = commits.whole[static_cast<size_t>(keep) - 1].sequence;
  for (const std::vector<Commit>* list : {&commits.whole, &commits.broken}) {
    for (const Commit& commit : *list) {
      if (commit.sequence < oldest_kept) {
        STRATA_RETURN_IF_ERROR(RemoveCheckpoint(commit.folder));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveCheckpoint(const std::string& folder) {
  STRATA_RETURN_IF_ERROR(RemoveFile(JoinPath(folder, kManifestName)));
  if (FileExists(folder)) STRATA_RETURN_IF_ERROR(SyncFolder(folder));
  return RemoveFolder(folder);
}

}  // namespace strata::distributed
