// //courses/chips/systolic_array: dataflows against shapes of arrays and layers, and a small array that moves.
//
//   bazel run -c opt //courses/chips/systolic_array -- --output=systolic_array.html
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "courses/chips/systolic_array/animation.h"
#include "courses/chips/systolic_array/report.h"
#include "courses/chips/systolic_array/study.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using chips::systolic::Dataflow;
using chips::systolic::IntMatrix;

// 1, 2, 3, ... and alternating signs: sums that can be followed by eye.
absl::StatusOr<std::vector<GridTrace>> Traces(int side) {
  IntMatrix a(side, side), b(side, side);
  for (int64_t i = 0; i < side * side; ++i) {
    a.values[static_cast<size_t>(i)] = 1 + i % 5;
    b.values[static_cast<size_t>(i)] = (i % 3 == 1 ? -1 : 1) * (1 + i % 4);
  }
  std::vector<GridTrace> traces;
  for (const Dataflow dataflow : {Dataflow::kWeightStationary, Dataflow::kOutputStationary}) {
    STRATA_ASSIGN_OR_RETURN(GridTrace trace, TraceGrid(a, b, {side, side}, dataflow));
    traces.push_back(std::move(trace));
  }
  return traces;
}

absl::StatusOr<Report> Run(int side, const std::string& animation) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<GridTrace> traces, Traces(side));
  STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy());
  if (animation.empty()) return MakeReport(study, traces);
  for (const GridTrace& trace : traces) {
    const std::string flow(DataflowName(trace.dataflow));
    const std::string path = absl::StrCat(animation, "_", flow, ".svg");
    STRATA_RETURN_IF_ERROR(
        WriteFileAtomic(path, StandaloneSvg(AnimationSvg(trace, absl::StrCat("sa-", flow)))));
    std::printf("animation: %s\n", path.c_str());
  }
  return MakeReport(study, traces);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  std::string animation;
  int side = 3;
  CLI::App app(
      "Cycles, utilisation and traffic of systolic arrays with weights, outputs or inputs at rest. "
      "Fails when a claim is false.");
  app.add_option("--animation", animation, "also write PREFIX_ws.svg and PREFIX_os.svg");
  app.add_option("--side", side, "rows and columns of the array that is animated")
      ->capture_default_str()
      ->check(CLI::Range(1, 6));
  return strata::courses::LabMain(app, "systolic_array", argc, argv,
                                  [&] { return strata::courses::Run(side, animation); });
}
