#include "distributed/testing/tiny_plans.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/plan/validate.h"
#include "distributed/schedule/plan.h"
#include "distributed/schedule/schedules.h"

namespace strata::distributed {
namespace {

using parallel::ParallelPlan;

void AddAxis(const std::string& name, parallel::AxisKind kind, int size, ParallelPlan* plan) {
  if (size == 1) return;
  parallel::MeshAxis* axis = plan->add_mesh();
  axis->set_name(name);
  axis->set_kind(kind);
  axis->set_size(static_cast<uint32_t>(size));
}

void Cut(const std::string& tensor, const std::vector<std::string>& axes, ParallelPlan* plan) {
  parallel::TensorSharding* sharding = plan->add_shardings();
  sharding->set_tensor(tensor);
  for (const std::string& axis : axes) sharding->add_axes(axis);
}

void CutTensors(const TinyModel& model, const TinyParallelism& p, ParallelPlan* plan) {
  const std::string tp = p.tp > 1 ? "tp" : "", ep = p.ep > 1 ? "ep" : "";
  if (p.tp > 1) {
    Cut("*.attn.?.weight", {"", tp}, plan);
    Cut("*.attn.proj.weight", {tp, ""}, plan);
    Cut("wte.weight", {tp, ""}, plan);
    if (!model.tied) Cut("lm_head.weight", {"", tp}, plan);
    if (model.experts == 0) {
      Cut("*.mlp.fc.weight", {"", tp}, plan);
      Cut("*.mlp.proj.weight", {tp, ""}, plan);
    }
  }
  if (model.experts > 0 && (p.tp > 1 || p.ep > 1)) {
    Cut("*.experts.gate", {ep, "", tp}, plan);
    Cut("*.experts.up", {ep, "", tp}, plan);
    Cut("*.experts.down", {ep, tp, ""}, plan);
  }
}

absl::Status AddPipeline(const TinyModel& model, const TinyParallelism& p, ParallelPlan* plan) {
  STRATA_ASSIGN_OR_RETURN(
      const schedule::Schedule schedule,
      schedule::MakeSchedule(p.schedule, {.ranks = p.pp, .microbatches = p.microbatches}));
  schedule::WriteToPlan(schedule, plan);
  const int chunks = schedule.chunks;
  if (chunks > model.layers) {
    return absl::InvalidArgumentError(absl::StrCat("schedule '", p.schedule, "' has ", chunks,
                                                   " chunks; the model has ", model.layers,
                                                   " layers, and each chunk needs one"));
  }
  // A module, and what is in it.
  const auto hold = [&](int64_t chunk, const std::string& module) {
    plan->mutable_chunks(static_cast<int>(chunk))->add_nodes(module);
    plan->mutable_chunks(static_cast<int>(chunk))->add_nodes(module + ".*");
  };
  for (int64_t layer = 0; layer < model.layers; ++layer)
    hold(layer * chunks / model.layers, absl::StrCat("h.", layer));
  for (const char* name : {"wte", "wpe"}) hold(0, name);
  for (const char* name : {"ln_f", "lm_head", "loss"}) hold(chunks - 1, name);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ParallelPlan> TinyPlan(const TinyModel& model, const TinyParallelism& p) {
  ParallelPlan plan = parallel::DataParallelPlan(1);  // for the version
  plan.set_name(Describe(p));
  plan.clear_mesh();
  AddAxis("pp", parallel::PIPELINE_PARALLEL, p.pp, &plan);
  AddAxis("dp", parallel::DATA_PARALLEL, p.dp, &plan);
  AddAxis("ep", parallel::EXPERT_PARALLEL, p.ep, &plan);
  AddAxis("cp", parallel::CONTEXT_PARALLEL, p.cp, &plan);
  AddAxis("tp", parallel::TENSOR_PARALLEL, p.tp, &plan);
  if (plan.mesh_size() == 0) *plan.mutable_mesh() = parallel::DataParallelPlan(1).mesh();
  CutTensors(model, p, &plan);
  plan.set_microbatches(static_cast<uint32_t>(p.microbatches));
  plan.set_zero(p.zero);
  plan.set_recompute(p.recompute);
  plan.set_sequence_parallel(p.sequence_parallel);
  plan.set_bucket_bytes(p.bucket_bytes);
  if (p.cp > 1) plan.set_context(p.context);
  if (p.pp > 1) STRATA_RETURN_IF_ERROR(AddPipeline(model, p, &plan));
  return plan;
}

std::string Describe(const TinyParallelism& p) {
  std::vector<std::string> axes;
  const auto add = [&](const char* name, int size) {
    if (size > 1) axes.push_back(absl::StrCat(name, size));
  };
  add("pp", p.pp);
  add("dp", p.dp);
  add("ep", p.ep);
  add(p.context == parallel::ULYSSES ? "ulysses" : "ring", p.cp);
  add("tp", p.tp);
  std::string text = axes.empty() ? "one device" : absl::StrJoin(axes, " x ");
  if (p.zero != parallel::ZERO_STAGE_UNSPECIFIED)
    absl::StrAppend(&text, " zero-", static_cast<int>(p.zero));
  if (p.sequence_parallel) absl::StrAppend(&text, " sp");
  if (p.pp > 1) absl::StrAppend(&text, " ", p.schedule);
  if (p.microbatches > 1) absl::StrAppend(&text, " m", p.microbatches);
  if (p.recompute) absl::StrAppend(&text, " recompute");
  if (p.bucket_bytes > 0) absl::StrAppend(&text, " buckets");
  return text;
}

}  // namespace strata::distributed
