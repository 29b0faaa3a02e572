// //courses/chips/five_machines: models on a CPU, three simulated NPUs and an analytic GPU.
//
//   bazel run -c opt //courses/chips/five_machines -- --output=five_machines.html
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "courses/chips/five_machines/models.h"
#include "courses/chips/five_machines/race.h"
#include "courses/chips/five_machines/report.h"
#include "courses/lab/lab_main.h"

namespace strata::courses {
namespace {

void Print(const Race& race) {
  std::printf("%s\n", race.model.c_str());
  for (const Entry& entry : race.entries) {
    std::printf("  %-13s %12.3f us  %12.0f B  %12.3f uJ  %6.2f %% of peak, %d steps on the host\n",
                entry.machine->name.c_str(), 1e6 * entry.seconds, entry.bytes,
                1e6 * entry.joules.value_or(0), 100 * entry.utilisation, entry.host_steps);
  }
}

absl::StatusOr<Report> Run(int64_t side, int runs) {
  STRATA_ASSIGN_OR_RETURN(const LabModel lenet, Int8LeNet());
  STRATA_ASSIGN_OR_RETURN(const LabModel resnet, Int8ResNet18(side));
  STRATA_ASSIGN_OR_RETURN(const LabModel prefill, Bf16GptBlock(64));
  STRATA_ASSIGN_OR_RETURN(const LabModel decode, Bf16GptBlock(1));
  std::vector<Heat> heats;
  for (const std::vector<LabModel>& models :
       {std::vector<LabModel>{lenet, resnet}, std::vector<LabModel>{prefill, decode}}) {
    STRATA_ASSIGN_OR_RETURN(Heat heat, RunHeat(models, runs, /*quick=*/false));
    for (const Race& race : heat.races) Print(race);
    heats.push_back(std::move(heat));
  }
  return MakeReport(heats);
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  int64_t side = 224;
  int runs = 5;
  CLI::App app(
      "int8 networks and a bf16 GPT block on five machines each: latency, bytes, energy, and what "
      "comes out. Fails when a claim is false.");
  app.add_option("--side", side, "of ResNet-18's image")
      ->capture_default_str()
      ->check(CLI::Range(32, 512));
  app.add_option("--runs", runs, "timed on the CPU")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  return strata::courses::LabMain(app, "five_machines", argc, argv,
                                  [&] { return strata::courses::Run(side, runs); });
}
