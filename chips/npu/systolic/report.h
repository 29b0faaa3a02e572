// Reports of a topology on an array: one line a layer and one of totals, for people or for programs.
//
//   STRATA_ASSIGN_OR_RETURN(const TopologyReport report,
//                           RunTopology(topology, {32, 32}, Dataflow::kWeightStationary));
//   std::fputs(JsonReport(report, /*honest=*/false).c_str(), stdout);
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/honest.h"
#include "chips/npu/systolic/memory_model.h"
#include "chips/npu/systolic/topology.h"

namespace strata::chips::systolic {

struct TopologyReport {
  ArrayShape array;
  Dataflow dataflow = Dataflow::kWeightStationary;
  std::vector<TopologyLayer> layers = {};
  std::vector<LayerReport> reports = {};  // #reports = #honest = #layers
  std::vector<HonestReport> honest = {};
  std::vector<MemoryReport> memory = {};  // #memory = #layers, or 0 when no memory was asked for
  double seconds = 0;                     // that the models took
};

absl::StatusOr<TopologyReport> RunTopology(const Topology& topology, const ArrayShape& array,
                                           Dataflow dataflow,
                                           const std::optional<MemoryConfig>& memory = {});

// A JSON object a line: one a layer, last the totals ("totals": true). Utilisations are in per cent. With a
// memory, cycles and overall_utilization count its stalls, and DRAM's traffic follows.
std::string JsonReport(const TopologyReport& report, bool honest);

// A table; with `honest` a second one, and the reasons for each of its columns.
std::string TextReport(const TopologyReport& report, bool honest);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_
