#include "distributed/collective/algorithm_table.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/collective/binomial.h"
#include "distributed/collective/direct.h"
#include "distributed/collective/pairwise.h"
#include "distributed/collective/recursive_doubling.h"
#include "distributed/collective/ring.h"

namespace strata::distributed {

absl::Span<const Algorithm> AlgorithmTable() {
  static const auto* rows = [] {
    auto* all = new std::vector<Algorithm>;
    for (const auto of : {RingAlgorithms, BinomialAlgorithms, PairwiseAlgorithms,
                          RecursiveDoublingAlgorithms, DirectAlgorithms}) {
      for (const Algorithm& row : of()) all->push_back(row);
    }
    return all;
  }();
  return *rows;
}

absl::StatusOr<const Algorithm*> FindAlgorithm(Verb verb, absl::string_view name) {
  std::vector<absl::string_view> names;
  for (const Algorithm& row : AlgorithmTable()) {
    if (row.verb != verb) continue;
    if (row.name == name) return &row;
    names.push_back(row.name);
  }
  return absl::NotFoundError(absl::StrCat("no algorithm '", name, "' of ", VerbName(verb),
                                          "; there is: ", absl::StrJoin(names, ", ")));
}

std::vector<std::string> AlgorithmNames() {
  std::set<std::string> names;
  for (const Algorithm& row : AlgorithmTable()) names.insert(std::string(row.name));
  return {names.begin(), names.end()};
}

int TagOf(const Algorithm& algorithm) {
  return 1 + static_cast<int>(&algorithm - AlgorithmTable().data());
}

}  // namespace strata::distributed
