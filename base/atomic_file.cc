#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace strata {
namespace {

absl::Status Failed(const std::string& path, absl::string_view action) {
  const int error = errno;
  const std::string message = absl::StrCat(path, ": cannot ", action, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(message);
  if (error == EISDIR || error == ENOTDIR) return absl::InvalidArgumentError(message);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AtomicFile>> AtomicFile::Create(const std::string& path) {
  static std::atomic<int> count{0};
  std::string aside = absl::StrCat(path, ".tmp.", getpid(), ".", count.fetch_add(1));
  const int descriptor = open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return Failed(path, "create");
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
    if (written < 0) return Failed(path_, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(descriptor_) != 0) return Failed(path_, "fsync");
  Close();
  if (rename(aside_.c_str(), path_.c_str()) != 0) return Failed(path_, "rename to");
  committed_ = true;
  // The rename itself is durable only once the folder is.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int directory =
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return absl::OkStatus();  // a folder that may be written, but not read
  // Some file systems cannot sync a folder and say so.
  const bool synced = fsync(directory) == 0 || errno == EINVAL || errno == ENOTSUP;
  const absl::Status status = synced ? absl::OkStatus() : Failed(path_, "fsync the folder of");
  close(directory);
  return status;
}

}  // namespace strata
