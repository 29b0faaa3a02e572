#include "distributed/runtime/step_model.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/runtime/activation_model.h"
#include "distributed/runtime/program_memory.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using schedule::Message;
using schedule::Slot;
using schedule::SlotKind;

graph::TensorType TypeAt(const Graph& graph, uint32_t value) {
  return graph::TypeOf(graph.values(static_cast<int>(value)));
}

// Traffic of collectives by one algorithm: a rank's share of what its group sends.
class Traffic {
 public:
  explicit Traffic(absl::string_view algorithm) : algorithm_(algorithm) {}

  absl::Status Check() const {
    for (const std::string& name : AlgorithmNames())
      if (name == algorithm_) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("'", algorithm_, "' is no algorithm with a formula"));
  }

  double Share(Verb verb, int64_t ranks, int64_t count, int64_t element_bytes) const {
    if (ranks < 2) return 0;
    const CallShape shape = {static_cast<int>(ranks), count, element_bytes};
    return static_cast<double>(RowOf(verb, shape).wire_bytes(shape)) / static_cast<double>(ranks);
  }

  double Of(const Graph& program) const {
    double bytes = 0;
    for (const graph::Node& node : program.nodes()) bytes += OfNode(program, node);
    return bytes;
  }

 private:
  const Algorithm& RowOf(Verb verb, const CallShape& shape) const {
    const absl::StatusOr<const Algorithm*> row = FindAlgorithm(verb, algorithm_);
    if (row.ok() && (*row)->takes(shape.ranks, shape.tuning)) return **row;
    const absl::Span<const Algorithm> table = AlgorithmTable();
    return *std::find_if(table.begin(), table.end(),
                         [&](const Algorithm& entry) { return entry.verb == verb; });
  }

  double OfNode(const Graph& program, const graph::Node& node) const {
    if (node.inputs().empty()) return 0;
    const graph::AttributeReader attributes(node);
    const int64_t ranks = attributes.Int("ranks", 1);
    const graph::TensorType in = TypeAt(program, node.inputs(0)),
                            out = TypeAt(program, node.outputs(0));
    const int64_t size = static_cast<int64_t>(chips::SizeOf(in.dtype));
    if (node.op() == "all_reduce") return Share(Verb::kAllReduce, ranks, in.elements(), size);
    if (node.op() == "all_gather") return Share(Verb::kAllGather, ranks, in.elements(), size);
    if (node.op() == "reduce_scatter")
      return Share(Verb::kReduceScatter, ranks, out.elements(), size);
    if (node.op() == "broadcast") return Share(Verb::kBroadcast, ranks, in.elements(), size);
    if (node.op() == "all_to_all")
      return Share(Verb::kAllToAll, ranks, in.elements() / ranks, size);
    if (node.op() == "collective_permute" && attributes.Int("offset") % ranks != 0)
      return static_cast<double>(in.size_bytes());
    return 0;
  }

  const std::string algorithm_;
};

class Modeller {
 public:
  Modeller(const RankPrograms& programs, absl::string_view algorithm)
      : programs_(programs), traffic_(algorithm) {}

  absl::StatusOr<StepModel> Run() {
    STRATA_RETURN_IF_ERROR(traffic_.Check());
    for (const graph::Value& value : programs_.state) model_.state_bytes += LocalBytes(value);
    for (const graph::Value& value : programs_.sums) model_.gradient_bytes += LocalBytes(value);
    for (const graph::Value& value : programs_.data) {
      if (programs_.reads.count(value.name()) == 0) continue;
      model_.batch_bytes += LocalBytes(value) * programs_.microbatches;
      if (programs_.batched.count(value.name()) == 0) scalar_bytes_ += LocalBytes(value);
    }
    if (programs_.whole) {
      model_.wire_bytes = traffic_.Of(*programs_.whole);
      model_.peak_bytes = model_.state_bytes + model_.batch_bytes + MemoryOf(*programs_.whole).peak;
    } else {
      Pipeline();
    }
    return model_;
  }

 private:
  int64_t LocalBytes(const graph::Value& value) const {
    return LocalType(value, programs_.mesh).size_bytes();
  }
  const PipelinePart& part() const { return *programs_.pipeline; }
  const OptimizerPrograms& mine() const {
    return part().optimizer.ranks[static_cast<size_t>(programs_.pipeline_rank)];
  }

  void Pipeline() {
    const int64_t stays = model_.state_bytes + model_.gradient_bytes;
    const ActivationModel activations = ActivationsOf(programs_);
    model_.activation_bytes = activations.kept;
    model_.peak_bytes = stays + model_.batch_bytes + activations.peak;
    model_.peak_bytes =
        std::max(model_.peak_bytes, stays + scalar_bytes_ + activations.after + OptimizerPeak());
    SlotTraffic();
    OptimizerTraffic();
  }

  void SlotTraffic() {
    for (const Slot& slot : part().schedule.slots[static_cast<size_t>(programs_.pipeline_rank)]) {
      const StagePrograms& stage = part().stages.stages.at(slot.chunk);
      if (slot.kind == SlotKind::kForward) model_.wire_bytes += traffic_.Of(stage.forward);
      if (schedule::IsBackward(slot.kind)) model_.wire_bytes += traffic_.Of(stage.backward);
      if (slot.kind == SlotKind::kBackward || slot.kind == SlotKind::kWeight)
        model_.wire_bytes += traffic_.Of(stage.weight);
    }
    for (const Message& message : part().communication.messages) {
      if (message.from_rank != programs_.pipeline_rank) continue;
      const StagePrograms& stage = part().stages.stages.at(message.from_chunk);
      const bool up = message.kind == SlotKind::kForward;
      for (const std::string& name : up ? stage.activations_out : stage.gradients_out)
        model_.wire_bytes +=
            static_cast<double>(graph::TypeOf(part().stages.crossing.at(name)).size_bytes());
    }
  }

  int64_t ExportBytes(const OptimizerPrograms& programs) const {
    int64_t bytes = 0;
    for (const std::string& name : programs.exports)
      bytes += graph::TypeOf(part().optimizer.exported.at(name)).size_bytes();
    return bytes;
  }

  int64_t BucketBytes(const std::vector<DeferredSum>& bucket) const {
    int64_t bytes = 0;
    for (const DeferredSum& deferred : bucket)
      for (const graph::Value& sum : programs_.sums)
        if (sum.name() == deferred.sum) bytes += LocalBytes(sum);
    return bytes;
  }

  // The sums of a bucket are of one dtype.
  int64_t ElementBytes(const std::vector<DeferredSum>& bucket) const {
    const auto sum =
        std::find_if(programs_.sums.begin(), programs_.sums.end(),
                     [&](const graph::Value& value) { return value.name() == bucket[0].sum; });
    return static_cast<int64_t>(chips::SizeOf(sum->dtype()));
  }

  // Shared sums to the lowest holder and back, the exchange, and the mean of the step's results.
  void OptimizerTraffic() {
    for (const graph::Value& sum : programs_.sums) {
      const std::set<int>& holders = part().optimizer.holders.at(sum.gradient_of());
      const bool lowest = *holders.begin() == programs_.pipeline_rank;
      const auto messages = lowest ? holders.size() - 1 : size_t{1};
      if (holders.size() > 1)
        model_.wire_bytes += static_cast<double>(messages) * static_cast<double>(LocalBytes(sum));
    }
    for (const std::vector<DeferredSum>& bucket : part().deferred) {
      const int64_t size = ElementBytes(bucket);
      model_.wire_bytes +=
          traffic_.Share(Verb::kAllReduce, bucket[0].ranks, BucketBytes(bucket) / size, size);
    }
    int64_t exchange = 0;
    for (const OptimizerPrograms& programs : part().optimizer.ranks)
      exchange = std::max(exchange, ExportBytes(programs));
    const int ranks = part().schedule.ranks;
    if (exchange > 0) model_.wire_bytes += traffic_.Share(Verb::kAllGather, ranks, exchange, 1);
    for (const StageResult& result : part().results) {
      const graph::TensorType type = LocalType(programs_.outputs.at(result.output), programs_.mesh);
      model_.wire_bytes += traffic_.Share(Verb::kAllReduce, ranks, type.elements(),
                                          static_cast<int64_t>(chips::SizeOf(type.dtype)));
    }
    model_.wire_bytes += traffic_.Of(mine().local) + traffic_.Of(mine().update);
  }

  int64_t OptimizerPeak() const {
    const ProgramMemory local = MemoryOf(mine().local), update = MemoryOf(mine().update);
    int64_t imports = 0;
    if (part().schedule.ranks > 1)
      for (const OptimizerPrograms& programs : part().optimizer.ranks)
        imports += ExportBytes(programs);
    imports = std::max(imports, local.outputs);
    int64_t buckets = 0;
    for (const std::vector<DeferredSum>& bucket : part().deferred)
      if (bucket.size() > 1) buckets = std::max(buckets, BucketBytes(bucket));
    return std::max({buckets, local.peak, imports + update.peak});
  }

  const RankPrograms& programs_;
  const Traffic traffic_;
  int64_t scalar_bytes_ = 0;
  StepModel model_;
};

}  // namespace

absl::StatusOr<StepModel> ModelOf(const RankPrograms& programs, absl::string_view algorithm) {
  return Modeller(programs, algorithm).Run();
}

absl::StatusOr<double> WireBytesOf(const Graph& program, absl::string_view algorithm) {
  const Traffic traffic(algorithm);
  STRATA_RETURN_IF_ERROR(traffic.Check());
  return traffic.Of(program);
}

}  // namespace strata::distributed
