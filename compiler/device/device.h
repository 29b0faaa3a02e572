// Device: runs a Plan, or predicts it. Stages: Load (prepare: build or fetch kernels, allocate the arena), Run.
//
//   STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("cpu", DeviceOptions{}));
//   STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
//   STRATA_ASSIGN_OR_RETURN(auto outputs, executable->Run(inputs, {}));
#ifndef STRATA_COMPILER_DEVICE_DEVICE_H_
#define STRATA_COMPILER_DEVICE_DEVICE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/registry.h"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/collectives.h"
#include "compiler/device/simulation_report.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// What an implementation can do; the conformance suite reads it and tests that the rest fails with UNIMPLEMENTED.
struct DeviceCapabilities {
  bool computes = true;  // results are real (false: `model` and `null` return none)
  bool collectives = true;
  bool emitted_c = true;  // can load Kernel.source of language C
  chips::TimelineSource timeline = chips::MEASURED;
};

struct RunOptions {
  chips::Timeline* timeline = nullptr;  // filled with one event a step when set (one lane a stream)
  // Filled by devices that simulate their machine (timeline SIMULATED); others leave them as they are.
  SimulationReport* simulation = nullptr;    // what was counted
  chips::Timeline* unit_timeline = nullptr;  // one lane a unit, an event an instruction; large
};

// A loaded plan. Run is not thread-safe (it owns one arena); load twice for two threads.
class Executable {
 public:
  virtual ~Executable() = default;
  // `inputs` in the Plan's order with the declared dtypes and dims (INVALID_ARGUMENT names the one that differs).
  // Inputs that the plan updates are overwritten in place; the outputs that alias them share their storage. Other
  // outputs are fresh tensors. A device that does not compute returns no tensors.
  virtual absl::StatusOr<std::vector<graph::HostTensor>> Run(
      absl::Span<const graph::HostTensor> inputs, const RunOptions& options) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual absl::string_view name() const = 0;
  virtual DeviceCapabilities capabilities() const = 0;
  // FAILED_PRECONDITION when the plan was made for another device or an ISA this machine lacks: it says which, and to
  // compile again. A kernel that cannot be built (its source is rejected, or there is no compiler) runs as its
  // reference on the interpreter, with a warning (base/warning.h) that names the step; without a reference it is an
  // error.
  virtual absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) = 0;
};

struct DeviceOptions {
  int threads = 0;  // 0: all cores, or $OMP_NUM_THREADS
  // Not owned; needed by plans with collective steps on more than one rank.
  Collectives* collectives = nullptr;
  std::optional<chips::Chip> chip;  // the `model` device predicts on it
  std::string cache_dir;  // object cache; "": $STRATA_CACHE_DIR, else $XDG_CACHE_HOME/strata, else
                          // ~/.cache/strata, else the temporary folder; in a test $TEST_TMPDIR
  // As another machine computes, bit for bit. `reference`: a name of graph::EvaluatorRegistry(), such as "as_h100" (matrix
  // products as that chip's tensor cores) or "as_edge_16". `npu`: "as_h100", ...: the array's float products, and what
  // the host does, as that chip's tensor cores; cycles stay the machine's. "": as each defines it. Others refuse it.
  std::string arithmetic;
};

inline Registry<Device, const DeviceOptions&>& DeviceRegistry() {
  static auto* registry = new Registry<Device, const DeviceOptions&>("device");
  return *registry;
}

// Registers "cpu", "model", "npu", "null" and "reference". Idempotent.
void RegisterAllDevices();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_DEVICE_H_
