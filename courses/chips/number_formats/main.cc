// //courses/chips/number_formats: codes, noise and training losses of every format. Fails when a claim does not hold.
//
//   bazel run //courses/chips/number_formats -- -o $PWD/number_formats.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/user_path.h"
#include "courses/chips/number_formats/report.h"
#include "courses/chips/number_formats/study.h"

namespace strata::courses {
namespace {

absl::StatusOr<bool> Run(const StudyOptions& options, const std::string& output, bool json) {
  STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy(options));
  const Report report = MakeReport(study);
  STRATA_RETURN_IF_ERROR(report.Write(UserPath(output)));
  if (json) std::fputs(ToJson(study).c_str(), stdout);
  for (const Claim& claim : ClaimsOf(study)) {
    std::fprintf(json ? stderr : stdout, "%s  %s: %s\n", claim.holds ? "ok  " : "FAIL",
                 claim.claim.c_str(), claim.evidence.c_str());
  }
  std::fprintf(stderr, "report: %s\n", output.c_str());
  return report.passed();
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::StudyOptions options;
  std::string output = "number_formats.html";
  bool json = false;
  CLI::App app(
      "What fewer bits cost: all codes, rounding noise, stochastic rounding, and a small GPT "
      "trained in fp32, bf16, fp8, NVFP4 and MXFP4 from one start. Half a minute on two cores.");
  app.add_option("-o,--output", output, "the report")->capture_default_str();
  app.add_option("--steps", options.training.steps,
                 "of each training run; the claims on last losses are for 150")
      ->capture_default_str()
      ->check(CLI::Range(20, 100000));
  app.add_flag("--json", json, "one object a format and a run instead of claims");
  CLI11_PARSE(app, argc, argv);
  options.long_enough = options.training.steps >= 150;
  const absl::StatusOr<bool> passed = strata::courses::Run(options, output, json);
  if (!passed.ok()) {
    std::fprintf(stderr, "number_formats: %s\n", std::string(passed.status().message()).c_str());
    return strata::ExitCode(passed.status());
  }
  return *passed ? 0 : 1;
}
