// //courses/distributed/pipeline_zoo: nine pipeline schedules, simulated beside their papers'
// closed forms.
//
//   bazel run -c opt //courses/distributed/pipeline_zoo -- --output=zoo.html --trace=zoo.json
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/file.h"
#include "chips/timeline/chrome_trace.h"
#include "courses/distributed/pipeline_zoo/paced.h"
#include "courses/distributed/pipeline_zoo/report.h"
#include "courses/distributed/pipeline_zoo/zoo.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

absl::Status WriteTrace(const Zoo& zoo, const std::string& path) {
  std::vector<chips::Timeline> timelines;
  for (const Animal& animal : zoo.animals) {
    timelines.push_back(animal.run.timeline);
    if (animal.unit_ns > 0) timelines.push_back(animal.measured);
  }
  return WriteFileAtomic(path, chips::ToChromeTrace(timelines));
}

void PrintAnimals(const Zoo& zoo) {
  std::printf("%-18s %6s %8s %6s %8s %12s %11s %9s\n", "schedule", "step", "bubble", "idle",
              "formula", "activations", "parameters", "messages");
  for (const Animal& animal : zoo.animals) {
    const bool own = animal.form.of_own_span;
    std::printf("%-18s %6lld %7.1f%% %6lld %8lld %12g %11g %9d%s\n", animal.name.c_str(),
                static_cast<long long>(animal.run.makespan), 100 * animal.run.bubble_fraction(),
                static_cast<long long>(own ? animal.run.gaps() : animal.run.bubble()),
                static_cast<long long>(animal.form.bubble), animal.activations, animal.parameters,
                animal.messages, own ? "  (idle between a rank's own slots)" : "");
  }
}

constexpr int kRepeats = 3;

// The shortest of a few runs of each: what is not the schedule's only adds.
absl::Status Measure(int64_t unit_us, Zoo* zoo) {
  for (Animal& animal : zoo->animals) {
    animal.unit_ns = unit_us * 1000;
    for (int i = 0; i < kRepeats; ++i) {
      STRATA_ASSIGN_OR_RETURN(chips::Timeline run, RunPaced(animal.schedule, animal.times,
                                                            std::chrono::microseconds(unit_us)));
      if (i == 0 || EndOf(run) < EndOf(animal.measured)) animal.measured = std::move(run);
    }
  }
  return absl::OkStatus();
}

struct Flags {
  std::string trace = "";
  int64_t unit_us = 400;
};

absl::StatusOr<Report> Run(const ZooQuestion& question, const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(Zoo zoo, MakeZoo(question));
  if (flags.unit_us > 0) STRATA_RETURN_IF_ERROR(Measure(flags.unit_us, &zoo));
  PrintAnimals(zoo);
  if (!flags.trace.empty()) {
    STRATA_RETURN_IF_ERROR(WriteTrace(zoo, flags.trace));
    std::printf("trace: %s\n", flags.trace.c_str());
  }
  return MakeReport(zoo);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::ZooQuestion question;
  strata::courses::Flags flags;
  CLI::App app(
      "GPipe, 1F1B, interleaved, Chimera, ZB-H1, ZB-H2, ZB-V, DualPipe and DualPipeV of one model: "
      "charts, idle time and activations beside the papers' closed forms. Fails when a claim is "
      "false.");
  app.add_option("--trace", flags.trace,
                 "also a Chrome trace of all schedules, for ui.perfetto.dev");
  app.add_option("--ranks", question.ranks, "of the pipeline, even")->capture_default_str();
  app.add_option("--microbatches", question.microbatches, "a multiple of the ranks, at least twice")
      ->capture_default_str();
  app.add_option("--forward", question.forward, "time of F of a rank's share")
      ->capture_default_str();
  app.add_option("--backward-input", question.backward_input, "time of B")->capture_default_str();
  app.add_option("--weight", question.weight, "time of W")->capture_default_str();
  app.add_option("--unit-us", flags.unit_us,
                 "microseconds that a unit of time takes in the paced runs; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  return strata::courses::LabMain(app, "pipeline_zoo", argc, argv,
                                  [&] { return strata::courses::Run(question, flags); });
}
