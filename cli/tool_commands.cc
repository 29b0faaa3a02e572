// Verbs for people who work on the compiler: provenance, reduce, graph.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "base/textproto.h"
#include "chips/spec/catalogue.h"
#include "cli/command.h"
#include "cli/random_inputs.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/tools/differential.h"
#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/provenance/page.h"
#include "compiler/tools/provenance/provenance.h"
#include "compiler/tools/reducer.h"
#include "framework/graph/text.h"
#include "llm/train/recipe.h"
#include "llm/train/training_step.h"

namespace strata::cli {
namespace {

struct Options {
  std::string input;
  std::string output = "-";
  std::string chip;  // "": the device's own
  std::string device = "cpu";
  std::string check = "difference";
  std::string expect;
  std::vector<std::string> symbols;
  std::vector<std::string> skip;
  std::string isa;
  int threads = 0;
  int repeat = 5;
  int max_checks = 3000;
  double seconds = 0;
  uint32_t seed = 1;
  bool run = false;
};

// ---- graph

absl::Status WriteTrainingStep(const Options& options) {
  llm::Recipe recipe;
  STRATA_RETURN_IF_ERROR(ReadTextProto(options.input, &recipe));
  absl::StatusOr<llm::Recipe> complete =
      llm::CompleteRecipe(recipe, recipe.tokenizer_vocab() > 0 ? recipe.tokenizer_vocab() : 4096);
  if (!complete.ok()) return Annotate(complete.status(), options.input);
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, llm::BuildTrainingStep(*complete));
  STRATA_ASSIGN_OR_RETURN(graph, graph::BindSymbols(graph, {{"B", complete->batch()}}));
  return Emit(options.output, graph::PrintGraph(graph));
}

// ---- provenance

absl::StatusOr<std::vector<chips::Timeline>> Measure(const Options& options,
                                                     const plan::Plan& plan) {
  compiler::DeviceOptions device_options;
  device_options.threads = options.threads;
  STRATA_ASSIGN_OR_RETURN(auto device,
                          compiler::DeviceRegistry().Create(options.device, device_options));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  const std::vector<graph::HostTensor> inputs = RandomInputs(plan);
  STRATA_RETURN_IF_ERROR(executable->Run(inputs, {}).status());  // warm-up
  std::vector<chips::Timeline> timelines(static_cast<size_t>(std::max(1, options.repeat)));
  for (chips::Timeline& timeline : timelines)
    STRATA_RETURN_IF_ERROR(executable->Run(inputs, {&timeline}).status());
  return timelines;
}

absl::Status Provenance(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(graph::Graph lowered, LoadGraph(options.input));
  STRATA_ASSIGN_OR_RETURN(lowered, BindFlags(lowered, options.symbols));
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, ChipFor(options.chip, options.device));
  STRATA_ASSIGN_OR_RETURN(auto compiler, compiler::CreateCompiler("strata"));
  compiler::CompileOptions compile;
  compile.device = options.device;
  compile.skip_passes = options.skip;
  const graph::Graph graph = lowered;
  compile.observer = [&](absl::string_view, bool, const graph::Graph& after) { lowered = after; };
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, compiler->Compile(graph, chip, compile));
  STRATA_ASSIGN_OR_RETURN(compiler::Provenance provenance,
                          compiler::TraceProvenance(lowered, plan, chip));
  if (options.run) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<chips::Timeline> timelines, Measure(options, plan));
    STRATA_RETURN_IF_ERROR(compiler::SetMeasured(timelines, &provenance));
  }
  return Emit(options.output, compiler::ProvenancePage(provenance));
}

// ---- reduce

// A file that goes when this does.
struct Candidate {
  Candidate() : path(absl::StrCat("/tmp/strata-reduce-", getpid(), ".graph")) {}
  ~Candidate() { unlink(path.c_str()); }
  const std::string path;
};

// Shows the fault: the command ends with another code than 0, and says what is expected.
absl::StatusOr<bool> FailsUnder(const Options& options, const Candidate& candidate,
                                const graph::Graph& graph) {
  STRATA_RETURN_IF_ERROR(WriteFileAtomic(candidate.path, graph::PrintGraph(graph)));
  const std::string command = absl::StrReplaceAll(options.check, {{"{}", candidate.path}});
  STRATA_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess({"/bin/sh", "-c", command}));
  if (result.exit_code == 126 || result.exit_code == 127) {
    return absl::NotFoundError(
        absl::StrCat("--check: the shell cannot run '", command, "': ", result.standard_error));
  }
  return result.exit_code != 0 && (absl::StrContains(result.standard_output, options.expect) ||
                                   absl::StrContains(result.standard_error, options.expect));
}

absl::StatusOr<bool> Shows(const Options& options, const graph::Graph& graph) {
  compiler::DifferentialOptions differential;
  differential.device = differential.compile.device = options.device;
  differential.chip = options.chip;
  differential.compile.isa = options.isa;
  differential.compile.skip_passes = options.skip;
  if (options.threads > 0) differential.threads = options.threads;
  STRATA_ASSIGN_OR_RETURN(
      const compiler::Finding finding,
      compiler::CheckInChild(graph, compiler::InputsFor(graph, options.seed), differential));
  const bool kind = options.check == "any" ? finding.kind != compiler::FindingKind::kNone &&
                                                 finding.kind != compiler::FindingKind::kRefused
                                           : options.check == compiler::KindName(finding.kind);
  return kind && absl::StrContains(finding.message, options.expect);
}

absl::Status ReduceGraph(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, LoadGraph(options.input));
  STRATA_ASSIGN_OR_RETURN(graph, BindFlags(graph, options.symbols));
  const Candidate candidate;
  compiler::ShowsFault shows;
  if (absl::StrContains(options.check, "{}")) {
    shows = [&](const graph::Graph& g) { return FailsUnder(options, candidate, g); };
  } else {
    static const char* kChecks[] = {"any", "difference", "compile", "load", "run", "crash"};
    if (std::none_of(std::begin(kChecks), std::end(kChecks),
                     [&](const char* c) { return options.check == c; })) {
      return absl::InvalidArgumentError(
          absl::StrCat("--check=", options.check,
                       ": give a command with {} where the graph's file goes, or one of any, "
                       "difference, compile, load, run, crash"));
    }
    shows = [&](const graph::Graph& g) { return Shows(options, g); };
  }
  compiler::ReduceOptions reduce;
  reduce.max_checks = options.max_checks;
  reduce.max_seconds = options.seconds;
  const bool live = isatty(STDERR_FILENO) == 1;
  if (live) {
    reduce.progress = [](int nodes, int checks) {
      std::fprintf(stderr, "\r%d nodes after %d checks ", nodes, checks);
    };
  }
  STRATA_ASSIGN_OR_RETURN(const compiler::ReducedGraph reduction,
                          compiler::Reduce(graph, shows, reduce));
  std::fprintf(stderr, "%s%d -> %d nodes after %d checks%s\n", live ? "\r" : "", graph.nodes_size(),
               reduction.graph.nodes_size(), reduction.checks,
               reduction.complete ? "" : "; a limit ended it");
  return Emit(options.output, graph::PrintGraph(reduction.graph));
}

}  // namespace

void AddToolCommands(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;

  CLI::App* graph = AddVerb(app, action, "graph", "Write the training step of a recipe as a graph",
                            options, WriteTrainingStep);
  graph
      ->add_option("recipe", o.input,
                   "a recipe textproto, as for `strata train`; its corpus is not read")
      ->required();
  graph->add_option("-o,--output", o.output, "the graph in text form; - is standard output");

  CLI::App* provenance =
      AddVerb(app, action, "provenance",
              "A page that links model lines, graph nodes, kernels and time", options, Provenance);
  provenance->add_option("graph", o.input, "graph in text form, or - for standard input")
      ->required();
  provenance->add_option("-o,--output", o.output, "the page (HTML); - is standard output");
  provenance->add_flag("--run", o.run, "measure each step on this machine, with random inputs");
  provenance->add_option("--repeat", o.repeat, "runs; the page shows each step's median")
      ->capture_default_str();
  provenance->add_option("--threads", o.threads, "threads; 0 is all cores")->capture_default_str();
  provenance->add_option("--device", o.device, "the device to compile for and run on: cpu or npu")
      ->capture_default_str();
  provenance->add_option("--chip", o.chip,
                         "the chip to compile for, whose roofline is shown; default host, for the "
                         "NPU edge_16");
  provenance->add_option("--dim", o.symbols, "size of a symbolic dim: NAME=SIZE");
  provenance->add_option("--skip-pass", o.skip, "leave a pass out");

  CLI::App* reduce =
      AddVerb(app, action, "reduce", "Make a graph that shows a fault small", options, ReduceGraph);
  reduce->add_option("graph", o.input, "graph in text form, or - for standard input")->required();
  reduce
      ->add_option("--check", o.check,
                   "a shell command with {} where the graph's file goes, which fails (ends with "
                   "another code than 0) "
                   "where the fault is; or a built-in check against the interpreter: difference, "
                   "compile, load, run, "
                   "crash, any")
      ->capture_default_str();
  reduce->add_option("--expect", o.expect,
                     "a text that the failure must show, so that it stays the same one");
  reduce->add_option("-o,--output", o.output, "the small graph; - is standard output");
  reduce->add_option("--seed", o.seed, "of the built-in checks' inputs")->capture_default_str();
  reduce->add_option("--isa", o.isa,
                     "instruction set of the built-in checks; this machine's best when not given");
  reduce->add_option("--device", o.device, "of the built-in checks: cpu or npu")
      ->capture_default_str();
  reduce->add_option("--chip", o.chip, "that the built-in checks compile for");
  reduce->add_option("--threads", o.threads, "threads of the built-in checks; 0 is 2")
      ->capture_default_str();
  reduce->add_option("--skip-pass", o.skip, "leave a pass out in the built-in checks");
  reduce->add_option("--dim", o.symbols, "size of a symbolic dim: NAME=SIZE");
  reduce->add_option("--max-checks", o.max_checks, "stop after so many checks")
      ->capture_default_str();
  reduce->add_option("--seconds", o.seconds, "stop after so long; 0 is no limit")
      ->capture_default_str();
}

}  // namespace strata::cli
