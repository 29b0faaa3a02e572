#include "courses/distributed/collectives_three_ways/study.h"

#include "absl/strings/str_cat.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/clusters.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::courses {
namespace {

using distributed::Network;
using distributed::Verb;

constexpr int64_t kLittle = 1 << 10, kMuch = 16 << 20;
constexpr int64_t kTimelineBytes = 1 << 20;

std::vector<int64_t> PowersOfTwo(int64_t first, int64_t last, int step) {
  std::vector<int64_t> sizes;
  for (int64_t bytes = first; bytes <= last; bytes <<= step) sizes.push_back(bytes);
  return sizes;
}

absl::StatusOr<Network> Named(const std::string& cluster) {
  STRATA_ASSIGN_OR_RETURN(const chips::Cluster found, distributed::FindCluster(cluster));
  return Network::Of(found);
}

absl::Status Add(absl::StatusOr<Race> race, std::vector<Race>* races) {
  if (!race.ok()) return race.status();
  races->push_back(*std::move(race));
  return absl::OkStatus();
}

absl::Status RunFlat(const Network& network, Study* study) {
  const auto sizes = PowersOfTwo(128, 32 << 20, 1);
  const StudyQuestion& q = study->question;
  STRATA_RETURN_IF_ERROR(
      Add(RaceOverSizes(network, Verb::kAllReduce, q.ranks, sizes), &study->flat));
  for (Verb verb : {Verb::kAllReduce, Verb::kAllGather, Verb::kAllToAll})
    STRATA_RETURN_IF_ERROR(Add(RaceOverSizes(network, verb, q.odd_ranks, sizes), &study->flat));
  const std::vector<int> ranks = {2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 17};
  for (int64_t bytes : {kLittle, kMuch}) {
    STRATA_RETURN_IF_ERROR(
        Add(RaceOverRanks(network, Verb::kAllReduce, ranks, bytes), &study->by_ranks));
  }
  for (int n : {2, 3, 4, 6, 8, 12, 16}) {
    STRATA_RETURN_IF_ERROR(
        Add(RaceOverSizes(network, Verb::kAllReduce, n, PowersOfTwo(1 << 10, 64 << 20, 2)),
            &study->region));
  }
  return absl::OkStatus();
}

absl::Status RunNodes(const Network& network, Study* study) {
  const int ranks = study->question.ranks;
  for (Verb verb : {Verb::kAllReduce, Verb::kAllGather, Verb::kAllToAll}) {
    STRATA_RETURN_IF_ERROR(
        Add(RaceOverSizes(network, verb, ranks, PowersOfTwo(1 << 10, 64 << 20, 2)), &study->nodes));
  }
  for (const char* name : {"ring", "hierarchical"}) {
    STRATA_ASSIGN_OR_RETURN(const distributed::Algorithm* algorithm,
                            distributed::FindAlgorithm(Verb::kAllReduce, name));
    STRATA_ASSIGN_OR_RETURN(
        chips::Timeline timeline,
        distributed::SimulateTimeline(network, ranks, {algorithm, kTimelineBytes / 4},
                                      TuningFor(network, ranks)));
    study->timelines.push_back(std::move(timeline));
  }
  return absl::OkStatus();
}

absl::Status CheckQuestion(const StudyQuestion& q, const Network& flat, const Network& nodes) {
  const auto bad = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (q.ranks < 4 || (q.ranks & (q.ranks - 1)) != 0)
    return bad(absl::StrCat("ranks: is ", q.ranks, "; give a power of two from 4"));
  if (q.odd_ranks < 3 || (q.odd_ranks & (q.odd_ranks - 1)) == 0)
    return bad(absl::StrCat("odd_ranks: is ", q.odd_ranks, "; give no power of two, from 3"));
  if (flat.level_count() != 1)
    return bad(absl::StrCat("flat: cluster '", flat.name(), "' has ", flat.level_count(),
                            " levels; give one of one level"));
  if (nodes.level_count() < 2 || nodes.level_ranks(0) >= q.ranks || nodes.level_ranks(0) < 2)
    return bad(absl::StrCat("nodes: cluster '", nodes.name(), "' has no nodes smaller than ",
                            q.ranks, " ranks; give another, or more ranks"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Study> MakeStudy(const StudyQuestion& question) {
  Study study = {.question = question};
  STRATA_ASSIGN_OR_RETURN(const Network flat, Named(question.flat));
  STRATA_ASSIGN_OR_RETURN(const Network nodes, Named(question.nodes));
  STRATA_RETURN_IF_ERROR(CheckQuestion(question, flat, nodes));
  STRATA_ASSIGN_OR_RETURN(study.bits, CheckBits({2, 5, 8}));
  STRATA_RETURN_IF_ERROR(RunFlat(flat, &study));
  STRATA_RETURN_IF_ERROR(RunNodes(nodes, &study));
  if (question.measured_ranks > 0) {
    STRATA_ASSIGN_OR_RETURN(study.measured,
                            MeasureThreads(question.measured_ranks, PowersOfTwo(256, 16 << 20, 2)));
  }
  return study;
}

}  // namespace strata::courses
