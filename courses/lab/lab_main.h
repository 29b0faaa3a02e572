// The program of a lab, from its arguments to its exit code.
//
//   int main(int argc, char** argv) {
//     StudyOptions options;
//     CLI::App app("What it shows. Fails when a claim is false.");
//     app.add_option("--steps", options.steps, "of training")->capture_default_str();
//     return LabMain(app, "moe_routing", argc, argv, [&] { return Study(options); });
//   }
#ifndef STRATA_COURSES_LAB_LAB_MAIN_H_
#define STRATA_COURSES_LAB_LAB_MAIN_H_

#include <functional>
#include <string>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "courses/lab/report.h"

namespace strata::courses {

// Adds --output (NAME.html), parses, runs, writes the page, and prints a line for each claim: on standard error where the
// lab has a flag --json and it was given, as standard output is the data's then. Relative paths are taken from where the
// user stands. Returns 0 when all claims hold, 1 when one does not, 2 for bad arguments.
int LabMain(CLI::App& app, const std::string& name, int argc, char** argv,
            const std::function<absl::StatusOr<Report>()>& run);

// The same with an --output of the lab's own, a folder: the page is its report.html.
int LabFolderMain(CLI::App& app, const std::string& name, int argc, char** argv,
                  std::string& folder, const std::function<absl::StatusOr<Report>()>& run);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_LAB_MAIN_H_
