#include "courses/distributed/moe_routing/expert_traffic.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "distributed/collective/register.h"
#include "distributed/collective/registry.h"
#include "distributed/moe/expert_exchange.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/moe_experts.h"

namespace strata::courses {
namespace {

using distributed::ExchangePlan;
using distributed::ExpertExchange;
using distributed::ExpertPlacement;
using framework::ExpertWeights;
using framework::Tensor;
using graph::Builder;
using graph::HostTensor;

const char* const kParts[] = {"moe.experts.gate", "moe.experts.up", "moe.experts.down"};

struct Weights {
  std::vector<HostTensor> tensors;  // gate, up, down

  ExpertWeights Inputs(Builder& b) const {
    std::vector<Tensor> inputs;
    for (const HostTensor& tensor : tensors) {
      const graph::Shape shape(tensor.dims().begin(), tensor.dims().end());
      inputs.push_back(framework::Input(b, absl::StrCat("w", inputs.size()), {chips::F32, shape},
                                        graph::PARAMETER));
    }
    ExpertWeights w;
    w.gate = inputs[0];
    w.up = inputs[1];
    w.down = inputs[2];
    return w;
  }
};

Tensor Data(Builder& b, const std::string& name, const HostTensor& value,
            std::vector<HostTensor>* inputs) {
  inputs->push_back(value);
  return framework::Input(b, name,
                          {value.dtype(), graph::Shape(value.dims().begin(), value.dims().end())},
                          graph::DATA);
}

absl::StatusOr<HostTensor> Evaluate(Builder b, const Tensor& y,
                                    const std::vector<HostTensor>& inputs) {
  b.Output(y.id(), "y");
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> outputs,
                          graph::Interpreter().Evaluate(graph, inputs));
  return outputs[0];
}

// Group `rank` of [G, ...].
HostTensor GroupOf(const HostTensor& all, int rank) {
  std::vector<int64_t> dims(all.dims().begin() + 1, all.dims().end());
  HostTensor group = HostTensor::Allocate(all.dtype(), dims);
  std::memcpy(group.raw(), all.data<char>() + static_cast<size_t>(rank) * group.size_bytes(),
              group.size_bytes());
  return group;
}

Weights AllExperts(const RoutingRun& run) {
  Weights weights;
  for (const char* part : kParts) weights.tensors.push_back(run.parameters.at(part));
  return weights;
}

Weights ExpertsOf(const RoutingRun& run, const ExpertPlacement& placement, int rank) {
  Weights weights;
  for (const char* part : kParts) {
    const HostTensor& all = run.parameters.at(part);
    std::vector<int64_t> dims = all.dims();
    dims[0] = placement.slots_per_rank;
    HostTensor mine = HostTensor::Allocate(chips::F32, dims);
    const int64_t one = dims[1] * dims[2];
    for (int s = 0; s < placement.slots_per_rank; ++s) {
      const int slot = rank * placement.slots_per_rank + s;
      std::copy_n(all.data<float>() + placement.expert[static_cast<size_t>(slot)] * one, one,
                  mine.data<float>() + s * one);
    }
    weights.tensors.push_back(mine);
  }
  return weights;
}

// Every expert on every token.
absl::StatusOr<HostTensor> Dense(const RoutingRun& run) {
  Builder b("dense");
  const Weights weights = AllExperts(run);
  std::vector<HostTensor> inputs = weights.tensors;
  const ExpertWeights w = weights.Inputs(b);
  const Tensor x = Data(b, "x", run.batch.x, &inputs);
  const Tensor ids = Data(b, "ids", run.ids, &inputs);
  const Tensor chosen = Data(b, "weights", run.weights, &inputs);
  const Tensor y = framework::DenseExperts(w, x, framework::DenseWeights(ids, chosen, w.experts()));
  return Evaluate(std::move(b), y, inputs);
}

// A rank's experts on the rows that came, sorted by slot.
absl::StatusOr<HostTensor> Work(const Weights& weights, const ExchangePlan& plan,
                                const HostTensor& rows) {
  Builder b("experts");
  std::vector<HostTensor> inputs = weights.tensors;
  const ExpertWeights w = weights.Inputs(b);
  const int64_t R = rows.dims()[0], C = rows.dims()[1];
  const int64_t ends = static_cast<int64_t>(plan.offsets.size());
  const Tensor x = Data(b, "x", rows.Reshaped({1, R, C}), &inputs);
  const Tensor offsets =
      Data(b, "offsets", HostTensor::FromVector<int32_t>({1, ends}, plan.offsets), &inputs);
  const auto product = [&](const Tensor& left, const Tensor& weight) {
    return framework::Apply("grouped_matmul", {left, offsets, weight});
  };
  const Tensor y = product(framework::Silu(product(x, w.gate)) * product(x, w.up), w.down);
  STRATA_ASSIGN_OR_RETURN(const HostTensor result, Evaluate(std::move(b), y, inputs));
  return result.Reshaped({R, C});
}

// One rank's part of the traffic.
struct Part {
  std::vector<int64_t> sent;
  int64_t worked_on = 0;
  int64_t wire_bytes = 0, formula_bytes = 0;
  HostTensor y;
};

absl::StatusOr<Part> RunRank(distributed::Transport& transport, const RoutingRun& run,
                             const ExpertPlacement& placement) {
  distributed::CountingTransport counted(transport);
  STRATA_ASSIGN_OR_RETURN(auto ranks, distributed::CollectivesRegistry().Create("ring", counted));
  const int rank = transport.rank();
  const ExpertExchange exchange(placement, *ranks);
  STRATA_ASSIGN_OR_RETURN(const ExchangePlan plan, exchange.Plan(GroupOf(run.ids, rank)));
  STRATA_ASSIGN_OR_RETURN(const HostTensor rows, exchange.Send(plan, GroupOf(run.batch.x, rank)));
  STRATA_ASSIGN_OR_RETURN(const HostTensor y, Work(ExpertsOf(run, placement, rank), plan, rows));
  STRATA_ASSIGN_OR_RETURN(const HostTensor back, exchange.Return(plan, y));
  Part part;
  STRATA_ASSIGN_OR_RETURN(part.y, distributed::CombineChoices(back, GroupOf(run.weights, rank)));
  part.sent = plan.send_counts;
  part.worked_on = plan.received();
  part.wire_bytes = counted.count().bytes_sent;
  const int64_t row_bytes = run.batch.x.dims()[2] * 4;
  part.formula_bytes = exchange.PlanBytes() + exchange.RowBytes(plan.send_counts, row_bytes) +
                       exchange.RowBytes(plan.receive_counts, row_bytes);
  return part;
}

void Add(const Part& part, size_t rank, const HostTensor& dense, ExpertTraffic* traffic) {
  traffic->rows[rank].assign(part.sent.begin(), part.sent.end());
  traffic->rank_rows[rank] = static_cast<double>(part.worked_on);
  traffic->wire_bytes += static_cast<double>(part.wire_bytes);
  traffic->formula_bytes += static_cast<double>(part.formula_bytes);
  const std::vector<double> got = part.y.ToDoubles();
  const std::vector<double> want = GroupOf(dense, static_cast<int>(rank)).ToDoubles();
  for (size_t i = 0; i < want.size(); ++i)
    traffic->largest_error = std::max(traffic->largest_error, std::fabs(got[i] - want[i]));
}

// Half an epsilon a step of the longest sums (features, hidden features, experts) and of 16 others, of numbers up to
// eight times the largest result.
double ErrorBound(const RoutingRun& run, const HostTensor& dense) {
  const std::vector<int64_t>& gate = run.parameters.at(kParts[0]).dims();  // [E, C, F]
  double largest = 1;
  for (double y : dense.ToDoubles()) largest = std::max(largest, std::fabs(y));
  return 0x1p-24 * static_cast<double>(gate[0] + gate[1] + gate[2] + 16) * 8 * largest;
}

}  // namespace

absl::StatusOr<ExpertTraffic> RunOnRanks(const std::string& name, const RoutingRun& run,
                                         const ExpertPlacement& placement) {
  if (run.ids.rank() != 3 || run.ids.dims()[0] != placement.ranks) {
    return absl::InvalidArgumentError(absl::StrCat("the choices are ", run.ids.TypeString(),
                                                   "; must be of one group for each of ",
                                                   placement.ranks, " ranks"));
  }
  static const bool registered = [] {
    distributed::RegisterAllCollectives();
    return true;
  }();
  (void)registered;
  const size_t ranks = static_cast<size_t>(placement.ranks);
  ExpertTraffic traffic;
  traffic.name = name;
  traffic.placement = placement;
  traffic.rows.resize(ranks);
  traffic.rank_rows.resize(ranks);
  STRATA_ASSIGN_OR_RETURN(const HostTensor dense, Dense(run));
  traffic.error_bound = ErrorBound(run, dense);
  std::mutex mutex;
  STRATA_RETURN_IF_ERROR(distributed::RunThreadRanks(
      placement.ranks, [&](distributed::Transport& transport) -> absl::Status {
        STRATA_ASSIGN_OR_RETURN(const Part part, RunRank(transport, run, placement));
        const std::lock_guard<std::mutex> lock(mutex);
        Add(part, static_cast<size_t>(transport.rank()), dense, &traffic);
        return absl::OkStatus();
      }));
  return traffic;
}

std::vector<double> ChoicesOf(const RoutingRun& run, int64_t experts) {
  std::vector<double> choices(static_cast<size_t>(experts), 0.0);
  for (int64_t i = 0; i < run.ids.elements(); ++i)
    choices[static_cast<size_t>(run.ids.data<int32_t>()[i])] += 1;
  return choices;
}

}  // namespace strata::courses
