#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/errno_status.h"

namespace strata {

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(const std::string& path) {
  static std::atomic<int> count{0};
  std::string aside = absl::StrCat(path, ".tmp.", getpid(), ".", count.fetch_add(1));
  const int descriptor = open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return ErrnoStatus(path, "create");
  return std::unique_ptr<AtomicFile>(new AtomicFile(path, std::move(aside), descriptor));
}

AtomicFile::~AtomicFile() {
  Close();
  if (!committed_) unlink(aside_.c_str());
}

void AtomicFile::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(path_, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(descriptor_) != 0) return ErrnoStatus(path_, "fsync");
  Close();
  if (rename(aside_.c_str(), path_.c_str()) != 0) return ErrnoStatus(path_, "rename to");
  committed_ = true;
  // The rename itself is durable only once the folder is.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int directory =
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return absl::OkStatus();  // a folder that may be written, but not read
  // Some file systems cannot sync a folder and say so.
  const bool synced = fsync(directory) == 0 || errno == EINVAL || errno == ENOTSUP;
  const absl::Status status = synced ? absl::OkStatus() : ErrnoStatus(path_, "fsync the folder of");
  close(directory);
  return status;
}

}  // namespace strata
