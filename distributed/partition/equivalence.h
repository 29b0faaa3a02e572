// The proof of data parallelism: n ranks train as one does with the whole batch. Shared by the tests on threads and
// under mpirun.
#ifndef STRATA_DISTRIBUTED_PARTITION_EQUIVALENCE_H_
#define STRATA_DISTRIBUTED_PARTITION_EQUIVALENCE_H_

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/transport/transport.h"
#include "framework/graph/evaluator.h"

namespace strata::distributed {

// What runs a rank's graph, given its way to the others.
using Engine =
    std::function<absl::StatusOr<std::unique_ptr<graph::Evaluator>>(compiler::Collectives&)>;

Engine InterpreterEngine();
Engine CompiledEngine();  // one thread a rank

// Trains a small classifier (an MLP with layer norm, cross entropy and AdamW with clipping) for 20 steps on the ranks of
// `transport`, which must divide 12, with the collectives named; trains it on this rank alone as well. INTERNAL when a
// loss differs by more than 1e-5, or the parameters are not the same bits on all ranks.
absl::Status CheckTrainsLikeOneRank(Transport& transport, const std::string& collectives,
                                    const Engine& engine);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_EQUIVALENCE_H_
