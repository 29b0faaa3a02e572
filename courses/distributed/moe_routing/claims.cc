#include <algorithm>
#include <numeric>

#include "absl/strings/str_format.h"
#include "courses/distributed/moe_routing/study.h"

namespace strata::courses {
namespace {

constexpr double kUneven = 1.8, kEven = 1.35;  // largest load over the mean

double Judged(const RoutingRun& run) { return MaxOverMean(LastLoads(run, kJudgedSteps)); }

Claim UnevenByItself(const RoutingStudy& study) {
  const double ratio = Judged(study.runs[0]);
  return {absl::StrFormat("Without balancing the busiest expert has more than %.2f times the mean",
                          kUneven),
          ratio > kUneven,
          absl::StrFormat("%.2f over the last %d steps", ratio, static_cast<int>(kJudgedSteps))};
}

Claim EvenWith(const RoutingStudy& study, Balance balance, const char* what) {
  const double ratio = Judged(study.runs[static_cast<size_t>(balance)]);
  return {absl::StrFormat("%s keeps it under %.2f times", what, kEven), ratio < kEven,
          absl::StrFormat(
              "%.2f; relative entropy of the load %.3f, without balancing %.3f", ratio,
              RelativeEntropy(LastLoads(study.runs[static_cast<size_t>(balance)], kJudgedSteps)),
              RelativeEntropy(LastLoads(study.runs[0], kJudgedSteps)))};
}

Claim ExpertsThatChooseAreEqual(const RoutingStudy& study) {
  const RoutingRun& run = study.runs.back();
  const double ratio = Judged(run);
  return {"Experts that choose are exactly equally busy, and some tokens get fewer experts for it",
          ratio == 1 && run.underserved > 0.1,
          absl::StrFormat("%.2f times the mean; %.0f %% of the tokens get fewer than %d", ratio,
                          100 * run.underserved, static_cast<int>(study.options.shape.per_token))};
}

Claim AllLearn(const RoutingStudy& study) {
  std::string evidence;
  bool all = true;
  for (const RoutingRun& run : study.runs) {
    const auto mean = [](auto begin, auto end) {
      return std::accumulate(begin, end, 0.0) / static_cast<double>(end - begin);
    };
    const size_t few = std::min<size_t>(10, run.losses.size());
    const double first = mean(run.losses.begin(), run.losses.begin() + static_cast<ptrdiff_t>(few));
    const double last = mean(run.losses.end() - static_cast<ptrdiff_t>(few), run.losses.end());
    all = all && last < 0.7 * first;
    absl::StrAppendFormat(&evidence, "%s%s %.2f to %.2f", evidence.empty() ? "" : "; ",
                          BalanceName(run.balance), first, last);
  }
  return {"All four learn: the error falls by 30 % at least", all, evidence};
}

double DroppedAt(const DropCurve& curve, double factor) {
  const auto at = std::find(curve.factors.begin(), curve.factors.end(), factor);
  return curve.dropped[static_cast<size_t>(at - curve.factors.begin())];
}

Claim BalanceDropsLess(const RoutingStudy& study) {
  const double none = DroppedAt(study.drops[0], 1), loss = DroppedAt(study.drops[1], 1),
               bias = DroppedAt(study.drops[2], 1);
  return {
      "At a capacity factor of 1 balanced routers drop less than half of what an unbalanced one "
      "does",
      2 * loss < none && 2 * bias < none,
      absl::StrFormat("no balancing %.1f %%, loss %.1f %%, bias %.1f %%", 100 * none, 100 * loss,
                      100 * bias)};
}

Claim CapacityEndsDrops(const RoutingStudy& study) {
  bool falls = true, ends = true;
  for (const DropCurve& curve : study.drops) {
    falls = falls && std::is_sorted(curve.dropped.rbegin(), curve.dropped.rend());
    ends = ends && curve.dropped.back() == 0;
  }
  return {"More capacity never drops more, and places for every token drop none", falls && ends,
          absl::StrFormat("factors %.2f to %.2f", study.drops[0].factors.front(),
                          study.drops[0].factors.back())};
}

Claim RanksEqualDense(const RoutingStudy& study) {
  bool all = true;
  double worst = 0, bound = 0;
  for (const ExpertTraffic& traffic : study.traffic) {
    all = all && traffic.largest_error <= traffic.error_bound;
    worst = std::max(worst, traffic.largest_error);
    bound = traffic.error_bound;
  }
  return {"Experts on ranks give what every expert on every token gives", all,
          absl::StrFormat(
              "largest difference %.1e, rounding explains %.1e; %d ranks, %d placements", worst,
              bound, study.traffic[0].placement.ranks, static_cast<int>(study.traffic.size()))};
}

Claim BytesAreTheFormulas(const RoutingStudy& study) {
  bool all = true;
  std::string evidence;
  for (const ExpertTraffic& traffic : study.traffic) {
    all = all && traffic.wire_bytes == traffic.formula_bytes;
    absl::StrAppendFormat(&evidence, "%s%s %.0f = %.0f", evidence.empty() ? "" : "; ", traffic.name,
                          traffic.wire_bytes, traffic.formula_bytes);
  }
  return {"The transport sends what the formula says, to the byte", all, evidence};
}

Claim ReplicasBalanceRanks(const RoutingStudy& study) {
  std::vector<double> ratios;
  for (const ExpertTraffic& traffic : study.traffic)
    ratios.push_back(MaxOverMean(traffic.rank_rows));
  return {"Placed by load with replicas, ranks that were uneven are within 15 % of the mean",
          ratios[0] > 1.25 && ratios[1] <= ratios[0] && ratios[2] <= 1.15,
          absl::StrFormat("busiest rank over the mean: in order %.2f, packed %.2f, replicas %.2f",
                          ratios[0], ratios[1], ratios[2])};
}

}  // namespace

std::vector<Claim> ClaimsOf(const RoutingStudy& study) {
  return {UnevenByItself(study),
          EvenWith(study, Balance::kLoss, "A balance loss"),
          EvenWith(study, Balance::kBias, "A bias that only decides the choice, without any loss,"),
          ExpertsThatChooseAreEqual(study),
          AllLearn(study),
          BalanceDropsLess(study),
          CapacityEndsDrops(study),
          RanksEqualDense(study),
          BytesAreTheFormulas(study),
          ReplicasBalanceRanks(study)};
}

}  // namespace strata::courses
