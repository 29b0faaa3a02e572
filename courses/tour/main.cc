// //courses/tour: the whole stack in about two minutes. Fails when a claim does not hold.
#include <cstdio>
#include <filesystem>
#include <string>

#include "CLI/CLI.hpp"
#include "base/file.h"
#include "chips/spec/host/host.h"
#include "compiler/device/device.h"
#include "courses/lab/lab_main.h"
#include "courses/tour/tour.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run(Tour& tour) {
  tour.work = JoinPath(tour.options.output, "work");
  std::error_code error;
  std::filesystem::remove_all(tour.work, error);
  STRATA_RETURN_IF_ERROR(MakeDirectories(tour.work));
  compiler::RegisterAllDevices();

  struct Chapter {
    const char* title;
    absl::Status (*run)(Tour&);
  };
  constexpr Chapter kChapters[] = {
      {"Text: a corpus, and a tokenizer learned from it", ReadText},
      {"Training: a GPT on two data-parallel ranks", Train},
      {"The road of one tensor, from the model line to the clock", FollowTensor},
      {"Serving: the trained model over HTTP", Serve},
  };
  std::fprintf(stderr, "0. This machine, measured\n");
  STRATA_ASSIGN_OR_RETURN(tour.host, chips::MeasureHost(chips::HostOptions()));
  int number = 0;
  for (const Chapter& chapter : kChapters) {
    std::fprintf(stderr, "%d. %s\n", ++number, chapter.title);
    STRATA_RETURN_IF_ERROR(Annotate(chapter.run(tour), chapter.title));
  }
  STRATA_RETURN_IF_ERROR(WriteTrace(tour));
  std::fprintf(stderr, "trace:  %s (for ui.perfetto.dev)\nmodel:  %s\n",
               JoinPath(tour.options.output, "trace.json").c_str(),
               tour.training.checkpoint.c_str());
  return MakeReport(tour);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::Tour tour;
  strata::courses::TourOptions& options = tour.options;
  CLI::App app(
      "The whole stack in about two minutes: text, tokenizer, training on two ranks, compiler, "
      "chips, int8, server.");
  app.add_option("--corpus", options.corpus,
                 "text file(s) to learn from; default: this system's C and C++ headers");
  app.add_option("--steps", options.steps, "training steps; 0: about a minute of them")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", options.seed, "of weights and batches")->capture_default_str();
  app.add_option("--port", options.port, "of the server; 0: any free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  app.add_flag("--quick", options.quick, "a much smaller model: every chapter in a few seconds");
  return strata::courses::LabFolderMain(app, "tour", argc, argv, options.output,
                                        [&] { return strata::courses::Run(tour); });
}
