#include "inference/compress/calibration.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

using graph::Graph;
using graph::HostTensor;

// The graph with the values asked for as its outputs.
Graph Observed(const Graph& graph, const std::vector<uint32_t>& values) {
  Graph observed = graph;
  observed.clear_outputs();
  for (uint32_t value : values) {
    auto* output = observed.add_outputs();
    output->set_value(value);
    output->set_name(absl::StrCat("v", value));
    output->set_combine(graph::REPLICATED);
  }
  return observed;
}

absl::StatusOr<double> RangeOf(const HostTensor& tensor, double percentile) {
  std::vector<double> sizes = tensor.ToDoubles();
  if (sizes.empty()) return 0.0;
  for (double& size : sizes) {
    if (!std::isfinite(size)) return absl::InvalidArgumentError("is not finite on the sample data");
    size = std::fabs(size);
  }
  const double rank = std::ceil(percentile / 100 * static_cast<double>(sizes.size()));
  const auto nth = sizes.begin() + static_cast<int64_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(sizes.begin(), nth, sizes.end());
  return *nth;
}

}  // namespace

absl::StatusOr<std::vector<HostTensor>> BindInputs(const Graph& graph,
                                                   absl::Span<const HostTensor> data,
                                                   const NamedTensors& weights) {
  std::vector<HostTensor> inputs;
  size_t used = 0;
  for (const auto& input : graph.inputs()) {
    const std::string& name = graph.values(static_cast<int>(input.value())).name();
    if (input.kind() == graph::PARAMETER) {
      auto it = weights.find(name);
      if (it == weights.end()) return absl::NotFoundError(absl::StrCat("no weight '", name, "'"));
      inputs.push_back(it->second);
    } else if (input.kind() == graph::DATA && used < data.size()) {
      inputs.push_back(data[used++]);
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "input '", name, "': ",
          input.kind() == graph::DATA ? "no data is left for it" : "is kept from call to call"));
    }
  }
  if (used == data.size()) return inputs;
  return absl::InvalidArgumentError(
      absl::StrCat("the graph takes ", used, " data inputs and is given ", data.size()));
}

absl::StatusOr<std::map<uint32_t, double>> CalibrateRanges(
    const Graph& graph, const NamedTensors& weights,
    absl::Span<const std::vector<HostTensor>> batches, const std::vector<uint32_t>& values,
    const CalibrationOptions& options, graph::Evaluator& evaluator) {
  if (batches.empty())
    return absl::InvalidArgumentError("calibration needs at least one batch of sample data");
  if (!(options.percentile > 0 && options.percentile <= 100)) {
    return absl::InvalidArgumentError(
        absl::StrCat("percentile: is ", options.percentile, "; must be above 0 and at most 100"));
  }
  const Graph observed = Observed(graph, values);
  std::map<uint32_t, double> ranges;
  for (const std::vector<HostTensor>& batch : batches) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> inputs,
                            BindInputs(graph, batch, weights));
    STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> results,
                            evaluator.Evaluate(observed, inputs));
    for (size_t i = 0; i < values.size(); ++i) {
      const absl::StatusOr<double> range = RangeOf(results[i], options.percentile);
      const auto& value = graph.values(static_cast<int>(values[i]));
      if (!range.ok()) return Annotate(range.status(), absl::StrCat("value '", value.name(), "'"));
      ranges[values[i]] = std::max(ranges[values[i]], *range);
    }
  }
  return ranges;
}

}  // namespace strata::inference
