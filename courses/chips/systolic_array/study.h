// What the lab knows about arrays, dataflows and layers: cycles, utilisation and traffic, all counted.
//
//   STRATA_ASSIGN_OR_RETURN(const Study study, RunStudy());
//   for (const Claim& claim : ClaimsOf(study)) ...
//
// "Plain" is SCALE-Sim's counting (chips/npu/systolic/cycle_model.h): folds run one after another. "Honest" is the
// same array when folds overlap as in built ones (honest.h). Both closed forms are held to the grids of processing
// elements that they describe.
#ifndef STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_STUDY_H_
#define STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_STUDY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/honest.h"
#include "courses/chips/systolic_array/networks.h"
#include "courses/lab/claims.h"

namespace strata::courses {

inline constexpr std::array<chips::systolic::Dataflow, 3> kDataflows = {
    chips::systolic::Dataflow::kWeightStationary, chips::systolic::Dataflow::kOutputStationary,
    chips::systolic::Dataflow::kInputStationary};

// A layer on an array; arrays of three are by kDataflows.
struct LayerStudy {
  std::string name;
  chips::systolic::Gemm gemm;
  std::array<chips::systolic::LayerReport, 3> plain;
  std::array<chips::systolic::HonestReport, 3> honest;
};

struct NetworkStudy {
  std::string name;
  chips::systolic::ArrayShape array;
  std::vector<LayerStudy> layers;

  int64_t Macs() const;
  int64_t Cycles(size_t dataflow, bool honest) const;
  double Utilization(size_t dataflow, bool honest) const;  // macs / (cycles x PEs), 0 to 1
};

NetworkStudy StudyNetwork(const Network& network, const chips::systolic::ArrayShape& array);
double Utilization(int64_t macs, int64_t cycles, const chips::systolic::ArrayShape& array);

// One product run on the grid of PEs, register by register, beside what the closed forms say.
struct GridPoint {
  chips::systolic::Gemm gemm;
  chips::systolic::ArrayShape array;
  chips::systolic::Dataflow dataflow;
  int64_t grid_cycles = 0, formula_cycles = 0;               // plain
  int64_t overlapped_cycles = 0, honest_formula_cycles = 0;  // honest
  bool products_right = false;                               // of both grids, against plain loops

  bool Agrees() const {
    return grid_cycles == formula_cycles && overlapped_cycles == honest_formula_cycles &&
           products_right;
  }
};

// How one product's utilisation goes with one of its sides.
struct SweepPoint {
  int64_t size = 0;
  std::array<double, 3> plain, honest;  // utilisation by kDataflows, 0 to 1
};

// Scratchpads, a DRAM of `bandwidth` words a cycle, and what a layer then waits for (memory_model.h).
struct DramPoint {
  int64_t bandwidth = 0;
  std::array<int64_t, 3> cycles, stalls,
      words;  // by kDataflows; words between DRAM and scratchpads
};

struct Study {
  std::vector<Network> networks;
  std::vector<NetworkStudy> mapped;                // [networks], on 32 x 32
  std::vector<std::vector<NetworkStudy>> by_side;  // [networks][side], square arrays
  std::vector<std::vector<NetworkStudy>> by_form;  // [networks][form], 4096 PEs, from wide to tall
  std::vector<GridPoint> grid;
  std::vector<SweepPoint> by_k, by_m;  // M = 1024, N = 128 and K = 768, N = 768, on 128 x 128
  std::string dram_layer;
  std::vector<DramPoint> dram;  // of that layer, by bandwidth
};

inline constexpr int64_t kSweepSide = 128;

absl::StatusOr<Study> RunStudy();

std::vector<Claim> ClaimsOf(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_STUDY_H_
