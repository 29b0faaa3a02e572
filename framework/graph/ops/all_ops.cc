#include "framework/graph/ops/all_ops.h"

#include <mutex>

#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

constexpr void (*kFamilies[])(OpRegistry&) = {
    RegisterUnaryOps,         RegisterBinaryOps,
    RegisterCompareOps,       RegisterCastOps,
    RegisterConstantOps,      RegisterReduceOps,
    RegisterBroadcastOps,     RegisterShapeOps,
    RegisterSliceOps,         RegisterMatmulOps,
    RegisterSoftmaxOps,       RegisterNormalizationOps,
    RegisterActivationOps,    RegisterEmbeddingOps,
    RegisterRopeOps,          RegisterAttentionOps,
    RegisterCacheUpdateOps,   RegisterCrossEntropyOps,
    RegisterAdamwOps,         RegisterCollectiveOps,
    RegisterFusionOps,        RegisterConv2dOps,
    RegisterMaxPool2dOps,     RegisterRequantizeOps,
    RegisterCacheWriteOps,    RegisterPagedAttentionOps,
    RegisterTopKOps,          RegisterMoeSlotsOps,
    RegisterMoeOps,           RegisterGroupedMatmulOps,
    RegisterMatmulPackedOps,  RegisterMatmulPackedGroupOps,
    RegisterMatmulExpertsOps, RegisterEmbeddingPackedOps,
};

}  // namespace

void RegisterAllOps() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const auto& register_family : kFamilies) register_family(OpRegistry::Get());
  });
}

}  // namespace strata::graph
