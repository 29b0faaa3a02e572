// //courses/distributed/collectives_three_ways: collectives by the clock, by formula, by simulation.
//
//   bazel run -c opt //courses/distributed/collectives_three_ways -- --output=collectives.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/file.h"
#include "base/user_path.h"
#include "chips/timeline/chrome_trace.h"
#include "courses/distributed/collectives_three_ways/report.h"
#include "courses/distributed/collectives_three_ways/study.h"

namespace strata::courses {
namespace {

struct Flags {
  std::string output = "collectives_three_ways.html";
  std::string trace = "";
};

absl::StatusOr<bool> Run(const StudyQuestion& question, const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const Study study, MakeStudy(question));
  for (const StudyClaim& claim : ClaimsOf(study)) {
    std::printf("%s  %s: %s\n", claim.holds ? "holds" : "FAILS", claim.claim.c_str(),
                claim.evidence.c_str());
  }
  const Report report = MakeReport(study);
  STRATA_RETURN_IF_ERROR(report.Write(UserPath(flags.output)));
  std::printf("report: %s\n", flags.output.c_str());
  if (!flags.trace.empty()) {
    STRATA_RETURN_IF_ERROR(
        WriteFileAtomic(UserPath(flags.trace), chips::ToChromeTrace(study.timelines)));
    std::printf("trace: %s\n", flags.trace.c_str());
  }
  return report.passed();
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::StudyQuestion question;
  strata::courses::Flags flags;
  CLI::App app(
      "All-reduce, all-gather and all-to-all by every algorithm: measured between threads, "
      "predicted by "
      "the alpha-beta-gamma model, simulated on clusters; where they change places. Fails when a "
      "claim is "
      "false.");
  app.add_option("-o,--output", flags.output, "the report")->capture_default_str();
  app.add_option("--trace", flags.trace,
                 "also a Chrome trace of the simulated all-reduces, for ui.perfetto.dev");
  app.add_option("--flat", question.flat, "a cluster of one level, by name or path")
      ->capture_default_str();
  app.add_option("--nodes", question.nodes, "a cluster of nodes")->capture_default_str();
  app.add_option("--ranks", question.ranks, "a power of two, more than a node has")
      ->capture_default_str();
  app.add_option("--odd-ranks", question.odd_ranks, "no power of two")->capture_default_str();
  app.add_option("--threads", question.measured_ranks,
                 "ranks that are measured; more than there are cores tell little; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 16));
  CLI11_PARSE(app, argc, argv);
  const auto passed = strata::courses::Run(question, flags);
  if (!passed.ok()) {
    std::fprintf(stderr, "collectives_three_ways: %s\n",
                 std::string(passed.status().message()).c_str());
    return strata::ExitCode(passed.status());
  }
  return *passed ? 0 : 1;
}
