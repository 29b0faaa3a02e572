#include "courses/distributed/collectives_three_ways/bits.h"

#include <algorithm>

#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/collective/reference.h"
#include "distributed/simulator/simulated_transport.h"

namespace strata::courses {
namespace {

using compiler::Collectives;
using distributed::Algorithm;
using distributed::AlgorithmCollectives;
using distributed::Transport;
using distributed::Verb;
using Floats = std::vector<float>;
using ByRank = std::vector<Floats>;

constexpr int64_t kCount = 1037;  // in parts that differ
constexpr distributed::LinkModel kLink = {1e-6, 1e-10, 1e-11};

float Whole(int rank, int64_t i) { return static_cast<float>((rank * 31 + i * 7) % 1000); }
float Fraction(int rank, int64_t i) {
  return 1.0f / static_cast<float>(1 + (rank * 31 + i * 17) % 1009);
}

absl::StatusOr<Floats> Do(Collectives& c, Verb verb, float (*element)(int, int64_t)) {
  const int64_t n = c.size();
  Floats in(static_cast<size_t>(verb == Verb::kAllToAll ? kCount * n : kCount));
  for (size_t i = 0; i < in.size(); ++i) in[i] = element(c.rank(), static_cast<int64_t>(i));
  Floats out(static_cast<size_t>(kCount * n));
  switch (verb) {
    case Verb::kAllReduce:
      STRATA_RETURN_IF_ERROR(c.AllReduce(in.data(), kCount, chips::F32, compiler::Reduction::kSum));
      return in;
    case Verb::kAllGather:
      STRATA_RETURN_IF_ERROR(c.AllGather(in.data(), out.data(), kCount, chips::F32));
      return out;
    default:
      STRATA_RETURN_IF_ERROR(c.AllToAll(in.data(), out.data(), kCount, chips::F32));
      return out;
  }
}

// By `algorithm`, or by the reference where there is none.
absl::StatusOr<ByRank> RunOnAll(const Algorithm* algorithm, Verb verb, int ranks,
                                float (*element)(int, int64_t)) {
  STRATA_ASSIGN_OR_RETURN(
      auto run, distributed::SimulateRun(distributed::Network::Uniform(kLink, ranks), ranks));
  ByRank results(static_cast<size_t>(ranks));
  STRATA_RETURN_IF_ERROR(RunRanks(*run.world, [&](Transport& transport) -> absl::Status {
    std::unique_ptr<Collectives> c;
    if (algorithm == nullptr) {
      c = std::make_unique<distributed::ReferenceCollectives>(transport);
    } else {
      AlgorithmCollectives::Options options;
      options.algorithm = std::string(algorithm->name);
      c = std::make_unique<AlgorithmCollectives>(transport, options);
    }
    STRATA_ASSIGN_OR_RETURN(results[static_cast<size_t>(transport.rank())], Do(*c, verb, element));
    return absl::OkStatus();
  }));
  return results;
}

absl::StatusOr<BitCheck> CheckRow(const Algorithm& row, int ranks) {
  BitCheck check = {.algorithm = &row, .ranks = ranks};
  STRATA_ASSIGN_OR_RETURN(const ByRank whole, RunOnAll(&row, row.verb, ranks, Whole));
  STRATA_ASSIGN_OR_RETURN(const ByRank exact, RunOnAll(nullptr, row.verb, ranks, Whole));
  STRATA_ASSIGN_OR_RETURN(const ByRank first, RunOnAll(&row, row.verb, ranks, Fraction));
  STRATA_ASSIGN_OR_RETURN(const ByRank again, RunOnAll(&row, row.verb, ranks, Fraction));
  STRATA_ASSIGN_OR_RETURN(const ByRank rounded, RunOnAll(nullptr, row.verb, ranks, Fraction));
  check.equals_reference = whole == exact && (row.verb == Verb::kAllReduce || first == rounded);
  check.same_again = first == again;
  // Of an all-to-all each rank has its own.
  check.same_on_all_ranks =
      row.verb == Verb::kAllToAll ||
      std::all_of(first.begin(), first.end(), [&](const Floats& f) { return f == first[0]; });
  check.rounds_differently = first != rounded;
  return check;
}

}  // namespace

absl::StatusOr<std::vector<BitCheck>> CheckBits(const std::vector<int>& ranks) {
  std::vector<BitCheck> checks;
  for (const Algorithm& row : distributed::AlgorithmTable()) {
    if (row.verb != Verb::kAllReduce && row.verb != Verb::kAllGather && row.verb != Verb::kAllToAll)
      continue;
    for (int n : ranks) {
      if (!row.takes(n, distributed::Tuning())) continue;
      STRATA_ASSIGN_OR_RETURN(const BitCheck check, CheckRow(row, n));
      checks.push_back(check);
    }
  }
  return checks;
}

}  // namespace strata::courses
