// A file that is written piece by piece and appears as a whole: beside its path until Commit() fsyncs it and renames it
// over what was there. Without a Commit() nothing remains. For content that should not lie in memory at once; see
// WriteFileAtomic() for what does.
//
//   STRATA_ASSIGN_OR_RETURN(std::unique_ptr<AtomicFile> file, AtomicFile::Create("out.gguf"));
//   STRATA_RETURN_IF_ERROR(file->Append(head));
//   STRATA_RETURN_IF_ERROR(file->Append(data));
//   STRATA_RETURN_IF_ERROR(file->Commit());
//
// For one thread. Errors carry the path and errno's text.
#ifndef STRATA_BASE_ATOMIC_FILE_H_
#define STRATA_BASE_ATOMIC_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata {

class AtomicFile {
 public:
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Create(const std::string& path);
  ~AtomicFile();  // takes away what was not committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // bytes appended

  absl::Status Append(absl::string_view bytes);
  // At most once, and nothing is appended after it.
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string aside, int descriptor)
      : path_(std::move(path)), aside_(std::move(aside)), descriptor_(descriptor) {}
  void Close();

  const std::string path_;
  const std::string aside_;
  int descriptor_;
  uint64_t size_ = 0;
  bool committed_ = false;
};

}  // namespace strata

#endif  // STRATA_BASE_ATOMIC_FILE_H_
