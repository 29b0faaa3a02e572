#include "inference/engine/rejection.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace strata::inference {
namespace {

// Probabilities of all tokens.
std::vector<double> Dense(const Choices& choices, int64_t vocabulary) {
  std::vector<double> dense(static_cast<size_t>(vocabulary), 0.0);
  for (size_t i = 0; i < choices.weights.size(); ++i) {
    const size_t token = choices.tokens.empty() ? i : static_cast<size_t>(choices.tokens[i]);
    dense[token] = choices.weights[i] / choices.total;
  }
  return dense;
}

}  // namespace

Verdict AcceptOrReplace(const Choices& p, const Choices& q, int32_t candidate,
                        const Uniforms& uniforms, int64_t vocabulary) {
  std::vector<double> target = Dense(p, vocabulary);
  const std::vector<double> draft = Dense(q, vocabulary);
  const auto x = static_cast<size_t>(candidate);
  if (uniforms.accept * draft[x] < target[x]) return {true, candidate};
  Choices rest;
  rest.weights = std::move(target);
  for (size_t i = 0; i < rest.weights.size(); ++i) {
    rest.weights[i] = std::max(0.0, rest.weights[i] - draft[i]);
    rest.total += rest.weights[i];
  }
  if (rest.total <= 0) return {false, Draw(p, uniforms.draw)};  // p is q up to rounding
  return {false, Draw(rest, uniforms.draw)};
}

}  // namespace strata::inference
