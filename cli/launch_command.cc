// The verb that starts ranks: launch.
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "distributed/launch/launch.h"

namespace strata::cli {
namespace {

constexpr char kFooter[] =
    "A rank finds RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT (as "
    "torchrun sets them),\nSTRATA_TRANSPORT and STRATA_GENERATION in its environment. The exit "
    "code is that of the first rank that failed.\n\n"
    "  strata launch -n 4 -- train recipe.textproto                  a verb of strata\n"
    "  strata launch -n 4 --transport=shm -- ./my_program --flag     any program\n"
    "  strata launch -n 4 --max-restarts=10 -- train r.textproto     starts again after a failure\n"
    "  strata launch -n 8 --min-ranks=6 --max-restarts=9 -- ...      with fewer ranks, if need "
    "be\n"
    "  strata launch -n 4 --nnodes=2 --node-rank=0 --master-addr=10.0.0.1 -- ...   on each of two "
    "machines\n";

struct Options {
  distributed::LaunchOptions launch;
  double grace_seconds = 5;
  std::string output = "all";
  bool no_prefix = false;
  std::function<bool(const std::string&)> is_verb;
};

// This program's own file.
std::string Self() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "strata";
}

absl::Status RunLaunch(const Options& options) {
  distributed::LaunchOptions launch = options.launch;
  if (!launch.command.empty() && options.is_verb(launch.command[0]))
    launch.command.insert(launch.command.begin(), Self());
  launch.grace = std::chrono::milliseconds(static_cast<int64_t>(options.grace_seconds * 1e3));
  using Output = distributed::LaunchOptions::Output;
  launch.output = options.output == "all"     ? Output::kAll
                  : options.output == "first" ? Output::kFirst
                                              : Output::kNone;
  launch.prefix = !options.no_prefix;
  STRATA_ASSIGN_OR_RETURN(const distributed::LaunchResult result, distributed::Launch(launch));
  std::fflush(stdout);
  if (result.exit_code != 0) std::exit(result.exit_code);  // theirs, whatever it means to them
  return absl::OkStatus();
}

}  // namespace

void AddLaunchCommand(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  options->is_verb = [&app](const std::string& word) {
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
      if (verb->check_name(word)) return true;
    return false;
  };
  CLI::App* verb =
      AddVerb(app, action, "launch", "Start a command as several ranks, and see them to their end",
              options, RunLaunch);
  distributed::LaunchOptions& o = options->launch;
  verb->footer(kFooter);
  verb->add_option("-n,--ranks", o.ranks, "ranks on this machine")->capture_default_str();
  verb->add_option("--transport", o.transport, "how the ranks talk: tcp, shm")
      ->capture_default_str();
  verb->add_option("--timeout", o.timeout_seconds,
                   "whole seconds that a rank waits for another; without, the ranks' own 300");
  verb->add_option("--max-restarts", o.max_restarts,
                   "how often all ranks are started again after a failure")
      ->capture_default_str();
  verb->add_option("--min-ranks", o.min_ranks,
                   "a generation after a failure has one rank less, but not fewer than this");
  verb->add_option("--max-ranks", o.max_ranks, "the most ranks --discovery may bring");
  verb->add_option("--discovery", o.discovery,
                   "a shell command that prints how many ranks this machine has room for now");
  verb->add_option("--grace", options->grace_seconds,
                   "seconds that ranks have to end before they are killed")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  verb->add_option("--output", options->output, "whose lines are shown: all, first, none")
      ->check(CLI::IsMember({"all", "first", "none"}))
      ->capture_default_str();
  verb->add_flag("--no-prefix", options->no_prefix, "lines without their rank in front");
  verb->add_option("--nnodes", o.nodes, "machines, each with a launcher and as many ranks")
      ->capture_default_str();
  verb->add_option("--node-rank", o.node_rank, "this machine's place among them")
      ->capture_default_str();
  verb->add_option("--master-addr", o.master_address,
                   "address of machine 0, as all machines reach it");
  verb->add_option("--master-port", o.master_port,
                   "port on it; by default any free one, with several machines 29500");
  verb->add_option("command", o.command, "after --: a verb of strata, or a program; its arguments")
      ->required();
}

}  // namespace strata::cli
