#include "compiler/driver/compiler.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/driver/exec_compiler.h"
#include "compiler/driver/reference_compiler.h"
#include "compiler/driver/strata_compiler.h"

namespace strata::compiler {

void RegisterAllCompilers() {
  // Once: ranks that are threads of one process may all come here.
  static const bool registered = [] {
    CompilerRegistry().Register("reference", [] { return CreateReferenceCompiler(); });
    CompilerRegistry().Register("strata", [] { return CreateStrataCompiler(); });
    return true;
  }();
  (void)registered;
}

absl::StatusOr<std::unique_ptr<Compiler>> CreateCompiler(const std::string& name) {
  constexpr absl::string_view kExec = "exec:";
  if (!absl::StartsWith(name, kExec)) {
    RegisterAllCompilers();
    return CompilerRegistry().Create(name);
  }
  const std::string program = name.substr(kExec.size());
  if (program.empty())
    return absl::InvalidArgumentError("compiler 'exec:' names no program; write exec:/path/to/it");
  return CreateExecCompiler(program);
}

}  // namespace strata::compiler
