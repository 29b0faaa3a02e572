// `strata`: the command that wires the layers together.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/user_folder.h"
#include "chips/cost/roofline.h"
#include "cli/command.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/pass/pass.h"
#include "framework/graph/interpreter.h"

namespace {

constexpr char kAbout[] = R"(strata: one road from model code to served text.

  strata graph      recipe.textproto -o model.graph    the training step of a recipe
  strata opt        model.graph --pass=cse             one pass, text in, text out
  strata compile    model.graph -o model.plan          Graph -> Plan; --explain: which kernels, and why
  strata run        model.plan --profile=trace.json    on this machine, with random inputs
  strata predict    model.plan --chip=h100             on a chip that is only described
  strata compile    model.graph --device=npu --chip=tpu_v4_like -o npu.plan    for a simulated NPU
  strata provenance model.graph -o page.html --run     model line <-> node <-> kernel <-> time
  strata reduce     failing.graph                      a small graph with the same fault
  strata quantize   resnet18 -o int8.graph             inference in integers
  strata shard      model.graph --ranks=2              the graph of a rank
  strata train      recipe.textproto                   a model from text, resumable
  strata launch     -n 4 -- train recipe.textproto     the same as four processes
  strata convert    path/to/model model.gguf --quant=q8_0
  strata generate   model.gguf --prompt="Once upon"
  strata serve      model.gguf --port=8000             an OpenAI-compatible server
  strata bench serve --url=http://127.0.0.1:8000       load on a server, as vllm bench serve
)";

std::string Names(const std::vector<const CLI::App*>& verbs) {
  std::string names;
  for (const CLI::App* verb : verbs) names += (names.empty() ? "" : ", ") + verb->get_name();
  return names;
}

// What is wrong with the command line, and where the help on it stands.
std::string Complaint(const CLI::App* app, const CLI::Error& error) {
  std::string command = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    command += " " + app->get_name();
  }
  std::string what = error.what();
  const std::vector<const CLI::App*> verbs = app->get_subcommands([](const CLI::App* verb) {
    return !verb->get_name().empty();
  });  // a group of options has none
  if (!verbs.empty()) {
    const std::vector<std::string> left = app->remaining();
    what = left.empty() ? "give a verb" : "'" + left.front() + "' is no verb";
    what += "; there are: " + Names(verbs);
  }
  return command + ": " + what + "\nTry `" + command + " --help`.\n";
}

// Of a command whose output was lost nothing may believe that it succeeded.
absl::Status FlushOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("standard output: cannot write: ", std::strerror(errno)));
}

}  // namespace

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  CLI::App app(kAbout, "strata");
  app.require_subcommand(1);
  app.failure_message(Complaint);
  strata::graph::RegisterInterpreter();
  strata::compiler::RegisterAllPasses();
  strata::compiler::RegisterAllDevices();
  strata::compiler::RegisterAllCompilers();

  strata::cli::Action action;
  strata::cli::AddGraphCommands(app, action);
  strata::cli::AddShardCommand(app, action);
  strata::cli::AddToolCommands(app, action);
  strata::cli::AddQuantizeCommand(app, action);
  strata::cli::AddConvertCommand(app, action);
  strata::cli::AddModelCommands(app, action);
  strata::cli::AddLaunchCommand(app, action);
  strata::cli::AddBenchCommands(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  absl::Status status = action();
  if (status.ok()) status = FlushOutput();
  if (!status.ok()) std::fprintf(stderr, "strata: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
