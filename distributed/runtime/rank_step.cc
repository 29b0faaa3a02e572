#include "distributed/runtime/rank_step.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/collective/null_collectives.h"
#include "distributed/partition/shard_tensors.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

// Which box of the whole a rank has. UNIMPLEMENTED when it is not one box.
absl::StatusOr<Box> BoxOfRank(const graph::Value& value, const Mesh& mesh, int64_t rank) {
  STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(value, mesh));
  Box box;
  for (int d = 0; d < value.dims_size(); ++d) {
    const std::vector<Stretch> stretches =
        PieceOfDim(sharding.dims[static_cast<size_t>(d)], value.dims(d).size(), mesh, rank);
    if (stretches.size() != 1) {
      return absl::UnimplementedError(absl::StrCat("'", value.name(), "': dim ", d, " lies in ",
                                                   stretches.size(), " stretches on a rank"));
    }
    box.offset.push_back(stretches[0].global);
    box.dims.push_back(stretches[0].size);
  }
  return box;
}

// Rows [index * n, (index + 1) * n) of `count` equal pieces of dim 0. A copy.
absl::StatusOr<HostTensor> RowsOf(const HostTensor& whole, int64_t index, int64_t count) {
  if (whole.rank() == 0 || whole.dims()[0] % count != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(whole.TypeString(), " cannot be cut into ", count, " microbatches"));
  }
  std::vector<int64_t> dims = whole.dims();
  dims[0] /= count;
  HostTensor rows = HostTensor::Allocate(whole.dtype(), dims);
  std::memcpy(rows.raw(), whole.data<char>() + static_cast<size_t>(index) * rows.size_bytes(),
              rows.size_bytes());
  return rows;
}

absl::StatusOr<HostTensor> FindInput(const Tensors& tensors, const graph::Value& value,
                                     const std::vector<int64_t>& dims) {
  const auto found = tensors.find(value.name());
  if (found == tensors.end())
    return absl::InvalidArgumentError(absl::StrCat("there is no '", value.name(), "'"));
  if (found->second.dtype() == value.dtype() && found->second.dims() == dims) return found->second;
  return absl::InvalidArgumentError(
      absl::StrCat("'", value.name(), "' is ", found->second.TypeString(), ", not ",
                   chips::DTypeName(value.dtype()), "[", absl::StrJoin(dims, ", "), "]"));
}

void AddTo(const HostTensor& from, HostTensor* to) {
  if (to->dtype() == chips::DTYPE_UNSPECIFIED) {
    *to = from.Clone();
    return;
  }
  std::vector<double> sum = to->ToDoubles(), more = from.ToDoubles();
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  to->SetFromDoubles(sum);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RankStep>> RankStep::Create(const graph::Graph& step,
                                                           const parallel::ParallelPlan& plan,
                                                           compiler::Collectives& world,
                                                           Options options) {
  if (!options.engine)
    return absl::InvalidArgumentError("engine: is not set; give what runs a rank's graphs");
  const auto start = std::chrono::steady_clock::now();
  STRATA_ASSIGN_OR_RETURN(RankPrograms programs,
                          MakeRankPrograms(step, plan, world.rank(), options.rows));
  if (programs.mesh.ranks() != world.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the plan's mesh has ", programs.mesh.ranks(),
                                                   " ranks; there are ", world.size()));
  }
  std::unique_ptr<RankStep> rank_step(new RankStep(std::move(programs), std::move(options)));
  rank_step->programs_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  STRATA_RETURN_IF_ERROR(rank_step->Allocate());
  STRATA_RETURN_IF_ERROR(rank_step->Connect(world));
  return rank_step;
}

absl::Status RankStep::Allocate() {
  const graph::TensorMemory::Scope scope(memory_);
  for (const graph::Value& value : programs_.state) {
    STRATA_ASSIGN_OR_RETURN(const Box box, BoxOfRank(value, programs_.mesh, programs_.rank));
    const HostTensor local = HostTensor::Zeros(value.dtype(), box.dims);
    state_.push_back({value.name(), graph::TypeOf(value).dims(), box.offset, local});
    tensors_[value.name()] = local;
  }
  for (const graph::Value& value : programs_.sums) {
    const graph::TensorType type = LocalType(value, programs_.mesh);
    tensors_[value.name()] = HostTensor::Zeros(type.dtype, type.dims());
  }
  return absl::OkStatus();
}

absl::Status RankStep::Connect(compiler::Collectives& world) {
  world_ = &world;
  STRATA_ASSIGN_OR_RETURN(evaluator_, options_.engine(world));
  if (!programs_.pipeline) return absl::OkStatus();
  if (programs_.pipeline_axis.empty()) {
    alone_ = std::make_unique<NullCollectives>();
    peers_ = alone_.get();
  } else {
    STRATA_ASSIGN_OR_RETURN(peers_, world.Group(programs_.pipeline_axis));
  }
  const PipelinePart& part = *programs_.pipeline;
  executor_ = std::make_unique<PipelineExecutor>(part.schedule, part.communication, part.stages,
                                                 *evaluator_, *peers_);
  optimizer_ = std::make_unique<OptimizerRunner>(part.optimizer, *evaluator_, *peers_);
  return absl::OkStatus();
}

absl::Status RankStep::Load(const Tensors& global) {
  for (size_t i = 0; i < state_.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const HostTensor whole,
                            FindInput(global, programs_.state[i], state_[i].global_dims));
    STRATA_RETURN_IF_ERROR(LoadPiece(i, whole));
  }
  return absl::OkStatus();
}

absl::Status RankStep::LoadTensor(const std::string& name, const HostTensor& whole) {
  for (size_t i = 0; i < state_.size(); ++i) {
    if (state_[i].name != name) continue;
    STRATA_RETURN_IF_ERROR(
        FindInput({{name, whole}}, programs_.state[i], state_[i].global_dims).status());
    return LoadPiece(i, whole);
  }
  return absl::OkStatus();  // another rank of the pipeline has it
}

absl::Status RankStep::LoadPiece(size_t i, const HostTensor& whole) {
  STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(programs_.state[i], programs_.mesh));
  STRATA_ASSIGN_OR_RETURN(const HostTensor piece,
                          ShardTensor(whole, sharding, programs_.mesh, programs_.rank));
  std::memcpy(state_[i].local.raw(), piece.raw(), piece.size_bytes());
  return absl::OkStatus();
}

absl::StatusOr<Tensors> RankStep::DataOf(const Tensors& global_inputs, int64_t microbatch) const {
  Tensors data;
  for (const graph::Value& value : programs_.data) {
    if (programs_.reads.count(value.name()) == 0) continue;
    std::vector<int64_t> dims = graph::TypeOf(value).dims();
    const bool batched = programs_.batched.count(value.name()) > 0;
    if (batched) dims[0] *= programs_.microbatches;
    STRATA_ASSIGN_OR_RETURN(HostTensor whole, FindInput(global_inputs, value, dims));
    if (batched && programs_.microbatches > 1) {
      STRATA_ASSIGN_OR_RETURN(whole, RowsOf(whole, microbatch, programs_.microbatches));
    }
    STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(value, programs_.mesh));
    STRATA_ASSIGN_OR_RETURN(HostTensor piece,
                            ShardTensor(whole, sharding, programs_.mesh, programs_.rank));
    const bool callers = piece.raw() == global_inputs.at(value.name()).raw();
    data[value.name()] = callers ? piece.Clone() : std::move(piece);
  }
  return data;
}

absl::Status RankStep::Deliver(const std::string& output, const HostTensor& tensor, bool everywhere,
                               Tensors* outputs) {
  const graph::Value& value = programs_.outputs.at(output);
  STRATA_ASSIGN_OR_RETURN(const Sharding sharding, ShardingOf(value, programs_.mesh));
  if (sharding.replicated() && everywhere) {
    (*outputs)[output] = tensor;
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(const Box box, BoxOfRank(value, programs_.mesh, programs_.rank));
  pieces_.push_back({output, graph::TypeOf(value).dims(), box.offset, tensor});
  return absl::OkStatus();
}

absl::Status RankStep::RunWhole(const Tensors& global_inputs, Tensors* outputs) {
  const graph::Graph& program = *programs_.whole;
  STRATA_ASSIGN_OR_RETURN(Tensors values, DataOf(global_inputs, 0));
  STRATA_RETURN_IF_ERROR(RunByName(program, tensors_, *evaluator_, &values));
  for (const auto& [output, value] : programs_.outputs)
    STRATA_RETURN_IF_ERROR(Deliver(output, values.at(output), true, outputs));
  return absl::OkStatus();
}

// All of a bucket as one message; they are of one group and one dtype.
absl::Status RankStep::ReduceSums() {
  for (const std::vector<DeferredSum>& bucket : programs_.pipeline->deferred) {
    STRATA_ASSIGN_OR_RETURN(compiler::Collectives * group, world_->Group(bucket[0].group));
    std::vector<HostTensor> sums;
    int64_t elements = 0;
    for (const DeferredSum& sum : bucket) {
      sums.push_back(tensors_.at(sum.sum));
      elements += sums.back().elements();
    }
    HostTensor packed = sums[0];
    if (sums.size() > 1) {
      packed = HostTensor::Allocate(sums[0].dtype(), {elements});
      char* at = packed.data<char>();
      for (const HostTensor& sum : sums) at = std::copy_n(sum.data<char>(), sum.size_bytes(), at);
    }
    STRATA_RETURN_IF_ERROR(Annotate(
        group->AllReduce(packed.raw(), elements, packed.dtype(), compiler::Reduction::kSum),
        absl::StrCat("'", bucket[0].sum, "' after the last microbatch")));
    const char* at = packed.data<char>();
    for (HostTensor& sum : sums) {
      if (sums.size() > 1) std::copy_n(at, sum.size_bytes(), sum.data<char>());
      at += sum.size_bytes();
    }
  }
  return absl::OkStatus();
}

// Means over microbatches, which ran on whichever rank the schedule said.
absl::Status RankStep::CombineResults(Tensors* outputs) {
  for (const StageResult& result : programs_.pipeline->results) {
    HostTensor sum;
    for (const Tensors& of_microbatch : run_.results) {
      const auto found = of_microbatch.find(result.output);
      if (found != of_microbatch.end()) AddTo(found->second, &sum);
    }
    if (sum.dtype() == chips::DTYPE_UNSPECIFIED) {
      const graph::TensorType type = LocalType(programs_.outputs.at(result.output), programs_.mesh);
      sum = HostTensor::Zeros(type.dtype, type.dims());
    }
    if (peers_->size() > 1) {
      STRATA_RETURN_IF_ERROR(
          peers_->AllReduce(sum.raw(), sum.elements(), sum.dtype(), compiler::Reduction::kSum));
    }
    std::vector<double> mean = sum.ToDoubles();
    for (double& x : mean) x /= static_cast<double>(programs_.microbatches);
    sum.SetFromDoubles(mean);
    STRATA_RETURN_IF_ERROR(Deliver(result.output, sum, true, outputs));
  }
  return absl::OkStatus();
}

absl::Status RankStep::RunPipeline(const Tensors& global_inputs, chips::Timeline* timeline,
                                   Tensors* outputs) {
  for (const graph::Value& sum : programs_.sums) {
    const HostTensor& tensor = tensors_.at(sum.name());
    std::memset(tensor.raw(), 0, tensor.size_bytes());
  }
  std::vector<Tensors> data;
  for (int64_t i = 0; i < programs_.microbatches; ++i) {
    STRATA_ASSIGN_OR_RETURN(Tensors of_microbatch, DataOf(global_inputs, i));
    data.push_back(std::move(of_microbatch));
  }
  STRATA_ASSIGN_OR_RETURN(run_, executor_->Run(data, tensors_, timeline, options_.epoch));
  STRATA_RETURN_IF_ERROR(CombineResults(outputs));
  Tensors scalars;  // the same in every microbatch
  for (const auto& [name, tensor] : data[0])
    if (programs_.batched.count(name) == 0) scalars[name] = tensor;
  data.clear();
  STRATA_RETURN_IF_ERROR(ReduceSums());
  STRATA_ASSIGN_OR_RETURN(const Tensors results, optimizer_->Run(scalars, tensors_));
  const std::vector<OptimizerPrograms>& ranks = programs_.pipeline->optimizer.ranks;
  for (const auto& [output, tensor] : results) {
    const bool everywhere = std::all_of(ranks.begin(), ranks.end(), [&](const auto& of_rank) {
      return std::any_of(of_rank.results.begin(), of_rank.results.end(),
                         [&](const StageResult& result) { return result.output == output; });
    });
    STRATA_RETURN_IF_ERROR(Deliver(output, tensor, everywhere, outputs));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensors> RankStep::Step(const Tensors& global_inputs, chips::Timeline* timeline) {
  const graph::TensorMemory::Scope scope(memory_);
  pieces_.clear();
  run_ = {};
  if (timeline != nullptr) {
    timeline->set_version(1);
    timeline->set_name("step");
    timeline->set_source(chips::MEASURED);
    timeline->add_lanes(absl::StrCat("rank ", programs_.rank));
  }
  Tensors outputs;
  const absl::Status status = programs_.whole ? RunWhole(global_inputs, &outputs)
                                              : RunPipeline(global_inputs, timeline, &outputs);
  if (!status.ok()) return status;
  return outputs;
}

}  // namespace strata::distributed
