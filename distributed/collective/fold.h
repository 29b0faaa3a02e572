// Folding n ranks to a power of two, as recursive algorithms need: of the first 2 r ranks, r = n - p, each odd one hands
// its data to the even one before it; the p even ones and the rest are the core.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_FOLD_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_FOLD_H_

#include "distributed/collective/powers.h"

namespace strata::distributed {

struct Fold {
  Fold(int ranks, int rank) : p(FloorPower(ranks)), r(ranks - p), rank(rank) {}

  bool paired() const { return rank < 2 * r; }
  bool outside() const { return paired() && rank % 2 == 1; }  // has handed its data over
  int partner() const { return rank ^ 1; }                    // of a paired rank
  int core() const {
    return paired() ? rank / 2 : rank - r;
  }  // [0, p), of a rank that is not outside
  int RankOf(int core) const { return core < r ? 2 * core : core + r; }

  int p, r, rank;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_FOLD_H_
