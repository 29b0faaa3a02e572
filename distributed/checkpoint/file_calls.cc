#include "distributed/checkpoint/file_calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/errno_status.h"

namespace strata::distributed {
absl::Status HardLink(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(to, absl::StrCat("link to ", from));
}

absl::StatusOr<uint64_t> FileBytes(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(path, "stat");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  return static_cast<uint64_t>(info.st_size);
}

absl::Status MakeFolders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? ErrnoStatus(error.value(), folder, "make the folder") : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) names.push_back(it->path().filename().string());
  if (error) return ErrnoStatus(error.value(), folder, "list");
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus(folder, "open");
  // Some file systems cannot sync a folder and say so; there is nothing more to be done on them.
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
  const absl::Status status = synced ? absl::OkStatus() : ErrnoStatus(folder, "fsync");
  close(descriptor);
  return status;
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(path, "remove");
}

absl::Status RemoveFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return ErrnoStatus(error.value(), folder, "remove");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RandomReader>> RandomReader::Open(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus(path, "open");
  return std::unique_ptr<RandomReader>(new RandomReader(path, descriptor));
}

RandomReader::~RandomReader() { close(descriptor_); }

absl::Status RandomReader::Read(uint64_t offset, char* to, size_t bytes) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        pread(descriptor_, to + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(path_, "read");
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path_, ": is truncated: has no byte ", offset + done,
                                              "; bytes ", offset, " .. ", offset + bytes,
                                              " are wanted"));
    }
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::TryAcquire(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return ErrnoStatus(path, "open");
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    return std::unique_ptr<FileLock>(new FileLock(descriptor));
  }
  const absl::Status status = errno == EWOULDBLOCK ? absl::OkStatus() : ErrnoStatus(path, "lock");
  close(descriptor);
  if (status.ok()) return nullptr;
  return status;
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace strata::distributed
