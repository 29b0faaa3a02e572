// //courses/chips/tensor_cores: what the sums of real chips do to results and to training. Fails when a claim does not
// hold.
//
//   bazel run //courses/chips/tensor_cores -- -o tensor_cores.html
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/chips/tensor_cores/report.h"
#include "courses/chips/tensor_cores/study.h"
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
      "What the sums of real tensor cores do: bias and noise against the length of a sum, and a "
      "small GPT trained as V100, A100, H100 and B200 against exact sums. Half a minute on two "
      "cores.");
  app.add_option("--steps", options.training.steps, "of each training run")
      ->capture_default_str()
      ->check(CLI::Range(20, 100000));
  app.add_option("--products", options.most_products, "of the longest sum")
      ->capture_default_str()
      ->check(CLI::Range(4096, 1 << 20));
  app.add_flag("--json", json, "one object a sum and a run instead of claims");
  return strata::courses::LabMain(app, "tensor_cores", argc, argv,
                                  [&] { return strata::courses::Run(options, json); });
}
