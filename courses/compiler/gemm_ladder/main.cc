// //courses/compiler/gemm_ladder: one matrix product, five ways to write it. Fails when a claim does not hold.
//
//   bazel run -c opt //courses/compiler/gemm_ladder -- --size=768 --output=gemm_ladder.html
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "compiler/gemm/ladder.h"
#include "courses/compiler/gemm_ladder/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using compiler::GemmProblem;
using compiler::GemmRung;

struct Flags {
  int64_t size = 768;
  double seconds = 1;
};

constexpr double kLineBytes = 64;

// FLOPs for each byte that the counted cache fetches.
double Intensity(const GemmRung& rung) {
  return compiler::CountedProblem().flops() / (kLineBytes * rung.counts.lines);
}

// One for each level of memory that may serve what the first-level cache fetches.
std::vector<Roof> RoofsOf(const chips::Chip& core, double peak) {
  std::vector<Roof> roofs;
  for (const chips::MemoryLevel& memory : core.memories()) {
    const double bandwidth = memory.bandwidth_bytes_per_second().value();
    if (memory.name() != "L1" && bandwidth > 0)
      roofs.push_back({absl::StrCat("this core, from ", memory.name()), peak, bandwidth});
  }
  return roofs;
}

std::string Plot(const GemmProblem& problem, const std::vector<GemmRung>& rungs,
                 const std::vector<Roof>& roofs) {
  std::vector<RooflinePoint> points;
  for (const GemmRung& rung : rungs)
    points.push_back({rung.name, Intensity(rung), rung.gflops(problem) * 1e9, "measured"});
  return RooflinePlot({.title = "The ladder on the roofline, one thread", .height = 420}, roofs,
                      points);
}

Table RungTable(const GemmProblem& problem, const std::vector<GemmRung>& rungs, double peak) {
  Table table;
  table.columns = {
      {"rung"},        {"GFLOP/s", true},     {"of peak", true}, {"multiply-adds", true},
      {"loads", true}, {"cache lines", true}, {"error", true}};
  table.sortable = false;
  table.caption =
      "Measured rate, and for a small product what its loops do: multiply-add instructions, loads "
      "of A and B for them, "
      "lines that a cache of 32 KiB fetches. Error in units of what rounding allows.";
  for (const GemmRung& rung : rungs) {
    table.rows.push_back({rung.name, absl::StrFormat("%.1f", rung.gflops(problem)),
                          absl::StrFormat("%.1f %%", 100 * rung.gflops(problem) * 1e9 / peak),
                          Cell(rung.counts.multiply_adds), Cell(rung.counts.loads),
                          Cell(rung.counts.lines), absl::StrFormat("%.2g", rung.error)});
  }
  return table;
}

void AddRungs(const GemmProblem& problem, const std::vector<GemmRung>& rungs, Report* report) {
  for (const GemmRung& rung : rungs) {
    report->AddSubsection(rung.name);
    report->AddParagraph(absl::StrFormat("%s %.1f GFLOP/s.", rung.idea, rung.gflops(problem)));
    report->BeginDetails("The C that was compiled");
    report->AddCode(rung.source, "c");
    report->EndDetails();
  }
}

absl::StatusOr<Report> Run(const Flags& flags) {
  const GemmProblem problem{.M = flags.size, .N = flags.size, .K = flags.size};
  chips::HostOptions one;
  one.threads = 1;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip host, chips::MeasureHost(one));
  STRATA_ASSIGN_OR_RETURN(const double peak, chips::PeakFlops(host, chips::F32, /*matmul=*/true));
  compiler::LadderOptions options;
  options.seconds = flags.seconds;
  STRATA_ASSIGN_OR_RETURN(const std::vector<GemmRung> rungs,
                          compiler::ClimbGemmLadder(problem, options));

  Report report("The ladder of matrix products",
                absl::StrFormat("C = A B of %d x %d x %d floats on one thread: from three loops to "
                                "the compiler's own kernel",
                                flags.size, flags.size, flags.size));
  for (const GemmRung& rung : rungs) {
    report.AddCard({rung.name, absl::StrFormat("%.1f GFLOP/s", rung.gflops(problem)),
                    absl::StrFormat("%.1f %% of peak", 100 * rung.gflops(problem) * 1e9 / peak)});
    std::printf("%-8s %8.1f GFLOP/s  %5.1f %% of peak\n", rung.name.c_str(), rung.gflops(problem),
                100 * rung.gflops(problem) * 1e9 / peak);
  }
  report.AddSection("The climb");
  report.AddParagraph(
      "The same sums every time. What changes is how often memory is asked, and how much one "
      "instruction does. Intensity below is arithmetic for each byte that a first-level cache "
      "fetches, **counted** by walking the loops; the rate is **measured**. A point above the roof "
      "of a memory is served by a nearer one.");
  report.AddFigure(Plot(problem, rungs, RoofsOf(host, peak)),
                   "Each rung: counted intensity, measured rate.");
  report.AddTable(RungTable(problem, rungs, peak));
  report.AddSection("What is claimed");
  report.AddClaims(CountedClaims(rungs));
  report.AddClaims(MeasuredClaims(rungs));
  report.AddSection("Rung by rung");
  AddRungs(problem, rungs, &report);
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::Flags flags;
  CLI::App app(
      "One matrix product, five ways to write it: naive, tiled, packed, vector, tuned; a report "
      "with the roofline.");
  app.add_option("--size", flags.size, "rows and columns of the matrices")
      ->capture_default_str()
      ->check(CLI::Range(16, 8192));
  app.add_option("--seconds", flags.seconds, "of measuring a rung")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  return strata::courses::LabMain(app, "gemm_ladder", argc, argv,
                                  [&] { return strata::courses::Run(flags); });
}
