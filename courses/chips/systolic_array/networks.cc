#include "courses/chips/systolic_array/networks.h"

#include <utility>

namespace strata::courses {
namespace {

using chips::systolic::TopologyKind;

// Heights and widths with what of the padding the windows reach: 224 + 5, 56 + 2, ...
constexpr char kResNetText[] =
    R"(name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride,
conv1, 229, 229, 7, 7, 3, 64, 2,
conv2 1x1, 56, 56, 1, 1, 256, 64, 1,
conv2 3x3, 58, 58, 3, 3, 64, 64, 1,
conv2 out, 56, 56, 1, 1, 64, 256, 1,
conv3 1x1, 28, 28, 1, 1, 512, 128, 1,
conv3 3x3, 30, 30, 3, 3, 128, 128, 1,
conv3 out, 28, 28, 1, 1, 128, 512, 1,
conv4 1x1, 14, 14, 1, 1, 1024, 256, 1,
conv4 3x3, 16, 16, 3, 3, 256, 256, 1,
conv4 out, 14, 14, 1, 1, 256, 1024, 1,
conv5 1x1, 7, 7, 1, 1, 2048, 512, 1,
conv5 3x3, 9, 9, 3, 3, 512, 512, 1,
conv5 out, 7, 7, 1, 1, 512, 2048, 1,
classifier, 1, 1, 1, 1, 2048, 1000, 1,
)";

// Attention's products are of one head.
constexpr char kPrefillText[] = R"(name, M, N, K,
qkv, 1024, 2304, 768,
scores, 1024, 1024, 64,
values, 1024, 64, 1024,
proj, 1024, 768, 768,
mlp up, 1024, 3072, 768,
mlp down, 1024, 768, 3072,
)";

constexpr char kDecodeText[] = R"(name, M, N, K,
qkv, 1, 2304, 768,
scores, 1, 1024, 64,
values, 1, 64, 1024,
proj, 1, 768, 768,
mlp up, 1, 3072, 768,
mlp down, 1, 768, 3072,
)";

}  // namespace

absl::StatusOr<std::vector<Network>> LabNetworks() {
  std::vector<Network> networks = {{"ResNet-50, a bottleneck a stage", kResNetText, {}},
                                   {"GPT-2 block, prefill of 1024 tokens", kPrefillText, {}},
                                   {"GPT-2 block, decode of a token", kDecodeText, {}}};
  for (Network& network : networks) {
    STRATA_ASSIGN_OR_RETURN(network.topology, chips::systolic::ParseTopology(
                                                  network.text, network.name, TopologyKind::kAuto));
  }
  return networks;
}

}  // namespace strata::courses
