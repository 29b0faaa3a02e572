#include "compiler/tools/op_rounding.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <string>

#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using graph::Node;

// Ops whose terms are the products or elements of their operands, so that the op on magnitudes adds up the terms'.
bool IsSum(const std::string& op) {
  static const std::set<std::string> kOps = {"reduce_sum",
                                             "sum_to",
                                             "matmul",
                                             "contract_leading",
                                             "embedding_gradient",
                                             "grouped_contract",
                                             "grouped_matmul",
                                             "moe_combine",
                                             "moe_dispatch",
                                             "moe_weight_gradient",
                                             "conv2d",
                                             "conv2d_gradient_input",
                                             "conv2d_gradient_weight"};
  return kOps.count(op) != 0;
}

// Ops that are not taken apart and whose inner steps may cancel, or that do not take magnitudes.
bool IsOpaque(const std::string& op) {
  static const std::set<std::string> kOps = {
      "attention",          "attention_gradient", "cross_entropy",       "cross_entropy_gradient",
      "paged_attention",    "matmul_packed",      "matmul_packed_group", "matmul_experts",
      "max_pool2d_gradient"};
  return kOps.count(op) != 0;
}

// Ops that only move or pick elements.
bool IsExact(const std::string& op) {
  static const std::set<std::string> kOps = {"reshape",
                                             "transpose",
                                             "slice",
                                             "pad",
                                             "concat",
                                             "constant",
                                             "iota",
                                             "select",
                                             "neg",
                                             "abs",
                                             "max",
                                             "min",
                                             "reduce_max",
                                             "embedding",
                                             "broadcast_to",
                                             "cache_update",
                                             "cache_write",
                                             "top_k",
                                             "relu",
                                             "after",
                                             "max_pool2d",
                                             "all_reduce",
                                             "all_gather",
                                             "broadcast",
                                             "embedding_packed",
                                             "reduce_scatter",
                                             "all_to_all",
                                             "shard",
                                             "rank_index",
                                             "collective_permute"};
  return kOps.count(op) != 0;
}

// How many roundings add up in one element of the result.
double TermsOf(const Node& node, const std::vector<HostTensor>& operands,
               const HostTensor& result) {
  if (node.op() == "embedding_gradient") return static_cast<double>(operands[0].elements());
  if (!IsSum(node.op()) && !IsOpaque(node.op())) return 0;
  if (node.op().rfind("conv2d", 0) == 0)  // all but the channels of w, or the places of dy
    return static_cast<double>(operands[1].elements() /
                               std::max<int64_t>(1, operands[1].dims().back()));
  if (node.op() == "moe_dispatch") return static_cast<double>(operands[1].elements());
  double elements = 0;
  for (const HostTensor& operand : operands)
    elements = std::max(elements, static_cast<double>(operand.elements()));
  const bool reduces = node.op() == "reduce_sum" || node.op() == "sum_to";
  if (reduces) return elements / static_cast<double>(std::max<int64_t>(1, result.elements()));
  double longest = 1;  // matrices: what is summed over is a dim, or all leading dims, of an operand
  for (const HostTensor& operand : operands) {
    double dims = 1;
    for (int64_t dim : operand.dims()) dims = std::max(dims, static_cast<double>(dim));
    if (node.op() == "contract_leading" && operand.rank() > 0)
      dims = static_cast<double>(operand.elements() / std::max<int64_t>(1, operand.dims().back()));
    longest = std::max(longest, dims);
  }
  return longest;
}

bool IsNumeric(const HostTensor& tensor) {  // not ids
  return chips::IsFloat(tensor.dtype()) || tensor.dtype() == chips::I8;
}

double LargestOf(const HostTensor& tensor) {
  double largest = 0;
  for (double value : tensor.ToDoubles()) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

// The sum of the finite terms' magnitudes: the op on the operands' magnitudes.
absl::StatusOr<std::vector<double>> Magnitudes(const Node& node,
                                               const std::vector<HostTensor>& operands,
                                               int output) {
  std::vector<HostTensor> sizes;
  for (const HostTensor& operand : operands) {
    if (!IsNumeric(operand)) {
      sizes.push_back(operand);
      continue;
    }
    std::vector<double> values = operand.ToDoubles();
    for (double& value : values) value = std::isfinite(value) ? std::fabs(value) : 0;
    sizes.push_back(HostTensor::FromDoubles(operand.dtype(), operand.dims(), values));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> results, graph::EvaluateNode(node, sizes));
  return results[static_cast<size_t>(output)].ToDoubles();
}

// What the terms of an opaque op are no larger than. Weights in bytes are below 2, or small.
double LargestTerm(const std::vector<HostTensor>& operands) {
  double bound = 1;
  for (const HostTensor& operand : operands) {
    if (IsNumeric(operand)) bound *= std::max(1.0, LargestOf(operand));
    if (operand.dtype() == chips::U8) bound *= 2;
  }
  return bound;
}

bool SumsInF32(chips::DType dtype) { return dtype == chips::F32 || dtype == chips::BF16; }

// What may come of a sum that overflows on the way.
constexpr double kOverflows[] = {NAN, HUGE_VAL, -HUGE_VAL, 0, 0};

}  // namespace

double EpsilonOf(chips::DType dtype) {
  switch (dtype) {
    case chips::F64:
      return 0x1p-52;
    case chips::F32:
      return 0x1p-23;
    case chips::F16:
      return 0x1p-10;
    case chips::BF16:
      return 0x1p-7;
    case chips::F8_E4M3:
      return 0x1p-3;
    case chips::F8_E5M2:
      return 0x1p-2;
    default:
      return 0;
  }
}

absl::Status MoveWithinRounding(const Node& node, const std::vector<HostTensor>& operands,
                                int output, std::mt19937* random, HostTensor* result) {
  const double epsilon = EpsilonOf(result->dtype());
  if (epsilon == 0 || IsExact(node.op())) return absl::OkStatus();
  std::vector<double> values = result->ToDoubles(), reach = values;
  const double terms = TermsOf(node, operands, *result);
  const bool adds = IsSum(node.op()), opaque = IsOpaque(node.op());
  if (adds) {
    STRATA_ASSIGN_OR_RETURN(reach, Magnitudes(node, operands, output));
  } else if (opaque) {
    const double bound = LargestTerm(operands);
    const bool overflows = bound * std::max(1.0, terms) > FLT_MAX;
    reach.assign(values.size(), overflows ? std::numeric_limits<double>::infinity() : bound);
  }
  std::uniform_real_distribution<double> uniform(-1, 1);
  const double amplitude = epsilon * (kRoundingUnits + terms / 4);
  for (size_t i = 0; i < values.size(); ++i) {
    const double most = std::max(std::fabs(values[i]), std::fabs(reach[i]));
    if (std::isfinite(most)) {
      values[i] += amplitude * uniform(*random) * most;
    } else if ((adds || opaque) && !std::isfinite(reach[i]) && SumsInF32(result->dtype())) {
      values[i] = kOverflows[(*random)() % std::size(kOverflows)];
    }
  }
  // A tensor of its own: the result may share storage with an operand.
  *result = HostTensor::FromDoubles(result->dtype(), result->dims(), values);
  return absl::OkStatus();
}

}  // namespace strata::compiler
