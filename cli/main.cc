// `strata`: the command that wires the layers together.
#include <cstdio>

#include "base/status.h"
#include "chips/cost/roofline.h"
#include "cli/command.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/pass/pass.h"
#include "framework/graph/interpreter.h"

namespace {

constexpr char kAbout[] =
    "strata: one road from model code to served text.\n\n"
    "  strata opt     model.graph --pass=cse            one pass, text in, text out\n"
    "  strata compile model.graph -o model.plan         Graph -> Plan (--explain says why each "
    "kernel)\n"
    "  strata run     model.plan --profile=trace.json   on this machine, with random inputs\n"
    "  strata compile model.graph --device=npu --chip=tpu_v4_like -o model.plan    for a "
    "simulated NPU; run it as above\n"
    "  strata predict model.plan --chip=h100            the same plan on a chip that is only "
    "described\n"
    "  strata provenance model.graph -o page.html --run  model line <-> node <-> kernel <-> time, "
    "to click through\n"
    "  strata reduce  failing.graph                     a small graph with the same fault\n"
    "  strata quantize resnet18 -o int8.graph           an f32 graph of inference in integers\n"
    "  strata convert path/to/model model.gguf --quant=q8_0    between folders and GGUF files\n"
    "  strata train   recipe.textproto                  a model from text, resumable\n"
    "  strata launch  -n 4 -- train recipe.textproto    the same as four processes\n"
    "  strata serve   path/to/model --port=8000         an OpenAI-compatible server\n"
    "  strata bench serve --url=http://127.0.0.1:8000   load on a server, measured as vllm bench "
    "serve does\n";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kAbout, "strata");
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("strata: ") + error.what() +
           "\nTry `strata --help` or `strata VERB --help`.\n";
  });
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
  const absl::Status status = action();
  if (!status.ok()) std::fprintf(stderr, "strata: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
