// RankInterpreter: the reference interpreter of one rank among several. Ops run by their reference
// kernels, collectives by Collectives. The oracle of the rewrites, before any compiler has a hand in
// it. A value is freed after its last reader, so that what it holds at most is what a program needs
// (distributed/runtime/program_memory.h).
#ifndef STRATA_DISTRIBUTED_PARTITION_RANK_INTERPRETER_H_
#define STRATA_DISTRIBUTED_PARTITION_RANK_INTERPRETER_H_

#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "framework/graph/evaluator.h"

namespace strata::distributed {

class RankInterpreter : public graph::Evaluator {
 public:
  // `collectives` must outlive this.
  explicit RankInterpreter(compiler::Collectives& collectives) : collectives_(collectives) {}

  absl::StatusOr<std::vector<graph::HostTensor>> Evaluate(
      const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) override;

 private:
  compiler::Collectives& collectives_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_RANK_INTERPRETER_H_
