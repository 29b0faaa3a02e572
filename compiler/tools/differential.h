// A graph compiled and run on a device, against the interpreter: what a fuzzer looks for and a reducer keeps.
//
//   STRATA_ASSIGN_OR_RETURN(Finding finding, CompareWithInterpreter(graph, inputs, {}));
//   if (finding.kind != FindingKind::kNone) std::cout << finding.message;
//
// Runs the plan twice on one executable (the second time on other data, with the state that the first run left) and
// compares outputs and updated inputs with the interpreter's, each within what rounding explains (rounding_spread.h);
// an element outside is looked at again with many more runs. Inputs that the graph does not update must keep their
// bytes.
#ifndef STRATA_COMPILER_TOOLS_DIFFERENTIAL_H_
#define STRATA_COMPILER_TOOLS_DIFFERENTIAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

struct DifferentialOptions {
  std::string compiler = "strata";
  std::string device = "cpu";
  CompileOptions compile;  // its device is the plan's target, `device` is what runs the plan
  std::string chip;        // of the catalogue; "": none is named
  int threads = 2;
  std::string cache_dir;      // of the device; "" as in DeviceOptions
  int timeout_seconds = 300;  // of a check in a child
};

enum class FindingKind {
  kNone,
  kRefused,     // the interpreter refuses graph or data: nothing to compare
  kCompile,     // the compiler fails
  kLoad,        // the device does not take the plan (a kernel that does not build is one too)
  kRun,         // the run fails
  kDifference,  // a result is further away than rounding explains, or an input was overwritten
  kCrash,       // the process ended (CheckInChild only)
};

struct Finding {
  FindingKind kind = FindingKind::kNone;
  std::string message;
};

const char* KindName(
    FindingKind kind);  // "none", "refused", "compile", "load", "run", "difference", "crash"

// `inputs` are not changed. An error is the host's, never the compiler's.
absl::StatusOr<Finding> CompareWithInterpreter(const graph::Graph& graph,
                                               absl::Span<const graph::HostTensor> inputs,
                                               const DifferentialOptions& options);

// The same in a child process: a crash is a finding.
absl::StatusOr<Finding> CheckInChild(const graph::Graph& graph,
                                     absl::Span<const graph::HostTensor> inputs,
                                     const DifferentialOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_DIFFERENTIAL_H_
