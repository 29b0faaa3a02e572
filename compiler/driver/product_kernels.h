// ProductKernels: for the matrix products of a graph, alone or with what follows them, who makes the kernel, and the
// compiler's own.
//
//   const ProductKernels products(target.isa, target.chip, target.gemm_policy, target.gemm_records);
//   if (products.Choose(call).problem) ...                      // emitted, not the library's
//   absl::StatusOr<FusedProduct> fused = products.EmitFused(node);   // a fusion of the kind "product"
//
// A fused kernel needs whole sums in its tiles: a config as deep as the sum is long, which may be slower than one that
// is not. EpiloguePrice() says how many bytes of traffic the fusion must save to pay for that.
#ifndef STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_
#define STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/gemm_choice.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/epilogue.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct FusedProduct {
  GemmDecision decision;
  RegionEpilogue region;
  EmittedGemm kernels;
};

class ProductKernels {
 public:
  ProductKernels(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
                 GemmRecords records);

  // For a "matmul" or "contract_leading"; of another call nothing.
  GemmDecision Choose(const graph::OpCall& call) const;

  // Whether a kernel of this instruction set can do what follows a product at all.
  bool EmitsEpilogues() const;

  // Nothing where no config has whole sums, or the library keeps the product.
  GemmDecision ChooseFused(const graph::OpCall& call) const;

  // Bytes; 0 or more. Of a call for which ChooseFused has a problem.
  int64_t EpiloguePrice(const graph::OpCall& call) const;

  // UNIMPLEMENTED or INVALID_ARGUMENT say why there is no one kernel; the parts may have theirs.
  absl::StatusOr<FusedProduct> EmitFused(const graph::Node& fusion) const;

 private:
  std::string isa_;
  GemmMachine machine_;
  GemmChooser chooser_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PRODUCT_KERNELS_H_
