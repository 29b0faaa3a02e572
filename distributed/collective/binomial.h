// Binomial trees: in step k the 2^k ranks that have the data pass it on, so ceil(log2 n) messages follow one another.
// Best for little data. With v the rank counted from the root, v's parent is v without its lowest set bit, and v's
// subtree is the ranks up to that bit. Thakur, Rabenseifner & Gropp (2005); for scatter and gather, a message carries
// what its whole subtree needs.
//
//   broadcast, reduce   (n-1) m bytes on the wire
//   scatter, gather     the sum over ranks of the size of their subtree, times b
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_BINOMIAL_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_BINOMIAL_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "binomial" for broadcast, reduce, scatter and gather.
absl::Span<const Algorithm> BinomialAlgorithms();

// Phases, for algorithms that are made of trees.
absl::Status BinomialBroadcast(Wire& wire, Piece data, int root);
absl::Status BinomialReduce(Wire& wire, Piece data, int root);  // adds a mean; does not finish it

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_BINOMIAL_H_
