#include "compiler/tune/cost_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace strata::compiler::tune {
namespace {

// How much a pair matters: by the ratio of its costs, so that near ties do not outvote what is clear.
double PairWeight(double cheap, double dear) {
  if (!std::isfinite(dear)) return 1;
  return std::min(1.0, 2 * std::log2(dear / cheap));
}

struct Split {
  int feature = -1;
  double threshold = 0;
  double gain = 0;
};

}  // namespace

// Rows, their order by each feature, and the loss's slope and curvature at the scores so far.
struct CostModel::Fitting {
  const std::vector<std::vector<double>>& rows;
  std::vector<std::vector<int>> order;
  std::vector<double> slope, curvature;

  double Value(int row, size_t feature) const { return rows[static_cast<size_t>(row)][feature]; }
};

// `in`: which rows are the node's.
int CostModel::Grow(const Fitting& fit, const std::vector<char>& in, int depth, Tree* tree) const {
  double slope = 0, curvature = options_.regularisation;
  int count = 0;
  for (size_t row = 0; row < in.size(); ++row) {
    if (!in[row]) continue;
    ++count;
    slope += fit.slope[row];
    curvature += fit.curvature[row];
  }
  const int node = static_cast<int>(tree->size());
  tree->push_back({});
  tree->back().value = -slope / curvature;
  if (depth == 0 || count < 2 * options_.min_leaf) return node;

  Split best;
  for (size_t f = 0; f < fit.order.size(); ++f) {
    double left_slope = 0, left_curvature = options_.regularisation;
    int left = 0, last = -1;
    for (int row : fit.order[f]) {
      if (!in[static_cast<size_t>(row)]) continue;
      // Between the last row and this one?
      if (left >= options_.min_leaf && count - left >= options_.min_leaf &&
          fit.Value(last, f) < fit.Value(row, f)) {
        const double right_slope = slope - left_slope;
        const double right_curvature = curvature - left_curvature + options_.regularisation;
        const double gain = left_slope * left_slope / left_curvature +
                            right_slope * right_slope / right_curvature - slope * slope / curvature;
        if (gain > best.gain * (1 + 1e-12) + 1e-12) {
          best = {static_cast<int>(f), (fit.Value(last, f) + fit.Value(row, f)) / 2, gain};
        }
      }
      left_slope += fit.slope[static_cast<size_t>(row)];
      left_curvature += fit.curvature[static_cast<size_t>(row)];
      ++left;
      last = row;
    }
  }
  if (best.feature < 0) return node;
  std::vector<char> left(in), right(in);
  for (size_t row = 0; row < in.size(); ++row) {
    const size_t feature = static_cast<size_t>(best.feature);
    const bool goes_left = fit.Value(static_cast<int>(row), feature) <= best.threshold;
    (goes_left ? right : left)[row] = 0;
  }
  const int l = Grow(fit, left, depth - 1, tree);
  const int r = Grow(fit, right, depth - 1, tree);
  Node& n = (*tree)[static_cast<size_t>(node)];
  n.feature = best.feature;
  n.threshold = best.threshold;
  n.left = l;
  n.right = r;
  return node;
}

double CostModel::Evaluate(const Tree& tree, absl::Span<const double> features) {
  int node = 0;
  while (tree[static_cast<size_t>(node)].feature >= 0) {
    const Node& n = tree[static_cast<size_t>(node)];
    node = features[static_cast<size_t>(n.feature)] <= n.threshold ? n.left : n.right;
  }
  return tree[static_cast<size_t>(node)].value;
}

void CostModel::Fit(const std::vector<std::vector<double>>& rows, absl::Span<const double> costs) {
  trees_.clear();
  const size_t n = rows.size();
  if (n < 2) return;
  struct Pair {
    int cheap, dear;
    double weight;
  };
  std::vector<Pair> pairs;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      if (costs[i] < costs[j])
        pairs.push_back({static_cast<int>(i), static_cast<int>(j), PairWeight(costs[i], costs[j])});
    }
  }
  // A row is in up to n pairs: the sums are brought to the scale of one row a pair.
  const double scale = 4.0 / static_cast<double>(n);
  std::vector<double> scores(n, 0.0);
  Fitting fit{rows, {}, {}, {}};
  for (size_t f = 0; f < rows[0].size(); ++f) {
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return fit.Value(a, f) < fit.Value(b, f); });
    fit.order.push_back(std::move(order));
  }
  for (int t = 0; t < options_.trees; ++t) {
    fit.slope.assign(n, 0.0);
    fit.curvature.assign(n, 0.0);
    for (const Pair& pair : pairs) {
      const size_t c = static_cast<size_t>(pair.cheap), d = static_cast<size_t>(pair.dear);
      const double wrong = 1 / (1 + std::exp(scores[d] - scores[c]));  // chance of the wrong order
      const double slope = scale * pair.weight * wrong;
      const double curvature = slope * (1 - wrong);
      fit.slope[c] += slope;
      fit.slope[d] -= slope;
      fit.curvature[c] += curvature;
      fit.curvature[d] += curvature;
    }
    Tree tree;
    Grow(fit, std::vector<char>(n, 1), options_.depth, &tree);
    for (Node& node : tree) node.value *= options_.learning_rate;
    for (size_t i = 0; i < n; ++i) scores[i] += Evaluate(tree, rows[i]);
    trees_.push_back(std::move(tree));
  }
}

double CostModel::Score(absl::Span<const double> features) const {
  double score = 0;
  for (const Tree& tree : trees_) score += Evaluate(tree, features);
  return score;
}

namespace {

std::vector<double> Ranks(absl::Span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return ranks;
}

}  // namespace

double RankCorrelation(absl::Span<const double> a, absl::Span<const double> b) {
  const std::vector<double> x = Ranks(a), y = Ranks(b);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace strata::compiler::tune
