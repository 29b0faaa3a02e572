#include "compiler/kernels/cpu/paged_split.h"

#include <algorithm>
#include <cmath>

#include "compiler/kernels/cpu/paged_pack.h"

namespace strata::compiler {
namespace {

// Reading and widening a key costs about as much as four queries' products with it.
constexpr double kReadCost = 4;

// Of the cell of each key head in a block: keys come in vectors of 16.
double CellCost(const Sweep& sweep, int64_t block) {
  const int64_t begin = std::max(sweep.begin, block * kKeyBlock) / 16,
                end = (std::min(sweep.end, (block + 1) * kKeyBlock) + 15) / 16;
  return static_cast<double>(end - begin) * (static_cast<double>(sweep.queries) + kReadCost);
}

}  // namespace

int64_t Sweep::first_block() const { return begin / kKeyBlock; }
int64_t Sweep::blocks() const { return (end + kKeyBlock - 1) / kKeyBlock - first_block(); }

SweepParts SplitSweeps(const std::vector<Sweep>& sweeps, int64_t parts) {
  double total = 0;
  for (const Sweep& sweep : sweeps) {
    for (int64_t b = 0; b < sweep.blocks(); ++b)
      total += CellCost(sweep, sweep.first_block() + b) * static_cast<double>(sweep.kvs);
  }
  SweepParts result;
  result.first.push_back(0);
  double done = 0;
  const auto bound = [&] {
    return total * static_cast<double>(result.first.size()) / static_cast<double>(parts);
  };
  for (size_t s = 0; s < sweeps.size(); ++s) {
    const Sweep& sweep = sweeps[s];
    int64_t from = 0;
    const auto take = [&](int64_t to) {
      if (from < to) result.all.push_back({static_cast<int64_t>(s), from, to});
      from = to;
    };
    for (int64_t b = 0; b < sweep.blocks(); ++b) {
      const double cost = CellCost(sweep, sweep.first_block() + b),
                   after = done + cost * static_cast<double>(sweep.kvs);
      while (static_cast<int64_t>(result.first.size()) < parts && after > bound()) {
        const auto heads = static_cast<int64_t>(std::lround((bound() - done) / cost));
        take(std::max(from, b * sweep.kvs + std::clamp<int64_t>(heads, 0, sweep.kvs)));
        result.first.push_back(static_cast<int64_t>(result.all.size()));
      }
      done = after;
    }
    take(sweep.cells());
  }
  result.first.resize(static_cast<size_t>(parts) + 1, static_cast<int64_t>(result.all.size()));
  return result;
}

}  // namespace strata::compiler
