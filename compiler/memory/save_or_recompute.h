// SaveOrRecompute: which values of a forward pass are kept for the backward pass, and which are made again there.
//
//   ForwardPass pass;                       // nodes, values, and which values the backward pass reads
//   const Partition partition = SaveOrRecompute(pass);
//   partition.saved[v], partition.recomputed[n];
//
// Keeping a value and making a node's values again each have a cost; the choice with the least sum is a least cut of a
// flow network (He and Yu 2023, "Transcending the runtime-memory tradeoff in checkpointing by being fusion aware", MLSys;
// also PyTorch's AOTAutograd). Exact. Of equal choices the one that makes least again.
#ifndef STRATA_COMPILER_MEMORY_SAVE_OR_RECOMPUTE_H_
#define STRATA_COMPILER_MEMORY_SAVE_OR_RECOMPUTE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::compiler {

struct ForwardPass {
  static constexpr int64_t kNever = -1;

  struct Node {
    std::vector<int> reads;      // values; those that need not be kept (inputs) are left out
    std::vector<int> writes;     // values
    int64_t recompute_cost = 0;  // >= 0, or kNever
  };
  struct Value {
    int64_t save_cost = 0;  // >= 0
    bool needed = false;    // the backward pass reads it
  };
  std::vector<Node> nodes;    // in dependency order
  std::vector<Value> values;  // each made by one node
};

struct Partition {
  std::vector<bool> saved;       // by value
  std::vector<bool> recomputed;  // by node
  int64_t cost = 0;
};

// All costs together are below 2^59.
Partition SaveOrRecompute(const ForwardPass& pass);

// What a choice of nodes to run again costs: theirs, and what must be kept for them and for the backward pass. -1 when
// it runs a node again that never may.
int64_t CostOfRecomputing(const ForwardPass& pass, const std::vector<bool>& recomputed);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_SAVE_OR_RECOMPUTE_H_
