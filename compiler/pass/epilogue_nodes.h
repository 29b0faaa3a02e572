// EpilogueFinder: which elementwise nodes the kernel of a product does best along with it.
//
//   EpilogueFinder finder(graph);
//   const std::optional<Epilogue> epilogue = finder.Find(product, 0);   // a node index; nothing: left alone
//
// Of the nodes whose results lie element by element over the product's, those are taken that save
// the most bytes against the kernels of the general fusion (kernel_traffic.h): so a sum that a
// LayerNorm reads is taken when others read it too, and left to the LayerNorm's kernel when they do
// not. What only these nodes read comes along (the derivative of an activation, made of what the
// forward pass saved); nothing is done twice but constants and broadcasts. An epilogue never closes
// a cycle. Products that are found later keep off what earlier ones took.
#ifndef STRATA_COMPILER_PASS_EPILOGUE_NODES_H_
#define STRATA_COMPILER_PASS_EPILOGUE_NODES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "compiler/pass/graph_uses.h"
#include "compiler/pass/kernel_traffic.h"

namespace strata::compiler {

struct Epilogue {
  std::vector<int>
      members;  // node indices, sorted: the product and what follows; constants, broadcasts, reshapes too
  std::vector<int> exports;  // members whose values others read, sorted
  int64_t bytes_saved = 0;   // > 0
};

class EpilogueFinder {
 public:
  // `graph` is verified and concrete.
  explicit EpilogueFinder(const graph::Graph& graph);

  // Nothing that saves no more than `price` bytes (0 or more).
  std::optional<Epilogue> Find(int product, int64_t price);

 private:
  using Nodes = KernelTraffic::Nodes;

  std::vector<bool> DependOn(int product) const;
  Nodes Followers(int product) const;
  bool MayFollow(int n, const Nodes& before, const std::vector<bool>& dependent) const;
  bool Fits(int n) const;
  bool ReadsRounded(int n, const Nodes& among) const;
  Nodes Ends(const Nodes& followers) const;
  Nodes LeadingTo(const Nodes& ends, const Nodes& followers) const;
  Nodes WithFeeders(int product, Nodes members) const;
  bool IsFeeder(int n, const Nodes& members) const;
  std::vector<int> Sources(int product, const Nodes& members) const;
  Epilogue Keep(int product, const Nodes& members, const KernelTraffic::Change& change);

  const GraphUses uses_;
  KernelTraffic traffic_;
  std::map<int, Nodes> taken_;  // by product: it and what its kernel does too
  int64_t M_ = 0, N_ = 0;       // of the product at hand
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_EPILOGUE_NODES_H_
