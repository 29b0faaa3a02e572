// Topology: the layers of a network in the form of SCALE-Sim's own CSV files.
//
//   STRATA_ASSIGN_OR_RETURN(const Topology topology, ReadTopology("alexnet.csv", TopologyKind::kAuto));
//   for (const TopologyLayer& layer : topology.layers) Use(layer.gemm);
//
// Two kinds of file, both with a heading line that is not a layer, blank lines passed over, and a comma
// at the end of a row or none. Optional columns and remarks: what stands behind the last comma of a row that
// has all columns it needs is never read, as in SCALE-Sim:
//
//   convolution: name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride
//                [, sparsity N:M,] [remark]
//   GEMM:        name, M, N, K [, sparsity N:M,] [remark]
//
// A ninth column of convolutions whose heading begins with "Batch" is a batch. A convolution is the
// product that SCALE-Sim makes of it:
//
//   ofmap = ceil((ifmap - filter + stride) / stride) in each direction (windows may hang over the edge)
//   M = ofmap height * ofmap width * batch, N = filters, K = filter height * filter width * channels
//
// and one whose name contains "DP" is depthwise: it becomes one layer a channel, named
// "<name>Channel_<i>", of one channel each. Sparsity is read and checked, but not applied: SCALE-Sim
// ignores the column unless its configuration turns sparsity on.
//
// Errors: INVALID_ARGUMENT with "file:line: " for rows that are no layer (missing columns, no number,
// zero, negative, filter larger than ifmap) and for files without a layer; UNIMPLEMENTED for more than
// kMaxLayers layers or kMaxMacs multiply-adds.
//
// Source: github.com/scalesim-project/SCALE-Sim (v3), the documentation of its topology files; Samajdar
// et al., "A systematic methodology for characterizing scalability of DNN accelerators using SCALE-Sim",
// ISPASS 2020.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_TOPOLOGY_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::chips::systolic {

// C [M, N] = A [M, K] B [K, N]; A is the ifmap, B the filters, C the ofmap.
struct Gemm {
  int64_t m = 0;  // >= 1, as are n and k
  int64_t n = 0;
  int64_t k = 0;

  int64_t Macs() const { return m * n * k; }
};

// Where the words of A lie in the ifmap; of a product: M rows of K words, each row one window.
struct IfmapShape {
  int64_t height = 0, width = 0, channels = 1;
  int64_t filter_width = 0, stride = 1;
  int64_t ofmap_height = 0, ofmap_width = 1;
};

struct TopologyLayer {
  std::string name;
  int line = 0;  // in the file, from 1
  Gemm gemm;
  IfmapShape ifmap = {};
  int64_t sparsity_n = 1;  // at most n of m weights are not zero
  int64_t sparsity_m = 1;
};

struct Topology {
  std::vector<TopologyLayer> layers;  // #layers >= 1
};

enum class TopologyKind {
  kAuto,  // GEMM when the heading's columns after the first are M, N, K, else convolution
  kConvolution,
  kGemm,
};

inline constexpr int64_t kMaxLayers = 1 << 20;
inline constexpr int64_t kMaxMacs = int64_t{1} << 48;  // of one layer; cycles then fit in 64 bits

// `where` names the text in errors.
absl::StatusOr<Topology> ParseTopology(absl::string_view text, absl::string_view where,
                                       TopologyKind kind);
absl::StatusOr<Topology> ReadTopology(const std::string& path, TopologyKind kind);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_TOPOLOGY_H_
