// One rank of the tiny training, as any launcher starts it: an example of a program that survives, and what the tests of
// launchers run.
//
//   strata launch -n 4 --max-restarts=9 -- tiny_elastic --root=/shared/run1 --steps=1000 --save-every=20
//   mpirun -n 4 tiny_elastic --root=/shared/run1 --steps=1000 --save-every=20
//
// Rank 0 prints the loss of each step, and its bits.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "distributed/elastic/tiny_processes.h"
#include "distributed/transport/launch_env.h"

namespace strata::distributed {
namespace {

absl::Status Run(TinyRun run, int step_ms) {
  STRATA_ASSIGN_OR_RETURN(const LaunchEnv env, FromEnvironment());
  setenv("STRATA_TRANSPORT", "tcp", /*overwrite=*/0);
  run.change_run = [&](const Seat& seat, ElasticRun& elastic) {
    elastic.on_step = [rank = seat.rank, step_ms](int64_t step, double loss) {
      uint64_t bits;
      std::memcpy(&bits, &loss, sizeof(bits));
      if (rank == 0) {
        std::printf("step %d loss %.6f bits %016llx\n", static_cast<int>(step), loss,
                    static_cast<unsigned long long>(bits));
        std::fflush(stdout);
      }
      usleep(static_cast<useconds_t>(step_ms) * 1000);
    };
  };
  return TinyRankMain(run)({0, env.rank, env.size, nullptr});
}

}  // namespace
}  // namespace strata::distributed

int main(int argc, char** argv) {
  strata::distributed::TinyRun run;
  run.steps = 100;
  int step_ms = 0;
  CLI::App app("One rank of a tiny training that goes on from its last commit.");
  app.add_option("--root", run.root, "folder of the checkpoints, shared by all ranks")->required();
  app.add_option("--steps", run.steps, "the last step")->capture_default_str();
  app.add_option("--save-every", run.save_every, "steps between commits; 0: only the last")
      ->capture_default_str();
  app.add_option("--step-ms", step_ms, "milliseconds to sleep after each step")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::distributed::Run(run, step_ms);
  if (!status.ok()) {
    std::fprintf(stderr, "tiny_elastic: %s\n", std::string(status.message()).c_str());
  }
  return strata::ExitCode(status);
}
