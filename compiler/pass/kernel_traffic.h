// KernelTraffic: the memory traffic of a graph whose kernels are those that the general fusion
// would make, and what it becomes when the kernel of a product takes elementwise nodes from them.
//
//   KernelTraffic traffic(uses, FindFusionGroups(graph));
//   const KernelTraffic::Change change = traffic.Try(product, members);   // nodes to be done in the product's kernel
//   if (change.bytes_saved > 0) traffic.Take(product, members, change);
//
// A kernel reads each operand once and writes each result once; reshapes and constants move
// nothing. What the product itself reads is the same either way and not counted. Indices are of the
// graph's nodes, which must stay unchanged.
#ifndef STRATA_COMPILER_PASS_KERNEL_TRAFFIC_H_
#define STRATA_COMPILER_PASS_KERNEL_TRAFFIC_H_

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "compiler/pass/fusion_groups.h"
#include "compiler/pass/graph_uses.h"

namespace strata::compiler {

class KernelTraffic {
 public:
  using Nodes = std::set<int>;
  struct Group {
    Nodes members, exports;
  };

  KernelTraffic(const GraphUses& uses, const FusionGroups& groups);

  struct Change {
    int64_t bytes_saved = 0;  // below 0: more traffic than before
    Nodes exports;            // of the product and the members: those whose values are written
    size_t buffers = 0;       // that the kernel reads and writes, without the product's operands
    std::map<size_t, Group> rest;  // what is left of the groups that change
  };
  // `product` and `members` have one result each, and none is taken. What they read and do not make
  // depends on nothing that they make.
  Change Try(int product, const Nodes& members) const;

  // From here on the product's kernel does the members.
  void Take(int product, const Nodes& members, const Change& change);

  // The product whose kernel does a node (itself, when it has taken others); -1: none.
  int taken_by(int node) const { return taken_by_[At(node)]; }

 private:
  static size_t At(int i) { return static_cast<size_t>(i); }
  uint32_t Out(int n) const { return uses_.node(n).outputs(0); }

  bool IsView(int n) const;
  uint32_t Root(uint32_t value) const;
  int64_t Bytes(const std::set<uint32_t>& values) const;
  std::set<uint32_t> Reads(const Nodes& members) const;
  int64_t Traffic(const Nodes& members, const Nodes& exports) const;
  int64_t TrafficBefore(int product, const Nodes& members, const Change& change) const;
  void TakeFrom(const Nodes& taken, Change* change) const;
  void WriteFor(const Nodes& members, Change* change) const;
  void DropDead(Change* change) const;
  const Group& Rest(size_t group, const Change& change) const;
  bool IsDone(int node, const Change& change) const;
  bool IsNeeded(uint32_t value, const Nodes& taken, const Change& change) const;

  const GraphUses& uses_;
  std::vector<Group> groups_;
  std::vector<std::set<size_t>> groups_of_;  // by node: the groups that it is a member of
  std::vector<bool> alone_;                  // by node
  std::vector<int> taken_by_;                // by node
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_KERNEL_TRAFFIC_H_
