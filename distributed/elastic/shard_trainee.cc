#include "distributed/elastic/shard_trainee.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/elastic/checksum.h"
#include "framework/graph/builder.h"
#include "framework/graph/types.h"
#include "framework/optim/adamw.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;

// Adam of `count` parameters: inputs p, gradient, lr, step, p.m, p.v; p and the moments are updated in place.
absl::StatusOr<graph::Graph> UpdateGraph(int64_t count) {
  graph::Builder b("adam_of_a_slice");
  const graph::ValueId p = b.Input("p", {chips::F32, {count}}, graph::PARAMETER);
  const graph::ValueId gradient = b.Input("gradient", {chips::F32, {count}}, graph::DATA);
  framework::AddAdamW(b, {p}, {gradient}, {.weight_decay = 0});
  return std::move(b).Build();
}

HostTensor View(const HostTensor& flat, int64_t begin, std::vector<int64_t> dims) {
  const auto owner = std::make_shared<HostTensor>(flat);
  return HostTensor::Wrap(chips::F32, std::move(dims), owner->data<float>() + begin, owner);
}

absl::Status CheckModel(const MicroShardModel& model) {
  const size_t count = model.names.size();
  if (model.initial.size() != count || count == 0)
    return absl::InvalidArgumentError("micro-shard model: one initial value a parameter is needed");
  if (static_cast<size_t>(model.gradient.outputs_size()) != 1 + count) {
    return absl::InvalidArgumentError(
        absl::StrCat("micro-shard model: the graph has ", model.gradient.outputs_size(),
                     " outputs, but must give the loss and ", count, " gradients"));
  }
  for (size_t i = 0; i < count; ++i) {
    if (model.initial[i].dtype() == chips::F32) continue;
    return absl::InvalidArgumentError(absl::StrCat("micro-shard model: parameter ", model.names[i],
                                                   " is ", model.initial[i].TypeString(),
                                                   ", but must be f32"));
  }
  return absl::OkStatus();
}

}  // namespace

ShardTrainee::ShardTrainee(const MicroShardModel& model, const ShardTraineeOptions& options,
                           compiler::Collectives& collectives)
    : model_(model), options_(options), collectives_(collectives), tree_(options.shards) {}

absl::StatusOr<std::unique_ptr<ShardTrainee>> ShardTrainee::Create(
    const MicroShardModel& model, const ShardTraineeOptions& options,
    compiler::Collectives& collectives) {
  STRATA_RETURN_IF_ERROR(CheckModel(model));
  if (options.shards < collectives.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shards: ", options.shards, " micro-shards for ", collectives.size(),
        " ranks; a rank needs at least one: cut the batch into more, or use fewer ranks"));
  }
  std::unique_ptr<ShardTrainee> trainee(new ShardTrainee(model, options, collectives));
  STRATA_RETURN_IF_ERROR(trainee->Prepare());
  return trainee;
}

absl::Status ShardTrainee::Prepare() {
  STRATA_ASSIGN_OR_RETURN(evaluator_, graph::EvaluatorRegistry().Create(options_.evaluator));
  for (const HostTensor& p : model_.initial) parameters_ += p.elements();
  flat_ = HostTensor::Zeros(chips::F32, {parameters_});
  int64_t at = 0;
  for (const HostTensor& p : model_.initial) {
    views_.push_back(View(flat_, at, p.dims()));
    std::memcpy(views_.back().raw(), p.raw(), p.size_bytes());
    at += p.elements();
  }
  const int64_t slice = SliceBegin(collectives_.rank() + 1) - SliceBegin(collectives_.rank());
  m_ = HostTensor::Zeros(chips::F32, {slice});
  v_ = HostTensor::Zeros(chips::F32, {slice});
  STRATA_ASSIGN_OR_RETURN(update_, UpdateGraph(slice));
  sum_ = std::make_unique<GradientSum>(collectives_, tree_, parameters_ + 1);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> ShardTrainee::Leaf(int64_t step, int shard) {
  std::vector<HostTensor> inputs = model_.data(step, shard);
  inputs.insert(inputs.end(), views_.begin(), views_.end());
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          evaluator_->Evaluate(model_.gradient, inputs));
  std::vector<float> leaf;
  leaf.reserve(static_cast<size_t>(parameters_ + 1));
  for (size_t i = 1; i < outputs.size(); ++i)
    leaf.insert(leaf.end(), outputs[i].data<float>(),
                outputs[i].data<float>() + outputs[i].elements());
  leaf.push_back(static_cast<float>(outputs[0].ToDoubles()[0]));
  if (static_cast<int64_t>(leaf.size()) != parameters_ + 1)
    return absl::InvalidArgumentError(
        "micro-shard model: the gradients are not of the parameters' sizes");
  if (options_.tap) options_.tap(step, "leaf", absl::MakeSpan(leaf));
  return leaf;
}

// All ranks evaluate the micro-shard afresh; who had something else than most get now was wrong. So a fault is found that
// has passed, and one that stays.
absl::Status ShardTrainee::ThirdOpinion(int64_t step, int shard, Witness owner, Witness auditor) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> leaf, Leaf(step, shard));
  const int64_t mine = Checksum(leaf.data(), leaf.size() * sizeof(float));
  std::vector<int64_t> all(static_cast<size_t>(collectives_.size()));
  STRATA_RETURN_IF_ERROR(collectives_.AllGather(&mine, all.data(), 1, chips::I64));
  const std::vector<int> odd = OddOnesOut(all);
  for (const Witness& witness : {owner, auditor}) {
    const auto agrees = [&](int rank) {
      return all[static_cast<size_t>(rank)] == witness.checksum;
    };
    bool in_majority = false;
    for (int rank = 0; rank < collectives_.size(); ++rank)
      in_majority |= agrees(rank) && std::find(odd.begin(), odd.end(), rank) == odd.end();
    if (!in_majority && odd.size() < all.size()) culprit_ = witness.rank;
  }
  return absl::DataLossError(absl::StrCat(
      "micro-shard ", shard, ": its gradient by rank ", owner.rank, " and by its auditor, rank ",
      auditor.rank, ", differ; ",
      culprit_ >= 0 ? absl::StrCat("by the other ranks' evaluation rank ", culprit_, " is wrong")
                    : "no majority says which one is wrong"));
}

absl::Status ShardTrainee::Audit(int64_t step, const std::vector<std::vector<float>>& leaves) {
  const int ranks = collectives_.size(), rank = collectives_.rank(), next = (rank + 1) % ranks;
  const auto most = static_cast<size_t>(tree_.leaves() / ranks + 1);
  std::vector<int64_t> mine(2 * most), all(2 * most * static_cast<size_t>(ranks));
  const auto checksum = [](const std::vector<float>& leaf) {
    return Checksum(leaf.data(), leaf.size() * sizeof(float));
  };
  for (size_t i = 0; i < leaves.size(); ++i) mine[i] = checksum(leaves[i]);
  const auto [low, high] = tree_.Share(next, ranks);
  for (int shard = low; shard < high; ++shard) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<float> leaf, Leaf(step, shard));
    mine[most + static_cast<size_t>(shard - low)] = checksum(leaf);
  }
  STRATA_RETURN_IF_ERROR(collectives_.AllGather(mine.data(), all.data(),
                                                static_cast<int64_t>(mine.size()), chips::I64));
  for (int auditor = 0; auditor < ranks; ++auditor) {
    const int owner = (auditor + 1) % ranks;
    const auto [first, last] = tree_.Share(owner, ranks);
    for (int shard = first; shard < last; ++shard) {
      const auto at = static_cast<size_t>(shard - first);
      const int64_t owners = all[2 * most * static_cast<size_t>(owner) + at];
      const int64_t auditors = all[2 * most * static_cast<size_t>(auditor) + most + at];
      if (owners == auditors) continue;
      return ThirdOpinion(step, shard, {owner, owners}, {auditor, auditors});
    }
  }
  return absl::OkStatus();
}

absl::Status ShardTrainee::Update(int64_t step, const std::vector<float>& sum) {
  const int64_t begin = SliceBegin(collectives_.rank());
  const int64_t slice = m_.elements();
  HostTensor gradient = HostTensor::Allocate(chips::F32, {slice});
  const float scale = 1.0f / static_cast<float>(tree_.leaves());
  for (int64_t i = 0; i < slice; ++i)
    gradient.data<float>()[i] = sum[static_cast<size_t>(begin + i)] * scale;
  std::vector<HostTensor> inputs;
  for (const auto& input : update_.inputs()) {
    const std::string& name = update_.values(static_cast<int>(input.value())).name();
    if (name == "p") inputs.push_back(View(flat_, begin, {slice}));
    if (name == "gradient") inputs.push_back(gradient);
    if (name == "lr")
      inputs.push_back(
          HostTensor::FromVector<float>({}, {static_cast<float>(options_.learning_rate)}));
    if (name == "step")
      inputs.push_back(HostTensor::FromVector<float>({}, {static_cast<float>(step)}));
    if (name == "p.m") inputs.push_back(m_);
    if (name == "p.v") inputs.push_back(v_);
  }
  STRATA_RETURN_IF_ERROR(evaluator_->Evaluate(update_, inputs).status());
  // Slices may differ by one element: all send the largest size.
  const int64_t most = parameters_ / collectives_.size() + 1;
  std::vector<float> mine(static_cast<size_t>(most)),
      all(static_cast<size_t>(most * collectives_.size()));
  std::copy_n(flat_.data<float>() + begin, slice, mine.data());
  STRATA_RETURN_IF_ERROR(collectives_.AllGather(mine.data(), all.data(), most, chips::F32));
  for (int rank = 0; rank < collectives_.size(); ++rank) {
    std::copy_n(all.data() + most * rank, SliceBegin(rank + 1) - SliceBegin(rank),
                flat_.data<float>() + SliceBegin(rank));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> ShardTrainee::Step(int64_t number) {
  culprit_ = -1;
  std::vector<std::vector<float>> leaves;
  const auto [low, high] = tree_.Share(collectives_.rank(), collectives_.size());
  for (int shard = low; shard < high; ++shard) {
    STRATA_ASSIGN_OR_RETURN(std::vector<float> leaf, Leaf(number, shard));
    leaves.push_back(std::move(leaf));
  }
  if (options_.audit_every > 0 && number % options_.audit_every == 0)
    STRATA_RETURN_IF_ERROR(Audit(number, leaves));
  std::vector<const float*> pointers;
  for (const std::vector<float>& leaf : leaves) pointers.push_back(leaf.data());
  if (options_.tap) {
    sum_->set_tap(
        [&](const char* where, absl::Span<float> values) { options_.tap(number, where, values); });
  }
  std::vector<float> sum(static_cast<size_t>(parameters_ + 1));
  const absl::Status reduced =
      sum_->Reduce(pointers, sum.data(), Checksum(flat_.raw(), flat_.size_bytes()));
  if (!reduced.ok()) {
    culprit_ = sum_->culprit();
    return reduced;
  }
  STRATA_RETURN_IF_ERROR(Update(number, sum));
  return static_cast<double>(sum.back()) / tree_.leaves();
}

std::vector<ShardedTensor> ShardTrainee::State() {
  std::vector<ShardedTensor> state;
  for (size_t i = 0; i < views_.size(); ++i)
    state.push_back(WholeTensor(model_.names[i], views_[i]));
  const int64_t begin = SliceBegin(collectives_.rank());
  state.push_back({"optimizer.m", {parameters_}, {begin}, m_});
  state.push_back({"optimizer.v", {parameters_}, {begin}, v_});
  return state;
}

}  // namespace strata::distributed
