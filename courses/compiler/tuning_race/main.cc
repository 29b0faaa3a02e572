// //courses/compiler/tuning_race: how many trials a search needs. Fails when a claim does not hold.
//
//   bazel run -c opt //courses/compiler/tuning_race -- -o tuning_race.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/compiler/tuning_race/race.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run(const RaceOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const Race race, RunRace(options));
  for (const Course& course : race.courses) {
    std::printf("%s: %lld points\n", course.landscape.c_str(),
                static_cast<long long>(course.points));
    for (const Curve& curve : course.curves) {
      std::printf("  %-14s after 32: %.3f, after 64: %.3f of the optimum\n", curve.strategy.c_str(),
                  curve.median[31], curve.median[63]);
    }
  }
  return MakeReport(race);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::RaceOptions options;
  CLI::App app(
      "Random, evolutionary and learned search against exhaustive search, on counted costs.");
  app.add_option("--seeds", options.seeds, "runs of each strategy")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  return strata::courses::LabMain(app, "tuning_race", argc, argv,
                                  [&] { return strata::courses::Run(options); });
}
