#include "courses/distributed/moe_routing/routing_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/moe.h"
#include "framework/optim/adamw.h"

namespace strata::courses {
namespace {

using framework::MoeOutput;
using framework::Tensor;
using graph::Builder;
using graph::HostTensor;

constexpr double kLearningRate = 0.01, kBalanceLoss = 0.5, kZLoss = 1e-4, kBiasRate = 0.02;

framework::MoeOptions OptionsOf(Balance balance, const SkewedTask& task, const MoeShape& shape) {
  framework::MoeOptions o;
  o.name = "moe";
  o.width = task.width;
  o.hidden = shape.hidden;
  o.router.experts = shape.experts;
  o.router.per_token = shape.per_token;
  o.router.renormalize = true;
  o.router.init = framework::Init::Normal(0.3);
  if (balance == Balance::kBias) {
    o.router.scores = framework::RouterScores::kSigmoid;
    o.router.balance_bias = true;
  }
  o.experts_choose = balance == Balance::kExpertChoice;
  o.capacity_factor = 1;
  o.init = o.down_init = framework::Init::Normal(0.3);
  return o;
}

// One step: outputs "loss", and "load", "ids", "weights" or "tokens".
absl::StatusOr<graph::Graph> StepGraph(Balance balance, const SkewedTask& task,
                                       const MoeShape& shape,
                                       std::vector<framework::ParameterSpec>* specs) {
  Builder b("moe_step");
  framework::ParameterSet parameters(b, chips::F32);
  const framework::Moe moe(parameters, OptionsOf(balance, task, shape));
  const graph::Shape tokens = {task.groups, task.tokens, task.width};
  const Tensor x = framework::Input(b, "x", {chips::F32, tokens}, graph::DATA);
  const Tensor target = framework::Input(b, "target", {chips::F32, tokens}, graph::DATA);
  const MoeOutput out = moe.Forward(x);
  const Tensor error = framework::Mean(framework::Square(out.y - target));
  Tensor loss = error;
  if (balance == Balance::kLoss) {
    loss = loss + framework::LoadBalanceLoss(out.routing.scores, out.load, false) * kBalanceLoss +
           framework::RouterZLoss(out.routing.logits) * kZLoss;
  }
  STRATA_ASSIGN_OR_RETURN(const auto gradients,
                          framework::Gradients(b, loss.id(), parameters.ids()));
  b.Output(error.id(), "loss");
  if (balance == Balance::kExpertChoice) {
    b.Output(out.tokens.id(), "tokens");
  } else {
    b.Output(out.load.id(), "load");
    b.Output(out.routing.ids.id(), "ids");
    b.Output(out.routing.weights.id(), "weights");
  }
  if (balance == Balance::kBias) {
    b.Update(moe.router.balance.id(),
             framework::BalancedBias(moe.router.balance, out.load, kBiasRate).id());
  }
  framework::AddAdamW(b, parameters.ids(), gradients, {.weight_decay = 0});
  *specs = parameters.specs();
  return std::move(b).Build();
}

class Trainer {
 public:
  Trainer(graph::Graph step, const std::vector<framework::ParameterSpec>& specs)
      : step_(std::move(step)) {
    std::map<std::string, HostTensor> start;
    for (const auto& spec : specs) start[spec.name] = framework::InitParameter(spec, 1);
    for (const auto& input : step_.inputs()) {
      const graph::Value& value = step_.values(static_cast<int>(input.value()));
      index_[value.name()] = inputs_.size();
      inputs_.push_back(start.count(value.name()) != 0
                            ? start[value.name()]
                            : HostTensor::Zeros(value.dtype(), TypeOf(value).dims()));
    }
    for (int i = 0; i < step_.outputs_size(); ++i) output_[step_.outputs(i).name()] = i;
  }

  // Parameters and states move in place.
  absl::Status Step(const SkewedBatch& batch, int number, double learning_rate) {
    Set("x", batch.x);
    Set("target", batch.target);
    Set("lr", HostTensor::FromVector<float>({}, {static_cast<float>(learning_rate)}));
    Set("step", HostTensor::FromVector<float>({}, {static_cast<float>(number)}));
    STRATA_ASSIGN_OR_RETURN(outputs_, interpreter_.Evaluate(step_, inputs_));
    return absl::OkStatus();
  }
  const HostTensor& Output(const std::string& name) const {
    return outputs_[static_cast<size_t>(output_.at(name))];
  }
  const HostTensor& Input(const std::string& name) const { return inputs_[index_.at(name)]; }

 private:
  void Set(const std::string& name, const HostTensor& value) { inputs_[index_.at(name)] = value; }

  graph::Graph step_;
  graph::Interpreter interpreter_;
  std::vector<HostTensor> inputs_, outputs_;
  std::map<std::string, size_t> index_;
  std::map<std::string, int> output_;
};

// Over groups, of [G, E]; experts that choose all have the same.
std::vector<double> LoadsOf(const Trainer& trainer, Balance balance, const MoeShape& shape) {
  std::vector<double> loads(static_cast<size_t>(shape.experts), 0.0);
  if (balance == Balance::kExpertChoice) {
    const HostTensor& tokens = trainer.Output("tokens");
    loads.assign(loads.size(), static_cast<double>(tokens.dims()[0] * tokens.dims()[2]));
    return loads;
  }
  const std::vector<double> by_group = trainer.Output("load").ToDoubles();
  for (size_t i = 0; i < by_group.size(); ++i) loads[i % loads.size()] += by_group[i];
  return loads;
}

// The share of tokens that fewer than `per_token` experts chose, of tokens [G, E, capacity].
double Underserved(const HostTensor& tokens, const SkewedTask& task, const MoeShape& shape) {
  std::vector<int64_t> chosen(static_cast<size_t>(task.groups * task.tokens), 0);
  const int64_t a_group = tokens.dims()[1] * tokens.dims()[2];
  for (int64_t i = 0; i < tokens.elements(); ++i)
    ++chosen[static_cast<size_t>(i / a_group * task.tokens + tokens.data<int32_t>()[i])];
  const auto few = std::count_if(chosen.begin(), chosen.end(),
                                 [&](int64_t experts) { return experts < shape.per_token; });
  return static_cast<double>(few) / static_cast<double>(chosen.size());
}

}  // namespace

std::string BalanceName(Balance balance) {
  switch (balance) {
    case Balance::kNone:
      return "no balancing";
    case Balance::kLoss:
      return "balance loss";
    case Balance::kBias:
      return "bias, no loss";
    case Balance::kExpertChoice:
      return "experts choose";
  }
  return "";
}

absl::StatusOr<RoutingRun> TrainRouter(Balance balance, const SkewedTask& task,
                                       const MoeShape& shape, int steps) {
  std::vector<framework::ParameterSpec> specs;
  STRATA_ASSIGN_OR_RETURN(graph::Graph graph, StepGraph(balance, task, shape, &specs));
  Trainer trainer(std::move(graph), specs);
  RoutingRun run;
  run.balance = balance;
  for (int step = 1; step <= steps; ++step) {
    STRATA_RETURN_IF_ERROR(
        trainer.Step(MakeBatch(task, static_cast<uint64_t>(step)), step, kLearningRate));
    run.losses.push_back(trainer.Output("loss").ToDoubles()[0]);
    run.loads.push_back(LoadsOf(trainer, balance, shape));
  }
  // A step at rate 0 changes no parameter: a look at what the router does with new tokens.
  run.batch = MakeBatch(task, 0);
  STRATA_RETURN_IF_ERROR(trainer.Step(run.batch, steps + 1, 0));
  for (const auto& spec : specs) run.parameters[spec.name] = trainer.Input(spec.name).Clone();
  if (balance == Balance::kExpertChoice) {
    run.underserved = Underserved(trainer.Output("tokens"), task, shape);
  } else {
    run.ids = trainer.Output("ids").Clone();
    run.weights = trainer.Output("weights").Clone();
  }
  return run;
}

double MaxOverMean(const std::vector<double>& loads) {
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  return *std::max_element(loads.begin(), loads.end()) * static_cast<double>(loads.size()) / sum;
}

double RelativeEntropy(const std::vector<double>& loads) {
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  double entropy = 0;
  for (double load : loads) entropy -= load > 0 ? load / sum * std::log(load / sum) : 0;
  return entropy / std::log(static_cast<double>(loads.size()));
}

std::vector<double> LastLoads(const RoutingRun& run, size_t steps) {
  std::vector<double> sum(run.loads.front().size(), 0.0);
  for (size_t i = run.loads.size() - std::min(steps, run.loads.size()); i < run.loads.size(); ++i) {
    for (size_t e = 0; e < sum.size(); ++e) sum[e] += run.loads[i][e];
  }
  return sum;
}

}  // namespace strata::courses
