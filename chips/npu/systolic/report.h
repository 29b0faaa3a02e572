// Reports of a topology on an array: one line a layer and one of totals, for people or for programs.
//
//   const TopologyReport report = RunTopology(topology, {32, 32}, Dataflow::kWeightStationary);
//   std::fputs(JsonReport(report, /*honest=*/false).c_str(), stdout);
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_

#include <string>
#include <vector>

#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/honest.h"
#include "chips/npu/systolic/topology.h"

namespace strata::chips::systolic {

struct TopologyReport {
  ArrayShape array;
  Dataflow dataflow = Dataflow::kWeightStationary;
  std::vector<TopologyLayer> layers;
  std::vector<LayerReport> reports;  // #reports = #honest = #layers
  std::vector<HonestReport> honest;
  double seconds = 0;  // that the two models took
};

TopologyReport RunTopology(const Topology& topology, const ArrayShape& array, Dataflow dataflow);

// A JSON object a line: one a layer, last the totals ("totals": true). Utilisations are in per cent.
std::string JsonReport(const TopologyReport& report, bool honest);

// A table; with `honest` a second one, and the reasons for each of its columns.
std::string TextReport(const TopologyReport& report, bool honest);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_REPORT_H_
