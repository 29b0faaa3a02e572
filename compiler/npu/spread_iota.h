// SpreadIotas(): iotas that are results of a region become a short iota, with only its axis, and a
// broadcast, so that no table of the whole result is needed.
#ifndef STRATA_COMPILER_NPU_SPREAD_IOTA_H_
#define STRATA_COMPILER_NPU_SPREAD_IOTA_H_

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

absl::StatusOr<graph::Graph> SpreadIotas(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_SPREAD_IOTA_H_
