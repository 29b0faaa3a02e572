// //courses/llm/train_to_serve: from text to served text, and what fewer bits cost on the way. Fails when a claim does not
// hold.
//
//   bazel run -c opt //courses/llm/train_to_serve -- --output=train_to_serve
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/lab/lab_main.h"
#include "courses/llm/train_to_serve/pipeline.h"
#include "courses/llm/train_to_serve/report.h"

namespace strata::courses {
namespace {

absl::StatusOr<Report> Run(const PipelineOptions& options, bool json) {
  STRATA_ASSIGN_OR_RETURN(const Pipeline run, RunPipeline(options));
  if (json) std::fputs(ToJson(run).c_str(), stdout);
  std::fprintf(stderr, "model:  %s\n", run.checkpoint.c_str());
  return MakeReport(run);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::PipelineOptions options;
  options.folder = "train_to_serve";
  bool json = false;
  CLI::App app(
      "A tokenizer is learned, a small Llama trained, converted to GGUF in several number formats, "
      "measured on held-out text, and served over HTTP.");
  app.add_option("--steps", options.steps, "of training")
      ->capture_default_str()
      ->check(CLI::Range(20, 1000000));
  app.add_option("--layers", options.layers, "of the model")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--width", options.width, "of the model, a multiple of 64")->capture_default_str();
  app.add_option("--batch", options.batch, "sequences of a step")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--sequence", options.sequence, "tokens of a sequence")
      ->capture_default_str()
      ->check(CLI::Range(64, 4096));
  app.add_option("--learning-rate", options.learning_rate, "at its peak")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--stories", options.stories, "to learn from")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--formats", options.formats, "f32 and others to compare with it")
      ->capture_default_str()
      ->delimiter(',');
  app.add_option("--served", options.served, "the format that is served")->capture_default_str();
  app.add_option("--seed", options.seed, "of text, weights and batches")->capture_default_str();
  app.add_flag("--json", json, "one object a format instead of claims");
  return strata::courses::LabFolderMain(app, "train_to_serve", argc, argv, options.folder,
                                        [&] { return strata::courses::Run(options, json); });
}
