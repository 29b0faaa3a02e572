#include "distributed/collective/algorithm_table.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "distributed/collective/binary_tree.h"
#include "distributed/collective/binomial.h"
#include "distributed/collective/bruck.h"
#include "distributed/collective/chain.h"
#include "distributed/collective/direct.h"
#include "distributed/collective/double_tree.h"
#include "distributed/collective/halving_doubling.h"
#include "distributed/collective/hierarchical.h"
#include "distributed/collective/pairwise.h"
#include "distributed/collective/pat.h"
#include "distributed/collective/recursive_doubling.h"
#include "distributed/collective/ring.h"
#include "distributed/collective/shared.h"
#include "distributed/collective/torus.h"

namespace strata::distributed {

absl::Span<const Algorithm> AlgorithmTable() {
  static const auto* rows = [] {
    auto* all = new std::vector<Algorithm>;
    for (const auto of : {RingAlgorithms, ChainAlgorithms, BinomialAlgorithms, PairwiseAlgorithms,
                          RecursiveDoublingAlgorithms, HalvingDoublingAlgorithms, BruckAlgorithms,
                          BinaryTreeAlgorithms, DoubleTreeAlgorithms, HierarchicalAlgorithms,
                          TorusAlgorithms, PatAlgorithms, DirectAlgorithms, SharedAlgorithms}) {
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

const Algorithm& AlgorithmOrDefault(Verb verb, absl::string_view name, const CallShape& shape) {
  const absl::StatusOr<const Algorithm*> named = FindAlgorithm(verb, name);
  if (named.ok() && (*named)->takes(shape.ranks, shape.tuning)) return **named;
  for (const Algorithm& row : AlgorithmTable()) {
    if (row.verb == verb) return row;
  }
  return AlgorithmTable()[0];  // each verb has a row
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
