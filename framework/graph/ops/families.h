// One function a file of this folder: each adds its family's definitions to the registry. Only
// all_ops.cc calls them.
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_FAMILIES_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_FAMILIES_H_

#include "framework/graph/op_def.h"

namespace strata::graph {

// Primitives.
void RegisterUnaryOps(OpRegistry& registry);       // unary.cc: neg exp log sqrt ...
void RegisterBinaryOps(OpRegistry& registry);      // binary.cc: add sub mul div max min pow
void RegisterCompareOps(OpRegistry& registry);     // compare.cc: less less_equal equal select
void RegisterCastOps(OpRegistry& registry);        // cast.cc: cast
void RegisterConstantOps(OpRegistry& registry);    // constant.cc: constant iota
void RegisterReduceOps(OpRegistry& registry);      // reduce.cc: reduce_sum reduce_max reduce_mean
void RegisterBroadcastOps(OpRegistry& registry);   // broadcast.cc: broadcast_to sum_to
void RegisterShapeOps(OpRegistry& registry);       // shape.cc: reshape transpose after
void RegisterSliceOps(OpRegistry& registry);       // slice.cc: slice pad concat
void RegisterMatmulOps(OpRegistry& registry);      // matmul.cc: matmul contract_leading
void RegisterCollectiveOps(OpRegistry& registry);  // collective.cc: all_reduce all_gather ...
void RegisterFusionOps(OpRegistry& registry);      // fusion.cc: fusion

// Composites and kernels of their own.
void RegisterSoftmaxOps(OpRegistry& registry);        // softmax.cc: softmax
void RegisterNormalizationOps(OpRegistry& registry);  // normalization.cc: layer_norm rms_norm
void RegisterActivationOps(OpRegistry& registry);     // activation.cc: gelu silu
void RegisterEmbeddingOps(OpRegistry& registry);      // embedding.cc: embedding embedding_gradient
void RegisterRopeOps(OpRegistry& registry);           // rope.cc: rope
void RegisterAttentionOps(OpRegistry& registry);      // attention.cc: attention attention_gradient
void RegisterCacheUpdateOps(OpRegistry& registry);    // cache_update.cc: cache_update
void RegisterCrossEntropyOps(OpRegistry& registry);   // cross_entropy.cc: cross_entropy(_gradient)
void RegisterAdamwOps(OpRegistry& registry);          // adamw.cc: adamw

// Steps over a ragged batch.
void RegisterCacheWriteOps(OpRegistry& registry);      // cache_write.cc: cache_write cache_write_q8
void RegisterPagedAttentionOps(OpRegistry& registry);  // paged_attention.cc: paged_attention
void RegisterTopKOps(OpRegistry& registry);            // top_k.cc: top_k

// Mixtures of experts.
void RegisterMoeSlotsOps(OpRegistry& registry);       // moe_slots.cc: moe_slots moe_sort
void RegisterMoeOps(OpRegistry& registry);            // moe.cc: moe_dispatch moe_combine ...
void RegisterGroupedMatmulOps(OpRegistry& registry);  // grouped_matmul.cc: grouped_matmul ...

// Weights as model files have them.
void RegisterMatmulPackedOps(OpRegistry& registry);  // matmul_packed.cc: matmul_packed
void RegisterMatmulPackedGroupOps(
    OpRegistry& registry);                            // matmul_packed_group.cc: matmul_packed_group
void RegisterMatmulExpertsOps(OpRegistry& registry);  // matmul_experts.cc: matmul_experts
void RegisterEmbeddingPackedOps(OpRegistry& registry);  // embedding_packed.cc: embedding_packed

// Images, and integer arithmetic.
void RegisterConv2dOps(OpRegistry& registry);      // conv2d.cc: conv2d conv2d_gradient_input ...
void RegisterMaxPool2dOps(OpRegistry& registry);   // max_pool2d.cc: max_pool2d(_gradient)
void RegisterRequantizeOps(OpRegistry& registry);  // requantize.cc: requantize

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_FAMILIES_H_
