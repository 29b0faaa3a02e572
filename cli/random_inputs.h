// Inputs for a plan nobody gave inputs for: small random floats, any bytes, other integers zero (valid ids, positions).
#ifndef STRATA_CLI_RANDOM_INPUTS_H_
#define STRATA_CLI_RANDOM_INPUTS_H_

#include <vector>

#include "compiler/plan/plan.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::cli {

std::vector<graph::HostTensor> RandomInputs(const plan::Plan& plan);

}  // namespace strata::cli

#endif  // STRATA_CLI_RANDOM_INPUTS_H_
