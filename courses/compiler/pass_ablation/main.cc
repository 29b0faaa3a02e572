// //courses/compiler/pass_ablation: what each compiler pass is worth. Fails when a claim does not hold.
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "courses/compiler/pass_ablation/ablation.h"
#include "courses/compiler/pass_ablation/models.h"
#include "courses/compiler/pass_ablation/report.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

struct Flags {
  bool json = false;
  bool counts_only = false;
  CnnSizes cnn;
  GptSizes gpt;
};

absl::StatusOr<Report> Run(const Flags& flags) {
  const AblationOptions options{.measure = !flags.counts_only};
  STRATA_ASSIGN_OR_RETURN(const graph::Graph cnn_graph, CnnTrainingStep(flags.cnn));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph gpt_graph, GptTrainingStep(flags.gpt));
  STRATA_ASSIGN_OR_RETURN(const Ablation cnn, Ablate("cnn", cnn_graph, flags.cnn.classes, options));
  STRATA_ASSIGN_OR_RETURN(const Ablation gpt,
                          Ablate("gpt", gpt_graph, flags.gpt.vocabulary, options));
  for (const Ablation* ablation : {&cnn, &gpt}) {
    if (flags.json) {
      std::fputs(ToJson(*ablation).c_str(), stdout);
      continue;
    }
    std::printf("%-4s %-40s %8s %6s %10s %10s %9s\n", ablation->model.c_str(), "left out",
                "launches", "host", "MB moved", "MB arena", "ms");
    for (const Variant& v : ablation->variants) {
      std::printf("     %-40s %8d %6d %10.2f %10.3f %9.2f\n", v.name.c_str(), v.launches,
                  v.host_calls, v.bytes / 1e6, v.arena / 1e6, 1e3 * v.seconds);
    }
  }
  return MakeReport({&cnn, &gpt}, ClaimsOf(cnn, gpt));
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::Flags flags;
  CLI::App app(
      "What each compiler pass is worth: a CNN's and a GPT's training step, compiled with one pass "
      "left out at a time.");
  app.add_flag("--json", flags.json, "one object a variant instead of tables");
  app.add_flag("--counts-only", flags.counts_only, "measure no time: nothing is run on the device");
  app.add_option("--layers", flags.gpt.layers, "of the GPT")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", flags.gpt.tokens, "of the GPT, a row")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--image", flags.cnn.image, "side of the CNN's images")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  return strata::courses::LabMain(app, "pass_ablation", argc, argv,
                                  [&] { return strata::courses::Run(flags); });
}
