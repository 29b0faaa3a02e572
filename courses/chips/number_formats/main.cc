// //courses/chips/number_formats: codes, noise and training losses of every format. Fails when a claim does not hold.
//
//   bazel run //courses/chips/number_formats -- -o number_formats.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/chips/number_formats/report.h"
#include "courses/chips/number_formats/study.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run(const StudyOptions& options, bool json) {
  STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy(options));
  if (json) std::fputs(ToJson(study).c_str(), stdout);
  return MakeReport(study);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::StudyOptions options;
  bool json = false;
  CLI::App app(
      "What fewer bits cost: all codes, rounding noise, stochastic rounding, and a small GPT "
      "trained in fp32, bf16, fp8, NVFP4 and MXFP4 from one start. Half a minute on two cores.");
  app.add_option("--steps", options.training.steps,
                 "of each training run; the claims on last losses are for 150")
      ->capture_default_str()
      ->check(CLI::Range(20, 100000));
  app.add_flag("--json", json, "one object a format and a run instead of claims");
  return strata::courses::LabMain(app, "number_formats", argc, argv, [&] {
    options.long_enough = options.training.steps >= 150;
    return strata::courses::Run(options, json);
  });
}
