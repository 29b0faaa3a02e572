// Experts on 1 to 8 ranks against every expert on every token, and what goes over the wire against the formula.
#include "distributed/moe/expert_exchange.h"

#include <cmath>
#include <mutex>
#include <random>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/register.h"
#include "distributed/collective/registry.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/moe_experts.h"
#include "framework/nn/parameters.h"

namespace strata::distributed {
namespace {

using framework::ExpertWeights;
using framework::Tensor;
using graph::Builder;
using graph::HostTensor;
using ::testing::HasSubstr;

constexpr int64_t kExperts = 8, k = 2, C = 6, F = 5;

HostTensor Random(const std::string& name, std::vector<int64_t> dims) {
  return framework::InitParameter({name, std::move(dims), chips::F32, framework::Init::Normal(0.5)},
                                  3);
}

// Ranks have different numbers of tokens; one has none.
int64_t TokensOf(int rank) { return rank == 1 ? 0 : 5 + 3 * rank; }

// k different experts a token, expert 0 far more often than others; some choices are of nothing.
HostTensor IdsOf(int rank) {
  std::mt19937 random(static_cast<uint32_t>(rank) + 1);
  HostTensor ids = HostTensor::Allocate(chips::I32, {TokensOf(rank), k});
  for (int64_t n = 0; n < TokensOf(rank); ++n) {
    const int32_t first = random() % 2 == 0 ? 0 : static_cast<int32_t>(random() % kExperts);
    const int32_t second = static_cast<int32_t>((first + 1 + random() % (kExperts - 1)) % kExperts);
    ids.data<int32_t>()[n * k] = first;
    ids.data<int32_t>()[n * k + 1] = random() % 5 == 0 ? -1 : second;
  }
  return ids;
}

HostTensor TokensAt(int rank) { return Random(absl::StrCat("x", rank), {TokensOf(rank), C}); }
HostTensor WeightsAt(int rank) { return Random(absl::StrCat("w", rank), {TokensOf(rank), k}); }

std::vector<HostTensor> Experts() {
  return {Random("gate", {kExperts, C, F}), Random("up", {kExperts, C, F}),
          Random("down", {kExperts, F, C})};
}

// The inputs gate, up and down of `count` experts.
ExpertWeights WeightInputs(Builder& b, int64_t count) {
  const auto input = [&](const char* name, int64_t in, int64_t out) {
    return framework::Input(b, name, {chips::F32, {count, in, out}}, graph::PARAMETER);
  };
  ExpertWeights w;
  w.gate = input("gate", C, F);
  w.up = input("up", C, F);
  w.down = input("down", F, C);
  return w;
}

absl::StatusOr<HostTensor> Evaluate(Builder b, const Tensor& y, std::vector<HostTensor> inputs) {
  b.Output(y.id(), "y", graph::SHARDED);
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSIGN_OR_RETURN(std::vector<HostTensor> outputs,
                          graph::Interpreter().Evaluate(graph, inputs));
  return outputs[0];
}

// Every expert on every token of the rank.
absl::StatusOr<HostTensor> Dense(int rank) {
  const int64_t N = TokensOf(rank);
  Builder b("dense");
  const ExpertWeights w = WeightInputs(b, kExperts);
  const Tensor x = framework::Input(b, "x", {chips::F32, {1, N, C}}, graph::DATA);
  const Tensor ids = framework::Input(b, "ids", {chips::I32, {1, N, k}}, graph::DATA);
  const Tensor weights = framework::Input(b, "weights", {chips::F32, {1, N, k}}, graph::DATA);
  const Tensor y = framework::DenseExperts(w, x, framework::DenseWeights(ids, weights, kExperts));
  std::vector<HostTensor> inputs = Experts();
  inputs.push_back(TokensAt(rank).Reshaped({1, N, C}));
  inputs.push_back(IdsOf(rank).Reshaped({1, N, k}));
  inputs.push_back(WeightsAt(rank).Reshaped({1, N, k}));
  return Evaluate(std::move(b), y, inputs);
}

// Row `slot` of each tensor's experts, for the slots of a rank.
HostTensor OfSlots(const HostTensor& all, const ExpertPlacement& placement, int rank) {
  std::vector<int64_t> dims = all.dims();
  const int64_t one = dims[1] * dims[2];
  dims[0] = placement.slots_per_rank;
  HostTensor mine = HostTensor::Allocate(chips::F32, dims);
  for (int s = 0; s < placement.slots_per_rank; ++s) {
    const int expert = placement.expert[static_cast<size_t>(rank * placement.slots_per_rank + s)];
    std::copy_n(all.data<float>() + expert * one, one, mine.data<float>() + s * one);
  }
  return mine;
}

// The rank's own experts on the rows that came.
absl::StatusOr<HostTensor> Local(const ExpertPlacement& placement, int rank,
                                 const ExchangePlan& plan, const HostTensor& rows) {
  const int64_t R = plan.received(), S = placement.slots_per_rank;
  Builder b("local");
  const ExpertWeights w = WeightInputs(b, S);
  const Tensor x = framework::Input(b, "x", {chips::F32, {1, R, C}}, graph::DATA);
  const Tensor offsets = framework::Input(b, "offsets", {chips::I32, {1, S + 1}}, graph::DATA);
  const auto product = [&](const Tensor& left, const Tensor& weight) {
    return framework::Apply("grouped_matmul", {left, offsets, weight});
  };
  const Tensor y = product(framework::Silu(product(x, w.gate)) * product(x, w.up), w.down);
  std::vector<HostTensor> inputs;
  for (const HostTensor& all : Experts()) inputs.push_back(OfSlots(all, placement, rank));
  inputs.push_back(rows.Reshaped({1, R, C}));
  inputs.push_back(HostTensor::FromVector<int32_t>({1, S + 1}, plan.offsets));
  STRATA_ASSIGN_OR_RETURN(const HostTensor result, Evaluate(std::move(b), y, inputs));
  return result.Reshaped({R, C});
}

std::vector<double> Loads(int ranks) {
  std::vector<double> loads(kExperts, 0.0);
  for (int rank = 0; rank < ranks; ++rank) {
    const HostTensor ids = IdsOf(rank);
    for (int64_t i = 0; i < ids.elements(); ++i) {
      if (ids.data<int32_t>()[i] >= 0) loads[static_cast<size_t>(ids.data<int32_t>()[i])] += 1;
    }
  }
  return loads;
}

// f32 against f32 in another order: a rounding a term of the longest sums (C, F, all experts), of numbers below 8.
void ExpectClose(const HostTensor& got, const HostTensor& want) {
  const std::vector<double> a = got.ToDoubles(), b = want.ToDoubles();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < b.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 0x1p-24 * (C + F + kExperts + 16) * 8) << "element " << i;
}

absl::Status RunRank(Transport& transport, const ExpertPlacement& placement) {
  CountingTransport counted(transport);
  STRATA_ASSIGN_OR_RETURN(auto ranks, CollectivesRegistry().Create("ring", counted));
  const int rank = transport.rank();
  const ExpertExchange exchange(placement, *ranks);
  const auto sent = [&] {
    const int64_t bytes = counted.count().bytes_sent;
    counted.Reset();
    return bytes;
  };
  STRATA_ASSIGN_OR_RETURN(const ExchangePlan plan, exchange.Plan(IdsOf(rank)));
  EXPECT_EQ(sent(), exchange.PlanBytes());
  STRATA_ASSIGN_OR_RETURN(const HostTensor rows, exchange.Send(plan, TokensAt(rank)));
  EXPECT_EQ(sent(), exchange.RowBytes(plan.send_counts, C * 4));
  STRATA_ASSIGN_OR_RETURN(const HostTensor y, Local(placement, rank, plan, rows));
  STRATA_ASSIGN_OR_RETURN(const HostTensor back, exchange.Return(plan, y));
  EXPECT_EQ(sent(), exchange.RowBytes(plan.receive_counts, C * 4));
  STRATA_ASSIGN_OR_RETURN(const HostTensor out, CombineChoices(back, WeightsAt(rank)));
  STRATA_ASSIGN_OR_RETURN(const HostTensor want, Dense(rank));
  ExpectClose(out, want);
  return absl::OkStatus();
}

class ExpertExchangeTest : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { RegisterAllCollectives(); }
};

TEST_P(ExpertExchangeTest, IsTheDenseReferenceAndSendsWhatTheFormulaSays) {
  const int ranks = GetParam();
  const int slots = static_cast<int>(kExperts) / ranks + 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement,
                              PlaceExperts(Loads(ranks), ranks, slots));
  EXPECT_OK(RunThreadRanks(ranks, [&](Transport& t) { return RunRank(t, placement); }));
}

// <Send(x), y> = <x, Return(y)> over all ranks; whole numbers, so exactly.
TEST_P(ExpertExchangeTest, ReturnIsTheAdjointOfSend) {
  const int ranks = GetParam();
  STRATA_ASSERT_OK_AND_ASSIGN(
      const ExpertPlacement placement,
      PlaceExperts(Loads(ranks), ranks, static_cast<int>(kExperts) / ranks + 1));
  std::mutex mutex;
  double left = 0, right = 0;
  const auto number = [](int64_t i) { return static_cast<double>(i * 37 % 23 - 11); };
  EXPECT_OK(RunThreadRanks(ranks, [&](Transport& t) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(auto collectives, CollectivesRegistry().Create("ring", t));
    const ExpertExchange exchange(placement, *collectives);
    STRATA_ASSIGN_OR_RETURN(const ExchangePlan plan, exchange.Plan(IdsOf(t.rank())));
    HostTensor x = HostTensor::Allocate(chips::F64, {plan.tokens * k, 3});
    for (int64_t i = 0; i < x.elements(); ++i) x.data<double>()[i] = number(i + 100 * t.rank());
    STRATA_ASSIGN_OR_RETURN(const HostTensor rows, exchange.Send(plan, x));
    HostTensor y = HostTensor::Allocate(chips::F64, rows.dims());
    for (int64_t i = 0; i < y.elements(); ++i) y.data<double>()[i] = number(7 * i + t.rank());
    STRATA_ASSIGN_OR_RETURN(const HostTensor back, exchange.Return(plan, y));
    const std::lock_guard<std::mutex> lock(mutex);
    for (int64_t i = 0; i < y.elements(); ++i) left += rows.data<double>()[i] * y.data<double>()[i];
    for (int64_t i = 0; i < x.elements(); ++i)
      right += x.data<double>()[i] * back.data<double>()[i];
    return absl::OkStatus();
  }));
  EXPECT_EQ(left, right);
}

INSTANTIATE_TEST_SUITE_P(Ranks, ExpertExchangeTest, ::testing::Range(1, 9));

TEST(ExpertExchangeErrorsTest, WrongOperandsAreNamed) {
  RegisterAllCollectives();
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, ContiguousPlacement(4, 1));
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement for_two, ContiguousPlacement(4, 2));
  EXPECT_OK(RunThreadRanks(1, [&](Transport& t) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(auto ranks, CollectivesRegistry().Create("ring", t));
    const ExpertExchange exchange(placement, *ranks);
    const auto invalid = [](const std::string& what) {
      return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
    };
    EXPECT_THAT(exchange.Plan(HostTensor::Zeros(chips::F32, {3, 2})),
                invalid("ids: is f32[3, 2]; must be i32 [N, k]"));
    EXPECT_THAT(exchange.Plan(HostTensor::FromVector<int32_t>({1, 2}, {0, 4})),
                StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("ids: element 1 is 4")));
    EXPECT_THAT(ExpertExchange(for_two, *ranks).Plan(HostTensor::Zeros(chips::I32, {3, 2})),
                invalid("the placement is for 2 ranks; there are 1"));
    STRATA_ASSIGN_OR_RETURN(const ExchangePlan plan,
                            exchange.Plan(HostTensor::Zeros(chips::I32, {3, 2})));
    EXPECT_THAT(exchange.Send(plan, HostTensor::Zeros(chips::F32, {4, 2})),
                invalid("rows: is f32[4, 2]; must be [3, ...] or [6, ...]"));
    EXPECT_THAT(exchange.Return(plan, HostTensor::Zeros(chips::F32, {4, 2})),
                invalid("rows: is f32[4, 2]; must be [6, ...], what was received"));
    EXPECT_THAT(CombineChoices(HostTensor::Zeros(chips::F32, {4, 2}),
                               HostTensor::Zeros(chips::F32, {3, 2})),
                invalid("must be f32 [N * k, C] and f32 [N, k]"));
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace strata::distributed
