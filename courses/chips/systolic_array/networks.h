// The layers that the lab maps: those of a ResNet-50-like network and the products of a GPT block.
//
//   STRATA_ASSIGN_OR_RETURN(const std::vector<Network> networks, LabNetworks());
//   for (const chips::systolic::TopologyLayer& layer : networks[0].topology.layers) ...
//
// They are made here, in the text form of SCALE-Sim's topology files, and read by the same parser as those.
#ifndef STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_NETWORKS_H_
#define STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_NETWORKS_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/npu/systolic/topology.h"

namespace strata::courses {

struct Network {
  std::string name;
  std::string text;  // as a topology file
  chips::systolic::Topology topology;
};

// In this order: the convolutions of one bottleneck a stage of ResNet-50 at 224 x 224 and its classifier
// (He et al., arXiv:1512.03385, table 1; padded sizes, so that ofmaps come out as there); one block of
// GPT-2 small, d = 768, 12 heads, in prefill of 1024 tokens; the same block in decode: one token against
// 1024 in the cache.
enum LabNetwork : size_t { kResNet50, kPrefill, kDecode };
absl::StatusOr<std::vector<Network>> LabNetworks();

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_SYSTOLIC_ARRAY_NETWORKS_H_
