// EnterUserFolder: relative paths on a command line mean the same under `bazel run`.
//
//   int main(int argc, char** argv) {
//     strata::EnterUserFolder();   // "report.html" lies where the user stands
#ifndef STRATA_BASE_USER_FOLDER_H_
#define STRATA_BASE_USER_FOLDER_H_

namespace strata {

// `bazel run` starts programs among their runfiles. Changes to the folder that bazel was called in
// ($BUILD_WORKING_DIRECTORY), once: programs that this one starts stay where it starts them. Does nothing elsewhere.
void EnterUserFolder();

}  // namespace strata

#endif  // STRATA_BASE_USER_FOLDER_H_
