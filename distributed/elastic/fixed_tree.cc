#include "distributed/elastic/fixed_tree.h"

#include <algorithm>

namespace strata::distributed {

void FixedTree::Cover(Node node, int low, int high, std::vector<Node>* nodes) const {
  if (high <= node.first || node.second <= low) return;
  if (low <= node.first && node.second <= high) {
    nodes->push_back(node);
    return;
  }
  const int middle = (node.first + node.second) / 2;
  Cover({node.first, middle}, low, high, nodes);
  Cover({middle, node.second}, low, high, nodes);
}

std::vector<FixedTree::Node> FixedTree::Cover(int low, int high) const {
  std::vector<Node> nodes;
  if (low < high) Cover(root(), low, high, &nodes);
  return nodes;
}

void FixedTree::Sum(Node node, const Known& known, int64_t count, float* sum) const {
  if (const auto it = known.find(node); it != known.end()) {
    if (it->second != sum) std::copy_n(it->second, count, sum);
    return;
  }
  const int middle = (node.first + node.second) / 2;
  std::vector<float> right(static_cast<size_t>(count));
  Sum({node.first, middle}, known, count, sum);
  Sum({middle, node.second}, known, count, right.data());
  for (int64_t i = 0; i < count; ++i) sum[i] += right[static_cast<size_t>(i)];
}

FixedTree::Node FixedTree::Share(int rank, int ranks) const {
  const auto cut = [&](int r) {
    return static_cast<int>(static_cast<int64_t>(leaves_) * r / ranks);
  };
  return {cut(rank), cut(rank + 1)};
}

}  // namespace strata::distributed
