// What went wrong with a file, as the system's errno says.
//
//   if (fsync(descriptor) != 0) return ErrnoStatus(path, "fsync");   // "out.gguf: cannot fsync: No space left on device"
#ifndef STRATA_BASE_ERRNO_STATUS_H_
#define STRATA_BASE_ERRNO_STATUS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata {

// To be called before anything else can set errno. The code follows errno: NOT_FOUND, PERMISSION_DENIED,
// INVALID_ARGUMENT (a folder where a file should be, or the other way), RESOURCE_EXHAUSTED (the disk is full), INTERNAL.
absl::Status ErrnoStatus(const std::string& path, absl::string_view action);
// The same of an error number that something else gave.
absl::Status ErrnoStatus(int error, const std::string& path, absl::string_view action);

}  // namespace strata

#endif  // STRATA_BASE_ERRNO_STATUS_H_
