// CostModel: learns from measured costs which of two configs is cheaper. Gradient-boosted regression trees (Friedman:
// Greedy function approximation, 2001) on a pairwise logistic loss (Burges et al.: Learning to rank using gradient
// descent, 2005), as auto-tuners of tensor programs use them (Chen et al.: Learning to optimize tensor programs, 2018).
//
//   CostModel model;
//   model.Fit(features, costs);               // one row a trial; a failed one costs infinity
//   if (model.Score(a) < model.Score(b)) ...  // a is expected to be cheaper
//
// Scores order configs and mean nothing else. Deterministic: the same rows give the same model.
#ifndef STRATA_COMPILER_TUNE_COST_MODEL_H_
#define STRATA_COMPILER_TUNE_COST_MODEL_H_

#include <vector>

#include "absl/types/span.h"

namespace strata::compiler::tune {

class CostModel {
 public:
  struct Options {
    int trees = 48;
    int depth = 3;
    int min_leaf = 2;  // rows
    double learning_rate = 0.25;
    double regularisation = 1;  // of a leaf's value, in units of its curvature
  };
  CostModel() = default;
  explicit CostModel(const Options& options) : options_(options) {}

  // `rows` all of one length; as many costs, each > 0 or infinity. Forgets what it learned before.
  void Fit(const std::vector<std::vector<double>>& rows, absl::Span<const double> costs);

  // 0 for all before Fit.
  double Score(absl::Span<const double> features) const;

 private:
  struct Node {
    int feature = -1;  // -1: a leaf
    double threshold = 0;
    int left = -1, right = -1;  // values <= threshold go left
    double value = 0;
  };
  using Tree = std::vector<Node>;
  struct Fitting;
  int Grow(const Fitting& fit, const std::vector<char>& in, int depth, Tree* tree) const;
  static double Evaluate(const Tree& tree, absl::Span<const double> features);

  Options options_;
  std::vector<Tree> trees_;
};

// Spearman's rank correlation of two lists of the same length: 1 for the same order, -1 for the opposite, 0 for none or
// for fewer than two entries. Equal values share their mean rank.
double RankCorrelation(absl::Span<const double> a, absl::Span<const double> b);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_COST_MODEL_H_
