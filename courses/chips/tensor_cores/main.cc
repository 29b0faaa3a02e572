// //courses/chips/tensor_cores: what the sums of real chips do to results and to training. Fails when a claim does not
// hold.
//
//   bazel run //courses/chips/tensor_cores -- -o $PWD/tensor_cores.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/user_path.h"
#include "courses/chips/tensor_cores/report.h"
#include "courses/chips/tensor_cores/study.h"

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
  std::string output = "tensor_cores.html";
  bool json = false;
  CLI::App app(
      "What the sums of real tensor cores do: bias and noise against the length of a sum, and a "
      "small GPT trained as V100, A100, H100 and B200 against exact sums. Half a minute on two "
      "cores.");
  app.add_option("-o,--output", output, "the report")->capture_default_str();
  app.add_option("--steps", options.training.steps, "of each training run")
      ->capture_default_str()
      ->check(CLI::Range(20, 100000));
  app.add_option("--products", options.most_products, "of the longest sum")
      ->capture_default_str()
      ->check(CLI::Range(4096, 1 << 20));
  app.add_flag("--json", json, "one object a sum and a run instead of claims");
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<bool> passed = strata::courses::Run(options, output, json);
  if (!passed.ok()) {
    std::fprintf(stderr, "tensor_cores: %s\n", std::string(passed.status().message()).c_str());
    return strata::ExitCode(passed.status());
  }
  return *passed ? 0 : 1;
}
