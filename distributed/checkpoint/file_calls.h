// The calls to the file system that checkpoints need beside base/file.h. Errors carry the path and errno's text.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_FILE_CALLS_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_FILE_CALLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

// A second name for a file's bytes. OK when `to` is there already.
absl::Status HardLink(const std::string& from, const std::string& to);

absl::StatusOr<uint64_t> FileBytes(const std::string& path);

// The folder and those above it; OK when they are there.
absl::Status MakeFolders(const std::string& folder);

// What a folder holds, sorted by name, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

// What was made, renamed or taken away in the folder is so after a crash too.
absl::Status SyncFolder(const std::string& folder);

// OK when there is none.
absl::Status RemoveFile(const std::string& path);
absl::Status RemoveFolder(const std::string& folder);  // with all that it holds

// Reads at an offset. DATA_LOSS when the file ends before.
class RandomReader {
 public:
  static absl::StatusOr<std::unique_ptr<RandomReader>> Open(const std::string& path);
  ~RandomReader();
  RandomReader(const RandomReader&) = delete;
  RandomReader& operator=(const RandomReader&) = delete;

  const std::string& path() const { return path_; }
  absl::Status Read(uint64_t offset, char* to, size_t bytes) const;

 private:
  RandomReader(std::string path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}
  const std::string path_;
  const int descriptor_;
};

// A lock on a file, held until destroyed or until the process ends, however it ends.
class FileLock {
 public:
  // nullptr when another has it.
  static absl::StatusOr<std::unique_ptr<FileLock>> TryAcquire(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_FILE_CALLS_H_
