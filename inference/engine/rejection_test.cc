#include "inference/engine/rejection.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace strata::inference {
namespace {

Choices All(std::vector<double> weights) {
  Choices choices;
  for (double weight : weights) choices.total += weight;
  choices.weights = std::move(weights);
  return choices;
}

// Pearson's statistic of counts against p; tokens of probability 0 must not occur.
double ChiSquare(const std::vector<int64_t>& counts, const Choices& p, int64_t draws) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = static_cast<double>(draws) * p.weights[i] / p.total;
    if (expected == 0) {
      EXPECT_EQ(counts[i], 0);
      continue;
    }
    sum += (static_cast<double>(counts[i]) - expected) *
           (static_cast<double>(counts[i]) - expected) / expected;
  }
  return sum;
}

// Speculation loses nothing: drawn from q and judged by the rule, tokens are distributed as p. With 7 degrees of freedom
// the statistic is above 40 once in a million; the draws are fixed by the seeds.
TEST(Rejection, WhatComesOutIsDistributedAsTheModel) {
  constexpr int64_t kVocabulary = 8, kDraws = 40000;
  const std::vector<Choices> distributions = {
      All({1, 1, 1, 1, 1, 1, 1, 1}), All({8, 4, 2, 1, 1, 1, 1, 1}), All({0, 0, 5, 1, 0, 2, 0, 0}),
      All({0, 0, 0, 0, 0, 0, 0, 1}), All({1, 2, 3, 4, 5, 6, 7, 8})};
  uint64_t seed = 0;
  for (const Choices& p : distributions) {
    for (const Choices& q : distributions) {
      ++seed;
      std::vector<int64_t> counts(kVocabulary);
      int64_t accepted = 0;
      for (uint64_t n = 0; n < kDraws; ++n) {
        const int32_t candidate = Draw(q, UniformsAt(seed + 1000, n).draw);
        const Verdict verdict = AcceptOrReplace(p, q, candidate, UniformsAt(seed, n), kVocabulary);
        ++counts[static_cast<size_t>(verdict.token)];
        accepted += verdict.accepted;
      }
      EXPECT_LT(ChiSquare(counts, p, kDraws), 40);
      // Leviathan et al., theorem 3.5: accepted with probability sum of min(p, q).
      double overlap = 0;
      for (size_t i = 0; i < kVocabulary; ++i)
        overlap += std::min(p.weights[i] / p.total, q.weights[i] / q.total);
      EXPECT_NEAR(static_cast<double>(accepted), kDraws * overlap,
                  5 * std::sqrt(kDraws * overlap * (1 - overlap)) + 1e-6 * kDraws);
    }
  }
}

TEST(Rejection, AFilteredDistributionIsKeptToo) {
  const std::vector<float> logits = {2.0f, 1.0f, 0.5f, 0.0f, -1.0f, 1.5f, 0.2f, 0.1f};
  const Choices p = ChooseTokens(logits, {.temperature = 0.9, .top_k = 3});
  const Choices q = ChooseTokens(logits, {.temperature = 2.0});
  Choices dense;
  dense.weights.resize(8);
  for (size_t i = 0; i < p.tokens.size(); ++i)
    dense.weights[static_cast<size_t>(p.tokens[i])] = p.weights[i];
  dense.total = p.total;
  std::vector<int64_t> counts(8);
  for (uint64_t n = 0; n < 40000; ++n) {
    const int32_t candidate = Draw(q, UniformsAt(5, n).draw);
    ++counts[static_cast<size_t>(AcceptOrReplace(p, q, candidate, UniformsAt(6, n), 8).token)];
  }
  EXPECT_LT(ChiSquare(counts, dense, 40000), 40);
}

}  // namespace
}  // namespace strata::inference
