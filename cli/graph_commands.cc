// Verbs on graphs, plans and chips.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "chips/spec/catalogue.h"
#include "chips/spec/describe.h"
#include "chips/timeline/chrome_trace.h"
#include "cli/command.h"
#include "cli/random_inputs.h"
#include "compiler/device/device.h"
#include "compiler/device/model_device.h"
#include "compiler/device/simulation_report.h"
#include "compiler/device/simulation_table.h"
#include "compiler/driver/compiler.h"
#include "compiler/pass/pass.h"
#include "compiler/plan/explain.h"
#include "compiler/tools/pass_dump.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/text.h"

namespace strata::cli {
namespace {

// The options of all verbs; each verb uses its own.
struct Options {
  std::string input;
  std::string output = "-";
  std::string chip;    // "": the device's own
  std::string device;  // "": of a plan, the one it was made for
  std::string compiler = "strata";
  std::string profile;
  std::string profile_units;
  std::string arithmetic;
  std::vector<std::string> passes;
  std::vector<std::string> symbols;
  std::vector<std::string> skip;
  std::string compute_dtype = "f32";
  std::string dump_passes;
  int threads = 0;
  int repeat = 5;
  uint64_t memory_budget = 0;
  bool explain = false;
  bool json = false;
};

absl::Status ListOps() {
  graph::RegisterAllOps();
  for (const std::string& name : graph::OpRegistry::Get().Names()) {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(name);
    std::printf("%-24s %s\n", name.c_str(), def->summary.c_str());
  }
  return absl::OkStatus();
}

absl::Status ShowChips(const Options& options) {
  if (!options.input.empty()) {
    STRATA_ASSIGN_OR_RETURN(chips::Chip chip, chips::FindChip(options.input));
    std::printf("%s", chips::DescribeChip(chip).c_str());
    return absl::OkStatus();
  }
  for (const std::string& name : chips::ChipNames()) std::printf("%s\n", name.c_str());
  return absl::OkStatus();
}

absl::Status Opt(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, LoadGraph(options.input));
  compiler::PassContext context;
  STRATA_RETURN_IF_ERROR(compiler::RunPipeline(options.passes, context, &graph));
  return Emit(options.output, graph::PrintGraph(graph));
}

absl::StatusOr<plan::Plan> CompileInput(const Options& options, double* recomputed_flops) {
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, LoadGraph(options.input));
  STRATA_ASSIGN_OR_RETURN(graph, BindFlags(graph, options.symbols));
  compiler::CompileOptions compile;
  if (!options.device.empty()) compile.device = options.device;
  STRATA_ASSIGN_OR_RETURN(chips::Chip chip, ChipFor(options.chip, compile.device));
  STRATA_ASSIGN_OR_RETURN(auto compiler, compiler::CreateCompiler(options.compiler));
  compile.skip_passes = options.skip;
  compile.compute_dtype = options.compute_dtype == "bf16" ? chips::BF16 : chips::F32;
  compile.memory_budget_bytes = options.memory_budget;
  compile.recomputed_flops = recomputed_flops;
  if (options.dump_passes.empty()) return compiler->Compile(graph, chip, compile);
  STRATA_ASSIGN_OR_RETURN(auto dump, compiler::PassDump::Create(options.dump_passes, graph));
  compile.observer = dump->observer();
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, compiler->Compile(graph, chip, compile));
  STRATA_RETURN_IF_ERROR(Annotate(dump->Finish(), "--dump-passes"));
  std::fprintf(stderr, "%s", dump->Summary().c_str());
  return plan;
}

absl::Status Compile(const Options& options) {
  double recomputed_flops = 0;
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, CompileInput(options, &recomputed_flops));
  if (options.explain) {
    std::string text = plan::ExplainPlan(plan);
    if (recomputed_flops > 0) {
      absl::StrAppend(&text, plan::HumanNumber(recomputed_flops, "FLOP"),
                      " are done a second time to save memory\n");
    }
    return Emit(options.output, text);
  }
  return SavePlan(options.output, plan);
}

absl::Status PrintTimeline(const chips::Timeline& timeline, const Options& options) {
  double total = 0;
  for (const auto& event : timeline.events()) total += static_cast<double>(event.duration_ns());
  std::printf("%-44s %10s %10s %9s  %s\n", "step", "us", "GFLOP/s", "GB/s", "origin");
  for (const auto& event : timeline.events()) {
    const double ns = std::max<double>(1, static_cast<double>(event.duration_ns()));
    std::printf("%-44.44s %10.1f %10.1f %9.1f  %s\n", event.name().c_str(), ns / 1e3,
                event.flops() / ns, event.bytes() / ns, event.origin().substr(0, 70).c_str());
  }
  std::printf("total %.3f ms in %d steps\n", total / 1e6, timeline.events_size());
  if (options.profile.empty()) return absl::OkStatus();
  return WriteFileAtomic(options.profile, chips::ToChromeTrace({timeline}));
}

// What the roofline says of a plan for the NPU; empty where it does not know the chip or a type of the plan.
chips::Timeline Predicted(const plan::Plan& plan) {
  absl::StatusOr<chips::Chip> chip = chips::FindChip(plan.target().chip());
  if (!chip.ok()) chip = chips::FindChip(plan.target().isa());
  if (!chip.ok()) return {};
  return compiler::PredictTimeline(plan, *chip).value_or(chips::Timeline());
}

absl::Status RunSimulated(const Options& options, const plan::Plan& plan,
                          compiler::Executable* executable) {
  chips::Timeline timeline, units;
  compiler::SimulationReport report;
  compiler::RunOptions run{&timeline, &report};
  if (!options.profile_units.empty()) run.unit_timeline = &units;
  STRATA_RETURN_IF_ERROR(executable->Run(RandomInputs(plan), run).status());
  const std::string text =
      options.json ? compiler::SimulationJson(plan, report)
                   : absl::StrCat(compiler::SimulationTable(plan, report, Predicted(plan)),
                                  compiler::SimulationSummary(plan, report));
  std::printf("%s", text.c_str());
  if (!options.profile.empty()) {
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(options.profile, chips::ToChromeTrace({timeline})));
  }
  if (options.profile_units.empty()) return absl::OkStatus();
  return WriteFileAtomic(options.profile_units, chips::ToChromeTrace({units}));
}

absl::Status RunOn(const Options& options, const std::string& asked, chips::Timeline* timeline) {
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, LoadPlan(options.input));
  const std::string device_name = asked.empty() ? plan.target().device() : asked;
  compiler::DeviceOptions device_options;
  device_options.threads = options.threads;
  device_options.arithmetic = options.arithmetic;
  if (device_name == "model") {
    STRATA_ASSIGN_OR_RETURN(device_options.chip, ChipFor(options.chip, plan.target().device()));
  }
  STRATA_ASSIGN_OR_RETURN(auto device,
                          compiler::DeviceRegistry().Create(device_name, device_options));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  if (device->capabilities().timeline == chips::SIMULATED)
    return RunSimulated(options, plan, executable.get());
  if (options.json || !options.profile_units.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--json and --profile-units are for devices that simulate; '", device_name, "' does not"));
  }
  const std::vector<graph::HostTensor> inputs = RandomInputs(plan);
  for (int i = 0; i < std::max(1, options.repeat); ++i) {
    timeline->Clear();
    STRATA_RETURN_IF_ERROR(executable->Run(inputs, {timeline}).status());
  }
  return PrintTimeline(*timeline, options);
}

}  // namespace

void AddGraphCommands(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;

  CLI::App* ops = app.add_subcommand("ops", "List every op with what it computes");
  ops->callback([&action] { action = ListOps; });

  CLI::App* chips =
      AddVerb(app, action, "chips", "List the chip catalogue, or show one chip and its sources",
              options, ShowChips);
  chips->add_option("chip", o.input,
                    "a name of the catalogue, `host` (measured now), or a .textproto");

  CLI::App* opt =
      AddVerb(app, action, "opt", "Run passes on a graph: text in, text out", options, Opt);
  opt->add_option("graph", o.input, "graph in text form, or - for standard input")->required();
  opt->add_option("--pass", o.passes, "pass to run; may be given several times, in order")
      ->required();
  opt->add_option("-o,--output", o.output, "where the result goes; - is standard output");

  CLI::App* compile =
      AddVerb(app, action, "compile", "Compile a graph to a plan", options, Compile);
  compile->add_option("graph", o.input, "graph in text form, or - for standard input")->required();
  compile->add_option("-o,--output", o.output,
                      "plan (binary; text when it ends in .textproto); - is standard output");
  compile->add_option("--device", o.device, "the device to compile for: cpu (default) or npu");
  compile->add_option("--chip", o.chip,
                      "the chip to compile for: a name of `strata chips`, or a .textproto; default "
                      "host, for the NPU edge_16");
  compile->add_option("--dim", o.symbols, "size of a symbolic dim: NAME=SIZE");
  compile->add_option("--compiler", o.compiler, "strata, reference, or exec:PROGRAM")
      ->capture_default_str();
  compile->add_option("--skip-pass", o.skip, "leave a pass out");
  compile
      ->add_option("--compute-dtype", o.compute_dtype,
                   "of f32 matrix products: bf16 rounds their operands")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  compile->add_option(
      "--dump-passes", o.dump_passes,
      "folder for the graph after each pass (NN-PASS.graph) and what it changed (NN-PASS.diff)");
  compile
      ->add_option("--memory-budget", o.memory_budget,
                   "bytes a run may take, as 1500000000, 1500MB or 1GiB: the backward pass makes "
                   "values again until the plan fits; 0: no budget")
      ->transform(CLI::AsSizeValue(true));
  compile->add_flag("--explain", o.explain,
                    "instead of the plan, print which kernel each node got and why");

  CLI::App* run = AddVerb(
      app, action, "run", "Run a plan with random inputs and print its timeline", options,
      +[](const Options& run_options) {
        chips::Timeline timeline;
        return RunOn(run_options, run_options.device, &timeline);
      });
  run->add_option("plan", o.input, "a plan made by `strata compile`")->required();
  run->add_option("--device", o.device,
                  "device to run on, cpu, npu, ...; default: the one that the plan was made for");
  run->add_option("--threads", o.threads, "threads; 0 is all cores")->capture_default_str();
  run->add_option("--repeat", o.repeat, "runs; the last one is shown; a simulation runs once")
      ->capture_default_str();
  run->add_option("--profile", o.profile, "write a Chrome/Perfetto trace here");
  run->add_option("--profile-units", o.profile_units,
                  "npu: write a trace with a lane a unit and an event an instruction here");
  run->add_option("--arithmetic", o.arithmetic,
                  "compute as another machine does, bit for bit: as_h100, as_v100, ...; on npu "
                  "(its matrix products), or on reference for plans of --compiler=reference (there "
                  "also as_edge_16, ...)");
  run->add_flag("--json", o.json, "npu: the summary as one JSON object on one line");

  CLI::App* predict = AddVerb(
      app, action, "predict", "Predict a plan's timeline on a described chip", options,
      +[](const Options& run_options) {
        chips::Timeline timeline;
        return RunOn(run_options, "model", &timeline);
      });
  predict->add_option("plan", o.input, "a plan made by `strata compile`")->required();
  predict->add_option("--chip", o.chip,
                      "a name of the catalogue, `host`, or a .textproto; default: host, for a plan "
                      "for the NPU edge_16");
  predict->add_option("--profile", o.profile, "write a Chrome/Perfetto trace here");
}

}  // namespace strata::cli
