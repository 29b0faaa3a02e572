// The verb on the graph of a rank: shard.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/textproto.h"
#include "cli/command.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/sharding.h"
#include "distributed/partition/spmd.h"
#include "distributed/partition/wire_bytes.h"
#include "distributed/plan/validate.h"
#include "framework/graph/text.h"
#include "framework/graph/types.h"

namespace strata::cli {
namespace {

struct Options {
  std::string input;
  std::string output = "-";
  std::string plan;
  std::string algorithm = "ring";
  std::vector<std::string> symbols;
  int ranks = 2;
  bool annotated = false;
  bool json = false;
};

using CallTraffic = std::map<std::pair<std::string, std::string>, distributed::Traffic>;

std::string TypeText(const graph::Graph& graph, uint32_t value) {
  return graph::TypeOf(graph.values(static_cast<int>(value))).ToString();
}

// An object a line: each input, whole and as a rank has it; what the ranks send; the sizes of it all.
void PrintJson(const graph::Graph& whole, const graph::Graph& mine, int64_t ranks,
               const CallTraffic& traffic) {
  for (int i = 0; i < mine.inputs_size(); ++i) {
    const uint32_t value = mine.inputs(i).value();
    const std::string& name = mine.values(static_cast<int>(value)).name();
    PrintLine({{"input", name},
               {"whole", TypeText(whole, whole.inputs(i).value())},
               {"local", TypeText(mine, value)}});
  }
  for (const auto& [call, sent] : traffic) {
    PrintLine({{"collective", call.first},
               {"group", call.second},
               {"calls", sent.calls},
               {"bytes", sent.bytes}});
  }
  PrintLine({{"ranks", ranks},
             {"nodes", mine.nodes_size()},
             {"bytes", distributed::TotalBytes(traffic)}});
}

absl::Status Shard(const Options& options) {
  if (options.json && options.annotated)
    return absl::InvalidArgumentError("--json is of a rank's graph; leave out --annotated");
  STRATA_ASSIGN_OR_RETURN(graph::Graph whole, LoadGraph(options.input));
  parallel::ParallelPlan plan = parallel::DataParallelPlan(options.ranks);
  const std::string named = options.plan.empty() ? "--ranks" : options.plan;
  if (!options.plan.empty()) STRATA_RETURN_IF_ERROR(ReadTextProto(options.plan, &plan));
  STRATA_RETURN_IF_ERROR(Annotate(parallel::ValidateParallelPlan(plan), named));
  STRATA_ASSIGN_OR_RETURN(whole, BindFlags(whole, options.symbols));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph annotated, distributed::AssignShardings(whole, plan));
  if (options.annotated) return Emit(options.output, graph::PrintGraph(annotated));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph mine, distributed::PartitionSpmd(annotated, plan));
  if (!options.json) return Emit(options.output, graph::PrintGraph(mine));
  // All that may fail before anything is written.
  STRATA_ASSIGN_OR_RETURN(const distributed::Mesh mesh, distributed::Mesh::Create(plan));
  const absl::StatusOr<CallTraffic> traffic = distributed::WireBytes(mine, mesh, options.algorithm);
  if (absl::IsNotFound(traffic.status())) return Annotate(traffic.status(), "--algorithm");
  STRATA_RETURN_IF_ERROR(traffic.status());
  if (options.output != "-") STRATA_RETURN_IF_ERROR(Emit(options.output, graph::PrintGraph(mine)));
  PrintJson(whole, mine, mesh.ranks(), *traffic);
  return absl::OkStatus();
}

}  // namespace

void AddShardCommand(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App* shard = AddVerb(
      app, action, "shard",
      "Rewrite a graph for a rank of a ParallelPlan: local shapes, collectives", options, Shard);
  shard->add_option("graph", o.input, "graph in text form, or - for standard input")->required();
  shard->add_option("--ranks", o.ranks, "data-parallel ranks")->capture_default_str();
  shard->add_option("--plan", o.plan, "a ParallelPlan textproto instead of --ranks");
  shard->add_option("--dim", o.symbols, "size of a symbolic dim: NAME=SIZE");
  shard->add_flag("--annotated", o.annotated,
                  "stop before the rewrite: the whole graph, each value with its sharding");
  shard->add_option("-o,--output", o.output, "where the rank's graph goes; - is standard output");
  shard->add_flag("--json", o.json,
                  "in the place of a graph on standard output: inputs whole and local, and the "
                  "bytes that collectives send, one object a line");
  shard->add_option("--algorithm", o.algorithm, "of the collectives, whose bytes --json counts")
      ->capture_default_str();
}

}  // namespace strata::cli
