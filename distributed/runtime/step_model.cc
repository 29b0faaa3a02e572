#include "distributed/runtime/step_model.h"

#include <algorithm>
#include <set>
#include <string>

#include "distributed/partition/wire_bytes.h"
#include "distributed/pipeline/program_writer.h"
#include "distributed/runtime/activation_model.h"
#include "distributed/runtime/program_memory.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using schedule::Message;
using schedule::Slot;
using schedule::SlotKind;

class Modeller {
 public:
  Modeller(const RankPrograms& programs, absl::string_view algorithm)
      : programs_(programs), algorithm_(algorithm) {}

  absl::StatusOr<StepModel> Run() {
    for (const graph::Value& value : programs_.state) model_.state_bytes += LocalBytes(value);
    for (const graph::Value& value : programs_.sums) model_.gradient_bytes += LocalBytes(value);
    for (const graph::Value& value : programs_.data) {
      if (programs_.reads.count(value.name()) == 0) continue;
      model_.batch_bytes += LocalBytes(value) * programs_.microbatches;
      if (programs_.batched.count(value.name()) == 0) scalar_bytes_ += LocalBytes(value);
    }
    if (programs_.whole) {
      STRATA_RETURN_IF_ERROR(Count(*programs_.whole));
      model_.peak_bytes = model_.state_bytes + model_.batch_bytes + MemoryOf(*programs_.whole).peak;
    } else {
      STRATA_RETURN_IF_ERROR(Pipeline());
    }
    return model_;
  }

 private:
  // This rank's share of what the collectives of a program send.
  absl::Status Count(const Graph& program) {
    STRATA_ASSIGN_OR_RETURN(const auto traffic, WireBytes(program, programs_.mesh, algorithm_));
    model_.wire_bytes +=
        static_cast<double>(TotalBytes(traffic)) / static_cast<double>(programs_.mesh.ranks());
    return absl::OkStatus();
  }
  void CountCall(Verb verb, int64_t ranks, int64_t count, int64_t element_bytes) {
    const CallShape shape = {static_cast<int>(ranks), count, element_bytes};
    model_.wire_bytes +=
        static_cast<double>(BytesOfCall(verb, algorithm_, shape)) / static_cast<double>(ranks);
  }

  int64_t LocalBytes(const graph::Value& value) const {
    return LocalType(value, programs_.mesh).size_bytes();
  }
  const PipelinePart& part() const { return *programs_.pipeline; }
  const OptimizerPrograms& mine() const {
    return part().optimizer.ranks[static_cast<size_t>(programs_.pipeline_rank)];
  }

  absl::Status Pipeline() {
    const int64_t stays = model_.state_bytes + model_.gradient_bytes;
    const ActivationModel activations = ActivationsOf(programs_);
    model_.activation_bytes = activations.kept;
    model_.peak_bytes = stays + model_.batch_bytes + activations.peak;
    model_.peak_bytes =
        std::max(model_.peak_bytes, stays + scalar_bytes_ + activations.after + OptimizerPeak());
    STRATA_RETURN_IF_ERROR(SlotTraffic());
    return OptimizerTraffic();
  }

  absl::Status SlotTraffic() {
    for (const Slot& slot : part().schedule.slots[static_cast<size_t>(programs_.pipeline_rank)]) {
      const StagePrograms& stage = part().stages.stages.at(slot.chunk);
      if (slot.kind == SlotKind::kForward) STRATA_RETURN_IF_ERROR(Count(stage.forward));
      if (schedule::IsBackward(slot.kind)) STRATA_RETURN_IF_ERROR(Count(stage.backward));
      if (slot.kind == SlotKind::kBackward || slot.kind == SlotKind::kWeight)
        STRATA_RETURN_IF_ERROR(Count(stage.weight));
    }
    for (const Message& message : part().communication.messages) {
      if (message.from_rank != programs_.pipeline_rank) continue;
      const StagePrograms& stage = part().stages.stages.at(message.from_chunk);
      const bool up = message.kind == SlotKind::kForward;
      for (const std::string& name : up ? stage.activations_out : stage.gradients_out)
        model_.wire_bytes +=
            static_cast<double>(graph::TypeOf(part().stages.crossing.at(name)).size_bytes());
    }
    return absl::OkStatus();
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
  absl::Status OptimizerTraffic() {
    for (const graph::Value& sum : programs_.sums) {
      const std::set<int>& holders = part().optimizer.holders.at(sum.gradient_of());
      const bool lowest = *holders.begin() == programs_.pipeline_rank;
      const auto messages = lowest ? holders.size() - 1 : size_t{1};
      if (holders.size() > 1)
        model_.wire_bytes += static_cast<double>(messages) * static_cast<double>(LocalBytes(sum));
    }
    for (const std::vector<DeferredSum>& bucket : part().deferred) {
      const int64_t size = ElementBytes(bucket);
      CountCall(Verb::kAllReduce, bucket[0].ranks, BucketBytes(bucket) / size, size);
    }
    int64_t exchange = 0;
    for (const OptimizerPrograms& programs : part().optimizer.ranks)
      exchange = std::max(exchange, ExportBytes(programs));
    const int ranks = part().schedule.ranks;
    if (exchange > 0) CountCall(Verb::kAllGather, ranks, exchange, 1);
    for (const StageResult& result : part().results) {
      const graph::TensorType type = LocalType(programs_.outputs.at(result.output), programs_.mesh);
      CountCall(Verb::kAllReduce, ranks, type.elements(),
                static_cast<int64_t>(chips::SizeOf(type.dtype)));
    }
    STRATA_RETURN_IF_ERROR(Count(mine().local));
    return Count(mine().update);
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
  const absl::string_view algorithm_;
  int64_t scalar_bytes_ = 0;
  StepModel model_;
};

}  // namespace

absl::StatusOr<StepModel> ModelOf(const RankPrograms& programs, absl::string_view algorithm) {
  return Modeller(programs, algorithm).Run();
}

}  // namespace strata::distributed
