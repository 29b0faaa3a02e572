// Prints the reference document of a core's instructions.
//
//   bazel run //chips/npu:isa_reference > chips/npu/ISA.md
//   bazel run //chips/npu:isa_reference -- --core=davinci > chips/npu/davinci/ISA.md
#include <cstdio>

#include "CLI/CLI.hpp"
#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/reference.h"

int main(int argc, char** argv) {
  using namespace strata::chips::npu;
  std::string core = "array";
  CLI::App app("Prints the reference of a core's instructions, made of its table, as Markdown.");
  app.add_option("--core", core, "whose")
      ->check(CLI::IsMember({"array", "davinci"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const Isa& isa = core == "array" ? ArrayIsa() : davinci::DavinciIsa();
  const std::string text = ReferenceMarkdown(isa);
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
