// Files: whole reads, crash-safe writes and read-only mappings. Errors carry the path and errno's text.
#ifndef STRATA_BASE_FILE_H_
#define STRATA_BASE_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"

namespace strata {

// The whole content of a regular file. NOT_FOUND when there is none; INVALID_ARGUMENT for a folder.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes beside `path`, fsyncs, renames over it: a reader sees the old content or the new, never half of it.
absl::Status WriteFileAtomic(const std::string& path, absl::string_view content);
// The same for content that lies in pieces, which are written one after another.
absl::Status WriteFileAtomic(const std::string& path, absl::Span<const absl::string_view> pieces);

// Like `mkdir -p`.
absl::Status MakeDirectories(const std::string& path);

bool FileExists(const std::string& path);

// Joins two path parts with exactly one '/'.
std::string JoinPath(absl::string_view a, absl::string_view b);

// A read-only memory mapping of a whole file; unmapped when destroyed. Thread-safe (immutable).
class MappedFile {
 public:
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::string_view data() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile(const void* data, size_t size) : data_(data), size_(size) {}
  const void* data_;
  size_t size_;
};

}  // namespace strata

#endif  // STRATA_BASE_FILE_H_
