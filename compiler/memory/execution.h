// Execution: what lives while the nodes of an OrderProblem run one after the other.
//
//   Execution run(problem);
//   for (int node : order) {
//     peak = std::max(peak, run.Look(node).during);
//     run.Run(node);
//   }
//
// A copy goes on from where the original stands; what does not change is shared by all copies.
#ifndef STRATA_COMPILER_MEMORY_EXECUTION_H_
#define STRATA_COMPILER_MEMORY_EXECUTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/memory/order.h"

namespace strata::compiler {

class Execution {
 public:
  // `problem` is not copied.
  explicit Execution(const OrderProblem& problem);

  // Live bytes while a node that is ready runs, and once it has.
  struct Bytes {
    uint64_t during = 0, after = 0;
  };
  Bytes Look(int node) const;
  void Run(int node);

  uint64_t live() const { return live_; }
  bool IsReady(int node) const { return waits_[static_cast<size_t>(node)] == 0; }
  int readers_left(int content) const { return readers_left_[static_cast<size_t>(content)]; }
  // Nodes that wait for `node`; one that waits for two of its results is listed twice.
  const std::vector<int>& Followers(int node) const {
    return (*followers_)[static_cast<size_t>(node)];
  }

 private:
  const OrderProblem* problem_;
  std::shared_ptr<const std::vector<std::vector<int>>> followers_;  // by node
  std::vector<int> readers_left_;                                   // by content
  std::vector<int> waits_;                                          // by node: for how many others
  uint64_t live_ = 0;
};

// By content: the node that makes it, or -1.
std::vector<int> MakersOf(const OrderProblem& problem);

// What `node` needs to live at once when, of its operands, those die for which dies(content) is true: the bytes of its
// results that need storage of their own.
template <typename Dies>
uint64_t FreshBytes(const OrderProblem& problem, int node, const Dies& dies) {
  const OrderProblem::Node& n = problem.nodes[static_cast<size_t>(node)];
  uint64_t fresh = 0;
  std::vector<int> taken;  // operands whose storage a result has
  for (int made : n.writes) {
    const uint64_t bytes = problem.bytes[static_cast<size_t>(made)];
    bool shares = false;
    for (const auto& [operand, result] : n.in_place) {
      if (shares || result != made || problem.bytes[static_cast<size_t>(operand)] != bytes)
        continue;
      bool free = dies(operand);
      for (int other : taken) free = free && other != operand;
      if (!free) continue;
      taken.push_back(operand);
      shares = true;
    }
    if (!shares) fresh += bytes;
  }
  return fresh;
}

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_EXECUTION_H_
