// //courses/distributed/collectives_three_ways: collectives by the clock, by formula, by simulation.
//
//   bazel run -c opt //courses/distributed/collectives_three_ways -- --output=collectives.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/file.h"
#include "chips/timeline/chrome_trace.h"
#include "courses/distributed/collectives_three_ways/report.h"
#include "courses/distributed/collectives_three_ways/study.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run(const StudyQuestion& question, const std::string& trace) {
  STRATA_ASSIGN_OR_RETURN(const Study study, MakeStudy(question));
  if (!trace.empty()) {
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(trace, chips::ToChromeTrace(study.timelines)));
    std::printf("trace: %s\n", trace.c_str());
  }
  return MakeReport(study);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::StudyQuestion question;
  std::string trace;
  CLI::App app(
      "All-reduce, all-gather and all-to-all by every algorithm: measured between threads, "
      "predicted by "
      "the alpha-beta-gamma model, simulated on clusters; where they change places. Fails when a "
      "claim is "
      "false.");
  app.add_option("--trace", trace,
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
  return strata::courses::LabMain(app, "collectives_three_ways", argc, argv,
                                  [&] { return strata::courses::Run(question, trace); });
}
