// The equivalence matrix: every parallelism and their combinations, on a GPT and a mixture of experts, proved against one
// device. A row is a step of training on thread ranks, compared with the same step on one.
//
//   for (const MatrixRow& row : EquivalenceMatrix()) {
//     STRATA_ASSIGN_OR_RETURN(const MatrixResult result, Measure(row));
//     STRATA_RETURN_IF_ERROR(Check(result));
//   }
//
// What equal means. Losses, all gradients, all updated parameters and moments are compared element by element. A gradient
// may differ by u * (R + D) * A:
//   u = 2^-24, the most by which one rounding to f32 changes a number, relative to it;
//   D = the longest chain of rounding nodes of the one-device graph that ends in the gradient, R = the same of the
//       partitioned graph: a sum over n ranks counts n - 1, one over m microbatches m - 1, moving data nothing. The
//       reference kernels compute in f64 and round once an element, so a node is one rounding whatever its length;
//   A = the largest element of the gradient. Of a bias the larger of its own and its matrix's: the terms of the sum over
//       tokens have that size, where the sum cancels (a key's bias moves no score).
// That is the first order of a forward error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
// chapter 3) with amplification 1 along the chain; Result.worst says how much of it was used. Updates may differ by what
// AdamW makes of that difference (equivalence_matrix.cc).
#ifndef STRATA_DISTRIBUTED_EQUIVALENCE_MATRIX_H_
#define STRATA_DISTRIBUTED_EQUIVALENCE_MATRIX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/testing/tiny_models.h"
#include "distributed/testing/tiny_plans.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

struct MatrixRow {
  std::string model_name;  // "gpt", "moe", ...
  TinyModel model = {};
  TinyParallelism parallelism = {};

  std::string name() const;  // "gpt: pp2 x dp2 zero-1 1f1b m2"
  int ranks() const;
};

// All of them.
std::vector<MatrixRow> EquivalenceMatrix();

struct MatrixResult {
  std::string name;
  int ranks = 0;
  double worst = 0;        // largest difference of anything, in parts of its tolerance
  std::string worst_at;    // of which tensor
  int64_t gradients = 0;   // how many were compared, whole
  int64_t wire_bytes = 0;  // sent by all ranks, measured
  int64_t wire_formula = 0;
  int64_t peak_bytes = 0;  // of the rank with the highest, measured
  double peak_ratio = 1;   // measured / modelled, of the rank where it is furthest from 1
};

// Runs the row. Errors are those of the runtime; INTERNAL when a gradient or an update is missing on all ranks. `spoil`, if
// given, changes what a rank starts from, for tests of the test.
using Spoil = std::function<void(int rank, std::map<std::string, graph::HostTensor>* state)>;
absl::StatusOr<MatrixResult> Measure(const MatrixRow& row, const Spoil& spoil = nullptr);

// INTERNAL when something differs by more than its tolerance, bytes are not those of the formula, or the peak is not
// within 1 % of the model.
absl::Status Check(const MatrixResult& result);

// A line of the table in distributed/README.md; only what is the same on every machine.
std::string TableLine(const MatrixResult& result);
std::string TableHead();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_EQUIVALENCE_MATRIX_H_
