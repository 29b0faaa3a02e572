#include "base/errno_status.h"

#include <cerrno>
#include <cstring>

namespace strata {

absl::Status ErrnoStatus(const std::string& path, absl::string_view action) {
  return ErrnoStatus(errno, path, action);
}

absl::Status ErrnoStatus(int error, const std::string& path, absl::string_view action) {
  const std::string message = absl::StrCat(path, ": cannot ", action, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS)
    return absl::PermissionDeniedError(message);
  if (error == EISDIR || error == ENOTDIR) return absl::InvalidArgumentError(message);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

}  // namespace strata
