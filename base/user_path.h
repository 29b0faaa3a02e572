// UserPath: what a path on a command line means under `bazel run`.
//
//   options.output = UserPath(options.output);   // "report.html" lies where the user stands
#ifndef STRATA_BASE_USER_PATH_H_
#define STRATA_BASE_USER_PATH_H_

#include <string>

namespace strata {

// `bazel run` starts programs among their runfiles: there a relative path is taken from the folder
// that bazel was called in ($BUILD_WORKING_DIRECTORY). Other paths, and "", stay as they are.
std::string UserPath(const std::string& path);

}  // namespace strata

#endif  // STRATA_BASE_USER_PATH_H_
