#include "base/user_path.h"

#include <cstdlib>

#include "base/file.h"

namespace strata {

std::string UserPath(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr || path.empty() || path[0] == '/') return path;
  return JoinPath(folder, path);
}

}  // namespace strata
