// //courses/chips/tokens_and_hazards: a pipeline from fences to double buffering, and what a missing token does.
//
//   bazel run -c opt //courses/chips/tokens_and_hazards -- --output=tokens_and_hazards.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/chips/tokens_and_hazards/pipeline.h"
#include "courses/chips/tokens_and_hazards/report.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run() {
  STRATA_ASSIGN_OR_RETURN(const Lab lab, RunLab());
  for (const Pipeline& pipeline : lab.pipelines) {
    for (const Version& version : pipeline.versions) {
      std::printf("%-12s  %-14s %6lld cycles  %s\n", pipeline.machine.c_str(), version.name.c_str(),
                  static_cast<long long>(version.run.cycles), version.title.c_str());
    }
  }
  return MakeReport(lab);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  CLI::App app(
      "Pipelines on two simulated cores: serial, with tokens, double-buffered; then each token "
      "taken away. Fails when a claim is false.");
  return strata::courses::LabMain(app, "tokens_and_hazards", argc, argv,
                                  [&] { return strata::courses::Run(); });
}
