// The verb that strains a server: `strata bench soak`.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "cli/bench_target.h"
#include "cli/command.h"
#include "inference/load/completion_target.h"
#include "inference/load/soak.h"

namespace strata::cli {
namespace {

struct SoakFlags {
  TargetFlags target;
  double minutes = 10;
  inference::SoakOptions soak;
};

absl::Status RunSoak(const SoakFlags& flags) {
  STRATA_ASSIGN_OR_RETURN(const Target target, OpenTarget(flags.target));
  inference::ServerAddress address{"127.0.0.1", target.server ? target.server->port() : 0, ""};
  if (!flags.target.url.empty()) {
    STRATA_ASSIGN_OR_RETURN(address, inference::ParseUrl(flags.target.url));
  }
  inference::SoakOptions soak = flags.soak;
  soak.seconds = flags.minutes * 60;
  if (isatty(STDERR_FILENO) == 1) {
    soak.on_progress = [](const std::string& line) {
      std::fprintf(stderr, "\r%s", line.substr(0, line.find('\n')).c_str());
    };
  }
  STRATA_ASSIGN_OR_RETURN(const inference::SoakReport report,
                          inference::Soak(address.host, address.port, soak));
  std::printf("%s", inference::SoakText(report).c_str());
  return report.faults.empty() ? absl::OkStatus()
                               : absl::InternalError("the server did not stand the soak");
}

}  // namespace

void AddSoakCommand(CLI::App& bench, Action& action) {
  auto flags = std::make_shared<SoakFlags>();
  SoakFlags& o = *flags;
  CLI::App* soak =
      AddVerb(bench, action, "soak",
              "Random requests, cancels, disconnects and malformed bodies on a server: no leak, no "
              "stall, and the same greedy text must come of it",
              flags, RunSoak);
  AddTargetFlags(soak, &o.target);
  soak->add_option("--minutes", o.minutes, "how long")->capture_default_str();
  soak->add_option("--clients", o.soak.clients, "that send random requests")->capture_default_str();
  soak->add_option("--watchers", o.soak.watchers, "that ask the same question again and again")
      ->capture_default_str();
  soak->add_option("--most-tokens", o.soak.most_tokens, "of prompts, and of answers")
      ->capture_default_str();
  soak->add_option("--stall-seconds", o.soak.stall_seconds,
                   "an answer that takes longer is a fault")
      ->capture_default_str();
  soak->add_option("--seed", o.soak.seed, "of what is sent")->capture_default_str();
}

}  // namespace strata::cli
