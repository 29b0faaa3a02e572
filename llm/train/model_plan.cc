#include "llm/train/model_plan.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/plan/validate.h"
#include "distributed/schedule/plan.h"
#include "distributed/schedule/schedules.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder.h"
#include "llm/model/parameter_names.h"
#include "llm/model/tensor_roles.h"

namespace strata::llm {
namespace {

using parallel::ParallelPlan;
using Role = TensorRole;

// How a weight is cut: which of its dims over TENSOR and over EXPERT axes; -1: none. A matrix is [out, in].
struct Cut {
  enum Part { kWhole, kOut, kIn } tensor = kWhole;
  bool expert = false;  // [experts, out, in]
};

Cut CutOf(Role role) {
  switch (role) {
    case Role::kQuery:
    case Role::kKey:
    case Role::kValue:
    case Role::kGate:
    case Role::kUp:
    case Role::kSharedGate:
    case Role::kSharedUp:
    case Role::kQueryUp:
    case Role::kKvUp:
    case Role::kEmbedding:
    case Role::kHead:
      return {Cut::kOut};
    case Role::kAttentionOutput:
    case Role::kDown:
    case Role::kSharedDown:
      return {Cut::kIn};
    case Role::kExpertGate:
    case Role::kExpertUp:
      return {Cut::kOut, true};
    case Role::kExpertDown:
      return {Cut::kIn, true};
    default:
      return {};
  }
}

// The axes of a kind, as one dim is cut by them; and by how many ranks.
struct Axes {
  std::string names;
  int64_t ranks = 1;

  Axes(const ParallelPlan& plan, parallel::AxisKind kind) {
    for (const parallel::MeshAxis& axis : plan.mesh()) {
      if (axis.kind() != kind || axis.size() == 1) continue;
      absl::StrAppend(&names, names.empty() ? "" : ",", axis.name());
      ranks *= axis.size();
    }
  }

  bool Divide(int64_t size) const { return ranks > 1 && size % ranks == 0; }
};

class ShardingWriter {
 public:
  ShardingWriter(const DecoderConfig& config, ParallelPlan* plan)
      : config_(config),
        names_(config),
        plan_(*plan),
        tensor_(*plan, parallel::TENSOR_PARALLEL),
        expert_(*plan, parallel::EXPERT_PARALLEL) {}

  absl::Status Write() {
    if (tensor_.ranks == 1 && expert_.ranks == 1) return absl::OkStatus();
    for (const framework::ParameterSpec& spec : DecoderParameters(config_)) {
      STRATA_ASSIGN_OR_RETURN(const ParameterId id, names_.Find(spec.name));
      Add(spec, id);
    }
    return absl::OkStatus();
  }

 private:
  // Keys and values have fewer heads than queries, and only whole heads are dealt out.
  bool HeadsDivide(Role role) const {
    if (role == Role::kKey || role == Role::kValue) return tensor_.Divide(config_.kv_heads());
    const bool of_heads = role == Role::kQuery || role == Role::kQueryUp || role == Role::kKvUp ||
                          role == Role::kAttentionOutput;
    return !of_heads || tensor_.Divide(config_.heads());
  }

  void Add(const framework::ParameterSpec& spec, const ParameterId& id) {
    const Cut cut = CutOf(id.role);
    const size_t rank = spec.dims.size();
    std::vector<std::string> axes(rank);
    if (cut.expert && expert_.Divide(spec.dims[0])) axes[0] = expert_.names;
    const int dim = TensorDim(cut, id, rank);
    if (dim >= 0 && HeadsDivide(id.role) && tensor_.Divide(spec.dims[static_cast<size_t>(dim)]))
      axes[static_cast<size_t>(dim)] = tensor_.names;
    bool any = false;
    for (const std::string& axis : axes) any = any || !axis.empty();
    if (!any) return;
    parallel::TensorSharding* sharding = plan_.add_shardings();
    sharding->set_tensor(spec.name);
    for (const std::string& axis : axes) sharding->add_axes(axis);
  }

  // A bias [out] is cut with its matrix' columns; one behind cut rows is added once, to the whole sum.
  int TensorDim(const Cut& cut, const ParameterId& id, size_t rank) const {
    if (cut.tensor == Cut::kWhole) return -1;
    if (rank == 1) return cut.tensor == Cut::kOut ? 0 : -1;
    const int out = static_cast<int>(rank) - 2, in = out + 1;
    const bool table = id.role == Role::kEmbedding || id.role == Role::kHead;
    const bool swapped = config_.input_major() && !cut.expert && !table;  // [in, out]
    return (cut.tensor == Cut::kOut) != swapped ? out : in;
  }

  const DecoderConfig& config_;
  const ParameterNames names_;
  ParallelPlan& plan_;
  const Axes tensor_, expert_;
};

absl::Status AddPipeline(const DecoderConfig& config, const std::string& name, ParallelPlan* plan) {
  const int64_t ranks = AxisSize(*plan, parallel::PIPELINE_PARALLEL);
  bool has_axis = false;
  for (const parallel::MeshAxis& axis : plan->mesh())
    has_axis = has_axis || axis.kind() == parallel::PIPELINE_PARALLEL;
  if (!has_axis) return absl::OkStatus();
  if (plan->pipeline().empty()) {
    absl::StatusOr<schedule::Schedule> schedule = schedule::MakeSchedule(
        name,
        {.ranks = static_cast<int>(ranks), .microbatches = static_cast<int>(plan->microbatches())});
    if (!schedule.ok()) return Annotate(schedule.status(), "schedule");
    schedule::WriteToPlan(*schedule, plan);
  }
  for (const parallel::Chunk& chunk : plan->chunks()) {
    if (!chunk.nodes().empty()) return absl::OkStatus();  // the user's own
  }
  const int64_t chunks = plan->chunks_size(), layers = config.layers();
  if (layers < chunks) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schedule '", name, "' wants ", chunks, " chunks of the model; it has ",
                     layers, " layers: take fewer pipeline ranks or another schedule"));
  }
  STRATA_ASSIGN_OR_RETURN(const Architecture* row, FindArchitecture(config.architecture()));
  for (int64_t layer = 0; layer < layers; ++layer) {
    const int chunk = static_cast<int>(layer * chunks / layers);
    plan->mutable_chunks(chunk)->add_nodes(FillName(row->hf_layer, layer));
  }
  const auto add = [&](int chunk, Role role) {
    const std::string stem = FillName(HfPattern(*row, role), 0);
    if (!stem.empty()) plan->mutable_chunks(chunk)->add_nodes(stem);
  };
  const int last = static_cast<int>(chunks) - 1;
  add(0, Role::kEmbedding);
  add(0, Role::kPositions);
  add(last, Role::kFinalNorm);
  if (!config.tie_embeddings()) add(last, Role::kHead);
  plan->mutable_chunks(last)->add_nodes(
      "*unembed");  // the table's other use, when it is the head too
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ParallelPlan> CompletePlan(const DecoderConfig& config, ParallelPlan plan,
                                          const ModelPlanOptions& options) {
  if (plan.version() == 0) plan.set_version(parallel::DataParallelPlan(1).version());
  if (plan.microbatches() == 0) plan.set_microbatches(1);
  if (plan.shardings().empty()) STRATA_RETURN_IF_ERROR(ShardingWriter(config, &plan).Write());
  STRATA_RETURN_IF_ERROR(AddPipeline(config, options.schedule, &plan));
  STRATA_RETURN_IF_ERROR(ValidateParallelPlan(plan));
  return plan;
}

}  // namespace strata::llm
