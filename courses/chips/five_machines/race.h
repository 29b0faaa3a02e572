// One model on five machines: what each takes, and whether they say the same.
//
//   STRATA_ASSIGN_OR_RETURN(const Heat heat, RunHeat({lenet, resnet}, /*timed_runs=*/5, /*quick=*/false));
//   for (const Claim& claim : ClaimsOf(heat)) ...
//
// Every machine gets the same Graph; the compiler makes a Plan for it and a Device runs that: the CPU by the clock, NPUs
// on the cycle simulator, the GPU on the analytic model, which computes nothing. Each figure says which of the three it is.
#ifndef STRATA_COURSES_CHIPS_FIVE_MACHINES_RACE_H_
#define STRATA_COURSES_CHIPS_FIVE_MACHINES_RACE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/device/simulation_report.h"
#include "compiler/plan/plan.pb.h"
#include "courses/chips/five_machines/models.h"
#include "courses/lab/claims.h"
#include "framework/graph/host_tensor.h"

namespace strata::courses {

struct LabMachine {
  std::string name;    // of its chip: "edge_16"
  std::string device;  // that runs its plans: "cpu", "npu", "model"
  chips::Chip chip;
  // Watts the whole chip may draw, where a source gives them and nothing better is counted.
  std::optional<double> watts = {};
  std::string watts_source = {};
};

// Five that multiply the dtype: this CPU, h100 (analytic), and for I8 tpu_v1_like, edge_16, davinci_like, for BF16
// tpu_v4_like, edge_16, edge_16_os. `quick` measures the CPU's roofs more coarsely.
absl::StatusOr<std::vector<LabMachine>> LabMachines(chips::DType products, bool quick);

struct Entry {
  const LabMachine* machine = nullptr;
  chips::TimelineSource source = chips::TIMELINE_SOURCE_UNSPECIFIED;
  plan::Plan plan;
  double seconds = 0;
  double bytes = 0;  // to and from main memory: simulated bursts, else each step's operands once
  std::optional<double> joules;
  double peak = 0;         // operations a second on the products' operands
  double utilisation = 0;  // of that peak: by products (simulated), else by all operations
  int host_steps = 0;      // steps the machine cannot do: the host's, in no time
  double host_flops = 0;
  compiler::SimulationReport simulation;   // of the npu
  double dram_joules = 0, mac_joules = 0;  // of `joules` (simulated)
  std::vector<graph::HostTensor> outputs;
  double difference = 0;  // the largest of an output from the CPU's, over the CPU's largest
};

struct Race {
  std::string model;
  chips::DType products = chips::I8;
  double flops = 0;  // of one run, as the CPU's plan counts them
  int64_t weight_bytes = 0;
  std::vector<Entry> entries;  // one a machine
};

// `machines` must outlive the race.
absl::StatusOr<Race> RunRace(const LabModel& model, const std::vector<LabMachine>& machines,
                             int timed_runs);

// Whether both are of one type and hold the same bytes.
bool SameBits(const std::vector<graph::HostTensor>& a, const std::vector<graph::HostTensor>& b);

// Races of models of one dtype on five machines.
struct Heat {
  chips::DType products = chips::I8;
  std::vector<LabMachine> machines;  // not to be changed once there are races
  std::vector<Race> races;           // the smallest model first (int8), prefill first (bf16)
};

// Runs all `models`, which must be of one dtype.
absl::StatusOr<Heat> RunHeat(const std::vector<LabModel>& models, int timed_runs, bool quick);

std::vector<Claim> ClaimsOf(const Heat& heat);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_FIVE_MACHINES_RACE_H_
