#include "chips/npu/tool/make_gemm.h"

#include <utility>

#include "chips/npu/davinci/davinci_gemm.h"
#include "chips/npu/sim/gemm.h"
#include "chips/numerics/dtype.h"

namespace strata::chips::npu {

absl::StatusOr<Program> MakeGemmFor(const Machine& machine, const GemmRequest& request) {
  STRATA_ASSIGN_OR_RETURN(const DType type, ParseDType(request.type));
  if (machine.has_davinci()) {
    return davinci::MakeDavinciGemm(
        machine, {request.m, request.k, request.n, type, request.double_buffered, request.bias,
                  request.relu, request.narrow});
  }
  if (request.bias || request.relu || request.narrow) {
    return absl::InvalidArgumentError(
        "--bias, --relu, --narrow: only the generator of DaVinci cores makes them; leave them out");
  }
  STRATA_ASSIGN_OR_RETURN(GemmProgram gemm, MakeGemm(machine, {request.m, request.k, request.n,
                                                               type, request.double_buffered}));
  return std::move(gemm.program);
}

}  // namespace strata::chips::npu
