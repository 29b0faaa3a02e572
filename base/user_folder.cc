#include "base/user_folder.h"

#include <unistd.h>

#include <cstdlib>

namespace strata {

void EnterUserFolder() {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder != nullptr && chdir(folder) == 0) unsetenv("BUILD_WORKING_DIRECTORY");
}

}  // namespace strata
