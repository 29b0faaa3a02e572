// What the verbs of `strata` share: one table of verbs, and loading by file ending.
#ifndef STRATA_CLI_COMMAND_H_
#define STRATA_CLI_COMMAND_H_

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"
#include "nlohmann/json.hpp"

namespace strata::cli {

// The verb that the arguments picked; run after parsing.
using Action = std::function<absl::Status()>;

// Adds a verb that does `run(*options)`. `options` outlives the parsing, which fills them.
template <typename Options>
CLI::App* AddVerb(CLI::App& app, Action& action, const std::string& name, const std::string& help,
                  const std::shared_ptr<Options>& options, absl::Status (*run)(const Options&)) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->callback([&action, options, run] { action = [options, run] { return run(*options); }; });
  return verb;
}

// Each adds its verbs to `app`; a verb that was given sets `action`.
void AddGraphCommands(CLI::App& app, Action& action);    // ops, chips, opt, compile, run, predict
void AddShardCommand(CLI::App& app, Action& action);     // shard
void AddToolCommands(CLI::App& app, Action& action);     // graph, provenance, reduce
void AddQuantizeCommand(CLI::App& app, Action& action);  // quantize
void AddConvertCommand(CLI::App& app, Action& action);   // convert
void AddModelCommands(CLI::App& app, Action& action);    // train, generate, tokenize, serve
void AddLaunchCommand(CLI::App& app, Action& action);    // launch
void AddBenchCommands(CLI::App& app, Action& action);    // bench serve, and:
void AddSoakCommand(CLI::App& bench, Action& action);    // bench soak

// A graph in text form (.graph, or "-" for standard input) or as a binary proto (.pb); verified.
absl::StatusOr<graph::Graph> LoadGraph(const std::string& path);
// A plan as a binary proto, or in text form when the file ends in .textproto; validated.
absl::StatusOr<plan::Plan> LoadPlan(const std::string& path);
absl::Status SavePlan(const std::string& path, const plan::Plan& plan);
// The graph with the sizes of flags "NAME=SIZE" for its symbols.
absl::StatusOr<graph::Graph> BindFlags(const graph::Graph& graph,
                                       const std::vector<std::string>& symbols);
// The chip that was asked for; when none was, this machine, or the one that stands for the simulated NPU.
absl::StatusOr<chips::Chip> ChipFor(const std::string& name, const std::string& device);
// To the file, or to standard output for "-".
absl::Status Emit(const std::string& path, const std::string& content);
// One line of --json; what is no UTF-8 is replaced.
void PrintLine(const nlohmann::ordered_json& object, std::FILE* to = stdout);

}  // namespace strata::cli

#endif  // STRATA_CLI_COMMAND_H_
