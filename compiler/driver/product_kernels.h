// ProductKernels: for the matrix products of a graph, alone or with what follows them, who makes
// the kernel, and the compiler's own.
//
//   const ProductKernels products(target.isa, target.chip, target.gemm_policy, target.gemm_records);
//   if (products.Choose(call).problem) ...                      // emitted, not the library's
//   absl::StatusOr<EmittedProduct> fused = products.EmitFused(node);   // a fusion of the kind "product"
//
// A fused kernel needs whole sums in its tiles: a config as deep as the sum is long, which may be
// slower than one that is not. EpiloguePrice() says how many bytes of traffic the fusion must save
// to pay for that.
#ifndef STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_
#define STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/gemm_choice.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/epilogue.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct EmittedProduct {
  GemmDecision decision;
  RegionEpilogue region;  // positions are of the node's inputs and outputs
  EmittedGemm kernels;    // with their references
};

class ProductKernels {
 public:
  ProductKernels(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
                 GemmRecords records);

  // For a "matmul" or "contract_leading"; of another call nothing.
  GemmDecision Choose(const graph::OpCall& call) const;

  // Nothing where no config has whole sums, or the library keeps the product.
  GemmDecision ChooseFused(const graph::OpCall& call) const;

  // Bytes; 0 or more. Of a call for which ChooseFused has a problem.
  int64_t EpiloguePrice(const graph::OpCall& call) const;

  // The kernels of a product by itself, whose `decision` has a problem.
  absl::StatusOr<EmittedProduct> EmitAlone(const graph::Graph& graph, const graph::Node& node,
                                           GemmDecision decision);

  // Of a product and what follows it. UNIMPLEMENTED or INVALID_ARGUMENT say why there is no one
  // kernel; the parts may have theirs.
  absl::StatusOr<EmittedProduct> EmitFused(const graph::Node& fusion);

 private:
  // EmitGemm, once for equal arguments.
  absl::StatusOr<EmittedGemm> Emit(const GemmProblem& problem, const GemmConfig& config,
                                   const GemmEpilogue& epilogue);
  absl::Status AddReferences(graph::Graph region, EmittedProduct* product) const;
  std::optional<GemmConfig> WithWholeSums(const GemmProblem& problem,
                                          const GemmConfig& config) const;

  std::string isa_;
  GemmMachine machine_;
  GemmRecords records_;
  GemmChooser chooser_;
  std::map<std::string, absl::StatusOr<EmittedGemm>> emitted_;  // by what is computed, and how
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_
