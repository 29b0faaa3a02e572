// //courses/chips/tokens_and_hazards: a pipeline from fences to double buffering, and what a missing token does.
//
//   bazel run -c opt //courses/chips/tokens_and_hazards -- --output=tokens_and_hazards.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/user_path.h"
#include "courses/chips/tokens_and_hazards/pipeline.h"
#include "courses/chips/tokens_and_hazards/report.h"

namespace strata::courses {
namespace {

absl::StatusOr<bool> Run(const std::string& output) {
  STRATA_ASSIGN_OR_RETURN(const Lab lab, RunLab());
  for (const Pipeline& pipeline : lab.pipelines) {
    for (const Version& version : pipeline.versions) {
      std::printf("%-12s  %-14s %6lld cycles  %s\n", pipeline.machine.c_str(), version.name.c_str(),
                  static_cast<long long>(version.run.cycles), version.title.c_str());
    }
  }
  for (const Claim& claim : ClaimsOf(lab)) {
    std::printf("%s  %s: %s\n", claim.holds ? "holds" : "FAILS", claim.claim.c_str(),
                claim.evidence.c_str());
  }
  const Report report = MakeReport(lab);
  STRATA_RETURN_IF_ERROR(report.Write(output));
  std::printf("report: %s\n", output.c_str());
  return report.passed();
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  std::string output = "tokens_and_hazards.html";
  CLI::App app(
      "Pipelines on two simulated cores: serial, with tokens, double-buffered; then each token "
      "taken away. Fails when a claim is false.");
  app.add_option("-o,--output", output, "the report")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto passed = strata::courses::Run(strata::UserPath(output));
  if (!passed.ok()) {
    std::fprintf(stderr, "tokens_and_hazards: %s\n",
                 std::string(passed.status().message()).c_str());
    return strata::ExitCode(passed.status());
  }
  return *passed ? 0 : 1;
}
