// The part of FindAttention that recognises the gradient. Internal to attention_match.
#ifndef STRATA_COMPILER_PASS_ATTENTION_BACKWARD_H_
#define STRATA_COMPILER_PASS_ATTENTION_BACKWARD_H_

#include <vector>

#include "compiler/pass/attention_match.h"
#include "compiler/pass/graph_uses.h"
#include "compiler/pass/index_algebra.h"

namespace strata::compiler {

// One step between the first product and softmax.
struct ScoreStep {
  enum Kind { kScale, kSelect, kAdd };
  const graph::Node* node = nullptr;
  int operand = -1;  // which operand the scores are
  Kind kind = kScale;
};

// What has been recognised of the forward pass.
struct AttentionForward {
  const graph::Node* first = nullptr;   // scores
  const graph::Node* second = nullptr;  // out
  graph::ValueId probabilities = graph::kNoValue;
  bool softmax_op = false;
  std::vector<ScoreStep> steps;  // from softmax back to the first product
  double scale = 1;
  bool causal = false;
  std::vector<int> nodes;
};

// Fills the gradient's part of `match` when the graph holds the gradient of `forward` as framework/autodiff makes it,
// all of it or without some of dq, dk, dv; otherwise leaves it alone.
void MatchAttentionBackward(const GraphUses& uses, IndexAlgebra* algebra,
                            const AttentionForward& forward, AttentionMatch* match);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ATTENTION_BACKWARD_H_
