// Ablation: one graph compiled with each pass left out in turn, and what that costs.
//
//   STRATA_ASSIGN_OR_RETURN(const Ablation ablation, Ablate("gpt", graph, classes, {.measure = true}));
//   for (const Claim& claim : ClaimsOf(cnn, gpt)) ...
//
// Launches, bytes and memory are counted from the plans, so they are the same on every machine of
// one instruction set; time is measured and claims nothing.
#ifndef STRATA_COURSES_COMPILER_PASS_ABLATION_ABLATION_H_
#define STRATA_COURSES_COMPILER_PASS_ABLATION_ABLATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/lab/claims.h"
#include "framework/graph/graph.pb.h"

namespace strata::courses {

struct Variant {
  std::string name;  // "all passes", "no fusion", ...
  std::vector<std::string> skipped;
  std::string gemm = "fastest";  // CompileOptions::gemm
  int launches = 0;              // steps of the plan: kernels, library calls, copies, host calls
  int host_calls = 0;            // of these, nodes that only the interpreter's kernel can run
  double bytes = 0;              // read and written by all steps, each operand once
  double arena = 0;              // bytes of the arena: the peak of what lives between steps
  double seconds = 0;            // the best of a few runs; 0 when not measured
  // Largest difference to the interpreter's results, of each result's largest magnitude.
  double worst = 0;
  double loss = 0;  // when measured
};

struct Ablation {
  std::string model;
  std::vector<Variant> variants;  // "all passes" first

  // By one pass left out, or several joined with " + ".
  const Variant& Without(const std::string& passes) const;
  // With the compiler's own kernels for matrix products, which epilogue_fusion has something to do
  // for.
  const Variant& Emitted(bool epilogues) const;
  const Variant& All() const { return variants.front(); }
};

struct AblationOptions {
  bool measure = false;  // run on the device `cpu`
  // Compare the graph after all passes with the graph before, by the interpreter.
  bool verify = true;
  int runs = 7;
};

absl::StatusOr<Ablation> Ablate(const std::string& model, const graph::Graph& graph,
                                int64_t classes, const AblationOptions& options);

std::vector<Claim> ClaimsOf(const Ablation& cnn, const Ablation& gpt);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_PASS_ABLATION_ABLATION_H_
