// //courses/compiler/tuning_race: how many trials a search needs. Fails when a claim does not hold.
//
//   bazel run -c opt //courses/compiler/tuning_race -- -o tuning_race.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "base/user_path.h"
#include "courses/compiler/tuning_race/race.h"

namespace strata::courses {
namespace {

absl::StatusOr<bool> Run(const RaceOptions& options, const std::string& output) {
  STRATA_ASSIGN_OR_RETURN(const Race race, RunRace(options));
  for (const Course& course : race.courses) {
    std::printf("%s: %lld points\n", course.landscape.c_str(),
                static_cast<long long>(course.points));
    for (const Curve& curve : course.curves) {
      std::printf("  %-14s after 32: %.3f, after 64: %.3f of the optimum\n", curve.strategy.c_str(),
                  curve.median[31], curve.median[63]);
    }
  }
  for (const Claim& claim : race.claims) {
    std::printf("%s  %s (%s)\n", claim.holds ? "PASS" : "FAIL", claim.claim.c_str(),
                claim.evidence.c_str());
  }
  STRATA_RETURN_IF_ERROR(WriteReport(race, output));
  std::printf("report: %s\n", output.c_str());
  return race.AllHold();
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::RaceOptions options;
  std::string output = "tuning_race.html";
  CLI::App app(
      "Random, evolutionary and learned search against exhaustive search, on counted costs.");
  app.add_option("-o,--output", output, "the report")->capture_default_str();
  app.add_option("--seeds", options.seeds, "runs of each strategy")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const auto holds = strata::courses::Run(options, strata::UserPath(output));
  if (!holds.ok()) {
    std::fprintf(stderr, "tuning_race: %s\n", std::string(holds.status().message()).c_str());
    return strata::ExitCode(holds.status());
  }
  if (!*holds) std::fprintf(stderr, "tuning_race: a claim does not hold; see FAIL above\n");
  return *holds ? 0 : 1;
}
