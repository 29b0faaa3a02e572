// Calibration: how large the activations of a graph get on sample data, which is what their scales are chosen by.
//
//   STRATA_ASSIGN_OR_RETURN(auto ranges, CalibrateRanges(graph, weights, {{image1}, {image2}}, {value_id}, {}, evaluator));
#ifndef STRATA_INFERENCE_COMPRESS_CALIBRATION_H_
#define STRATA_INFERENCE_COMPRESS_CALIBRATION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::inference {

using NamedTensors = std::map<std::string, graph::HostTensor>;

struct CalibrationOptions {
  // The range holds this share of a batch's elements by magnitude; the rest saturates. 100: all of them. Outliers cost
  // the others resolution: Wu et al. 2020 (arXiv:2004.09602), section 3.2.
  double percentile = 100;
};

// Arguments of `graph` in its order: DATA inputs from `data` in order, PARAMETERs from `weights` by name. NOT_FOUND names
// a parameter without a tensor; STATE inputs and another number of DATA inputs are INVALID_ARGUMENT.
absl::StatusOr<std::vector<graph::HostTensor>> BindInputs(const graph::Graph& graph,
                                                          absl::Span<const graph::HostTensor> data,
                                                          const NamedTensors& weights);

// By value id: the largest |x| (or its percentile) over all batches. INVALID_ARGUMENT without batches, for a percentile
// outside (0, 100], and for a value that is not finite.
absl::StatusOr<std::map<uint32_t, double>> CalibrateRanges(
    const graph::Graph& graph, const NamedTensors& weights,
    absl::Span<const std::vector<graph::HostTensor>> batches, const std::vector<uint32_t>& values,
    const CalibrationOptions& options, graph::Evaluator& evaluator);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_CALIBRATION_H_
