// The task of the lab: tokens of a few kinds, some far more frequent than others (Zipf), and for each kind another linear
// map to learn. A router that sends a kind to an expert of its own gets loads as uneven as the kinds.
#ifndef STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_SKEWED_TASK_H_
#define STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_SKEWED_TASK_H_

#include <cstdint>

#include "framework/graph/host_tensor.h"

namespace strata::courses {

struct SkewedTask {
  int64_t groups = 4;   // of tokens: sequences, one a rank later
  int64_t tokens = 48;  // of a group
  int64_t width = 12;
  int64_t kinds = 8;
  uint64_t seed = 1;
};

struct SkewedBatch {
  graph::HostTensor x;       // f32 [groups, tokens, width]: the kind's centre and noise
  graph::HostTensor target;  // the same: the kind's map of x
};

// Batch number `step`, the same every time.
SkewedBatch MakeBatch(const SkewedTask& task, uint64_t step);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_SKEWED_TASK_H_
