// Order of execution and the peak of live bytes: the algorithm behind the pass "memory_order", without graphs.
//
//   OrderProblem problem;                      // two chains that meet: b frees a large content, c makes another
//   ...
//   const std::vector<int> order = LowerPeakOrder(problem);   // never worse than 0, 1, 2, ...
//   CostOfOrder(problem, order);
//
// While a node runs, what it reads and what it makes live together, save where a result takes over the storage of an
// operand that is read for the last time. Minimising the peak is NP-hard (Sethi 1975, "Complete register allocation
// problems"); for few nodes BestOrder() is exact: dynamic programming over the sets of nodes that have run (Ahn et al.
// 2020, "Ordering chaos: memory-aware scheduling of irregularly wired neural networks"). For many nodes
// LowerPeakOrder() lists eagerly what frees more than it makes, then improves around the peak: the same dynamic
// programming in windows, and moves of what is made long before it is read.
#ifndef STRATA_COMPILER_MEMORY_ORDER_H_
#define STRATA_COMPILER_MEMORY_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace strata::compiler {

struct OrderProblem {
  struct Node {
    // Contents, each once; contents that no node makes are there from the start.
    std::vector<int> reads;
    std::vector<int> writes;  // contents made here; each content has at most one maker
    // Nodes that must run before this one, beside the makers of what it reads.
    std::vector<int> after;
    // (content read, content made) that may be one storage.
    std::vector<std::pair<int, int>> in_place;
  };
  std::vector<Node> nodes;      // 0, 1, 2, ... is a legal order
  std::vector<uint64_t> bytes;  // by content; 0: its storage is not planned here
  std::vector<bool> kept;       // by content: lives on after its last reader
};

struct OrderCost {
  uint64_t peak = 0;  // bytes
  double sum = 0;     // of the live bytes over the steps: breaks ties
  bool operator<(const OrderCost& other) const {
    return peak != other.peak ? peak < other.peak : sum < other.sum;
  }
};

// `order` is legal: each node once, after what it waits for.
OrderCost CostOfOrder(const OrderProblem& problem, absl::Span<const int> order);

bool IsLegalOrder(const OrderProblem& problem, absl::Span<const int> order);

// The least peak of all orders; at most 24 nodes.
std::vector<int> BestOrder(const OrderProblem& problem);

// A legal order that costs no more than 0, 1, 2, ...: that one itself when none better was found. Deterministic.
std::vector<int> LowerPeakOrder(const OrderProblem& problem);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_ORDER_H_
