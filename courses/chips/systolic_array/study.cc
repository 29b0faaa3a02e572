#include "courses/chips/systolic_array/study.h"

#include <algorithm>

#include "chips/npu/systolic/memory_model.h"
#include "chips/npu/systolic/overlapped_grid.h"
#include "chips/npu/systolic/pe_grid.h"

namespace strata::courses {
namespace {

using chips::systolic::ArrayShape;
using chips::systolic::Dataflow;
using chips::systolic::Gemm;
using chips::systolic::GridRun;
using chips::systolic::HonestCycles;
using chips::systolic::IntMatrix;
using chips::systolic::LayerReport;
using chips::systolic::MemoryConfig;
using chips::systolic::MemoryMode;
using chips::systolic::MemoryReport;
using chips::systolic::TopologyLayer;

constexpr int64_t kPes = 4096;

IntMatrix Numbers(int64_t rows, int64_t columns, uint64_t seed) {
  IntMatrix matrix(rows, columns);
  for (int64_t& value : matrix.values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<int64_t>(seed >> 56) - 128;
  }
  return matrix;
}

IntMatrix Product(const IntMatrix& a, const IntMatrix& b) {
  IntMatrix c(a.rows, b.columns);
  for (int64_t m = 0; m < a.rows; ++m) {
    for (int64_t k = 0; k < a.columns; ++k) {
      for (int64_t n = 0; n < b.columns; ++n) c.At(m, n) += a.At(m, k) * b.At(k, n);
    }
  }
  return c;
}

absl::StatusOr<GridPoint> RunGrid(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
  GridPoint point{gemm, array, dataflow};
  const IntMatrix a = Numbers(gemm.m, gemm.k, 1), b = Numbers(gemm.k, gemm.n, 2);
  const auto honest = HonestCycles(gemm, array, dataflow);
  STRATA_ASSIGN_OR_RETURN(const GridRun serial, RunSerial(a, b, array, dataflow));
  STRATA_ASSIGN_OR_RETURN(const GridRun overlapped,
                          RunOverlapped(a, b, array, dataflow, honest.interval));
  point.grid_cycles = serial.cycles;
  point.formula_cycles = RunLayer(gemm, array, dataflow).cycles;
  point.overlapped_cycles = overlapped.cycles;
  point.honest_formula_cycles =
      honest.cycles - honest.added_vector_stage;  // the grid has no vector unit
  const IntMatrix product = Product(a, b);
  point.products_right =
      serial.product.values == product.values && overlapped.product.values == product.values;
  return point;
}

absl::Status RunGrids(Study* study) {
  const Gemm gemms[] = {{1, 1, 1},    {3, 3, 3},    {1, 40, 24}, {40, 8, 3},
                        {17, 19, 23}, {12, 33, 16}, {5, 6, 70}};
  const ArrayShape arrays[] = {{1, 1}, {3, 3}, {4, 8}, {8, 4}, {16, 16}};
  for (const Gemm& gemm : gemms) {
    for (const ArrayShape& array : arrays) {
      for (const Dataflow dataflow : kDataflows) {
        STRATA_ASSIGN_OR_RETURN(GridPoint point, RunGrid(gemm, array, dataflow));
        study->grid.push_back(point);
      }
    }
  }
  return absl::OkStatus();
}

SweepPoint Sweep(const Gemm& gemm, int64_t size) {
  const ArrayShape array{kSweepSide, kSweepSide};
  SweepPoint point;
  point.size = size;
  for (size_t d = 0; d < kDataflows.size(); ++d) {
    const LayerReport plain = RunLayer(gemm, array, kDataflows[d]);
    point.plain[d] = Utilization(plain.macs, plain.cycles, array);
    point.honest[d] =
        Utilization(plain.macs, HonestCycles(gemm, array, kDataflows[d]).cycles, array);
  }
  return point;
}

// Scratchpads of 64 KiB: neither operand fits.
absl::Status RunDram(const TopologyLayer& layer, Study* study) {
  study->dram_layer = layer.name;
  for (const int64_t bandwidth : {1, 4, 16, 64, 256}) {
    DramPoint point;
    point.bandwidth = bandwidth;
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      const MemoryConfig memory{.mode = MemoryMode::kUser,
                                .ifmap_bytes = 64 << 10,
                                .filter_bytes = 64 << 10,
                                .ofmap_bytes = 64 << 10,
                                .bandwidth = bandwidth};
      STRATA_ASSIGN_OR_RETURN(const MemoryReport report,
                              RunMemory(layer, {32, 32}, kDataflows[d], memory));
      point.cycles[d] = report.cycles;
      point.stalls[d] = report.stall_cycles;
      point.words[d] = report.ifmap.words + report.filter.words + report.ofmap.words;
    }
    study->dram.push_back(point);
  }
  return absl::OkStatus();
}

}  // namespace

double Utilization(int64_t macs, int64_t cycles, const ArrayShape& array) {
  return static_cast<double>(macs) /
         (static_cast<double>(std::max<int64_t>(cycles, 1)) * static_cast<double>(array.Pes()));
}

int64_t NetworkStudy::Macs() const {
  int64_t macs = 0;
  for (const LayerStudy& layer : layers) macs += layer.gemm.Macs();
  return macs;
}

int64_t NetworkStudy::Cycles(size_t dataflow, bool honest) const {
  int64_t cycles = 0;
  for (const LayerStudy& layer : layers) {
    cycles += honest ? layer.honest[dataflow].cycles : layer.plain[dataflow].cycles;
  }
  return cycles;
}

double NetworkStudy::Utilization(size_t dataflow, bool honest) const {
  return courses::Utilization(Macs(), Cycles(dataflow, honest), array);
}

NetworkStudy StudyNetwork(const Network& network, const ArrayShape& array) {
  NetworkStudy study{network.name, array, {}};
  for (const TopologyLayer& layer : network.topology.layers) {
    LayerStudy& mapped = study.layers.emplace_back();
    mapped.name = layer.name;
    mapped.gemm = layer.gemm;
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      mapped.plain[d] = RunLayer(layer.gemm, array, kDataflows[d]);
      mapped.honest[d] = HonestCycles(layer.gemm, array, kDataflows[d]);
    }
  }
  return study;
}

absl::StatusOr<Study> RunStudy() {
  Study study;
  STRATA_ASSIGN_OR_RETURN(study.networks, LabNetworks());
  for (const Network& network : study.networks) {
    study.mapped.push_back(StudyNetwork(network, {32, 32}));
    std::vector<NetworkStudy>& sides = study.by_side.emplace_back();
    for (int64_t side = 8; side <= 256; side *= 2) {
      sides.push_back(StudyNetwork(network, {side, side}));
    }
    std::vector<NetworkStudy>& forms = study.by_form.emplace_back();
    for (int64_t rows = 8; rows <= kPes / 8; rows *= 2) {
      forms.push_back(StudyNetwork(network, {rows, kPes / rows}));
    }
  }
  for (int64_t size = 1; size <= 4096; size *= 2) {
    study.by_k.push_back(Sweep({1024, 128, size}, size));
    study.by_m.push_back(Sweep({size, 768, 768}, size));
  }
  STRATA_RETURN_IF_ERROR(RunGrids(&study));
  // conv4 1x1: 196 KiB in, 256 KiB of weights, 49 KiB out.
  STRATA_RETURN_IF_ERROR(RunDram(study.networks[kResNet50].topology.layers[7], &study));
  return study;
}

}  // namespace strata::courses
