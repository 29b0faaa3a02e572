// Resharder: the nodes of collectives, in the graph of a rank.
#ifndef STRATA_DISTRIBUTED_PARTITION_RESHARDER_H_
#define STRATA_DISTRIBUTED_PARTITION_RESHARDER_H_

#include <string>

#include "base/status.h"
#include "distributed/partition/reshard.h"
#include "distributed/partition/sharding.h"
#include "framework/graph/builder.h"

namespace strata::distributed {

class Resharder {
 public:
  // Both must outlive this.
  Resharder(graph::Builder& builder, const Mesh& mesh) : builder_(builder), mesh_(mesh) {}

  // A node of `op` over the group of `axes`.
  graph::ValueId Collective(const std::string& op, graph::ValueId x, const AxisList& axes,
                            graph::Attributes attributes = {});
  graph::ValueId AllReduce(graph::ValueId x, const AxisList& axes,
                           const std::string& reduction = "sum");
  // The index of this rank in the group, i32 [].
  graph::ValueId RankIndex(const AxisList& axes);

  graph::ValueId Slice(graph::ValueId x, size_t dim, int64_t start, int64_t limit);
  graph::ValueId Concat(const std::vector<graph::ValueId>& pieces, size_t dim);

  // One step. Dims that are cut over a zigzag axis are brought into the order of its chunks, and back.
  graph::ValueId Step(graph::ValueId x, const ReshardStep& step);

 private:
  // Dim `dim` between the order of a whole and that in which ranks' pieces follow each other.
  graph::ValueId Zigzag(graph::ValueId x, size_t dim, int64_t ranks, bool to_pieces);

  graph::Builder& builder_;
  const Mesh& mesh_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_RESHARDER_H_
